//! Keys of this crate's tables; their components are listed in `baleen_meta::keys::Table`.

use crate::RuleId;
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_types::{AccountId, CustomerName, ProjectId};

pub(crate) fn account(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::Account).u64(account.as_u64()).finish()
}

/// The prefix of all accounts.
pub(crate) fn accounts() -> Vec<u8> {
    KeyWriter::new(Table::Account).finish()
}

/// The number of the account in the key of its record.
pub(crate) fn account_of(key: &[u8]) -> Result<u64, baleen_meta::Error> {
    KeyReader::new(key, Table::Account)?.u64()
}

pub(crate) fn by_project(project: ProjectId) -> Vec<u8> {
    KeyWriter::new(Table::AccountByProject)
        .fixed(project.as_bytes())
        .finish()
}

pub(crate) fn by_name(name: &CustomerName) -> Vec<u8> {
    KeyWriter::new(Table::CustomerByName).tail(name.as_str())
}

/// The prefix of all names.
pub(crate) fn names() -> Vec<u8> {
    KeyWriter::new(Table::CustomerByName).finish()
}

pub(crate) fn by_reseller(reseller: AccountId, customer: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::CustomerByReseller)
        .u64(reseller.as_u64())
        .u64(customer.as_u64())
        .finish()
}

/// The prefix of all customers of a reseller.
pub(crate) fn customers_of(reseller: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::CustomerByReseller)
        .u64(reseller.as_u64())
        .finish()
}

/// The number of the customer's account in a key of a reseller's list.
pub(crate) fn customer_of(key: &[u8]) -> Result<u64, baleen_meta::Error> {
    let mut reader = KeyReader::new(key, Table::CustomerByReseller)?;
    reader.u64()?;
    reader.u64()
}

pub(crate) fn rule(account: AccountId, id: RuleId) -> Vec<u8> {
    KeyWriter::new(Table::WhitelistRule)
        .u64(account.as_u64())
        .fixed(id.as_bytes())
        .finish()
}

/// The prefix of all rules of an account.
pub(crate) fn rules(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::WhitelistRule).u64(account.as_u64()).finish()
}

/// The rule in a key.
pub(crate) fn rule_of(key: &[u8]) -> Result<RuleId, baleen_meta::Error> {
    let mut reader = KeyReader::new(key, Table::WhitelistRule)?;
    reader.u64()?;
    reader.fixed().map(RuleId::from_bytes)
}
