//! The account and its first user.

use super::{ApiTokenHash, first_version};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_types::{AccountId, ProjectId};
use serde::{Deserialize, Serialize};

/// Which account and which credentials are the root's; there is one in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Root {
    pub(crate) account: u64,
    pub(crate) user: u64,
    pub(crate) access_key: String,
    pub(crate) token: ApiTokenHash,
}
first_version!(Root, "root");

impl Root {
    pub(crate) fn key() -> Vec<u8> {
        KeyWriter::new(Table::System).tail("root")
    }
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredAccount {
    pub(crate) project: [u8; ProjectId::BYTES],
    pub(crate) created_ns: i64,
}
first_version!(StoredAccount, "account");

impl StoredAccount {
    pub(crate) fn key(account: AccountId) -> Vec<u8> {
        KeyWriter::new(Table::Account).u64(account.as_u64()).finish()
    }

    pub(crate) fn by_project_key(project: ProjectId) -> Vec<u8> {
        KeyWriter::new(Table::AccountByProject)
            .fixed(project.as_bytes())
            .finish()
    }
}
