//! What is stored: lines, and where each account's chain begins and ends.

use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::record::first_version;
use baleen_types::AccountId;
use serde::{Deserialize, Serialize};

use crate::Error;

/// An entry: the line itself, since it is what was hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredLine {
    pub(crate) line: String,
}
first_version!(StoredLine, "audit entry");

impl StoredLine {
    pub(crate) fn key(account: AccountId, sequence: u64) -> Vec<u8> {
        KeyWriter::new(Table::Audit)
            .u64(account.as_u64())
            .u64(sequence)
            .finish()
    }

    pub(crate) fn sequence(key: &[u8]) -> Result<u64, Error> {
        let mut reader = KeyReader::new(key, Table::Audit)?;
        reader.u64()?;
        Ok(reader.u64()?)
    }
}

/// Where the chain of an account begins and ends. Without entries nothing is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredHead {
    /// The number of the oldest entry that is kept.
    pub(crate) first: u64,
    /// The number of the newest entry.
    pub(crate) last: u64,
    /// Hash of the newest line.
    pub(crate) newest: [u8; 32],
    /// Hash of the line before the oldest that is kept.
    pub(crate) anchor: [u8; 32],
}
first_version!(StoredHead, "audit head");

impl StoredHead {
    /// The head of an account without entries: the next is number 1.
    pub(crate) fn empty() -> Self {
        Self {
            first: 1,
            ..Self::default()
        }
    }

    pub(crate) fn key(account: AccountId) -> Vec<u8> {
        KeyWriter::new(Table::AuditHead).u64(account.as_u64()).finish()
    }

    pub(crate) fn all() -> Vec<u8> {
        KeyWriter::new(Table::AuditHead).finish()
    }

    pub(crate) fn account(key: &[u8]) -> Result<AccountId, Error> {
        let number = KeyReader::new(key, Table::AuditHead)?.u64()?;
        AccountId::parse(&format!("{number:012}")).map_err(|_| Error::Damaged {
            sequence: 0,
            why: "its account is none",
        })
    }
}
