//! The first account and its first user.

use super::ApiTokenHash;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::first_version;
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
