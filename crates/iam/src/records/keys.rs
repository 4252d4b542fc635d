//! Access keys.

use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::Record;
use baleen_sealing::Context;
use baleen_types::{AccessKeyId, AccountId, UserId};
use serde::{Deserialize, Serialize};

/// An access key with its sealed secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredKey {
    pub(crate) account: u64,
    pub(crate) user: u64,
    pub(crate) sealed_secret: Vec<u8>,
    pub(crate) status: StoredKeyStatus,
    pub(crate) created_ns: i64,
    pub(crate) last_used: Option<StoredUse>,
}

impl Record for StoredKey {
    const NAME: &'static str = "access key";
    const VERSION: u8 = 2;
    type Before = v1::StoredKey;
    fn migrate(before: v1::StoredKey) -> Self {
        Self {
            account: before.account,
            user: before.user,
            sealed_secret: before.sealed_secret,
            status: before.status,
            created_ns: before.created_ns,
            last_used: None,
        }
    }
}

impl StoredKey {
    pub(crate) fn key(id: &AccessKeyId) -> Vec<u8> {
        KeyWriter::new(Table::AccessKey).tail(id.as_str())
    }

    pub(crate) fn by_user_key(account: AccountId, user: UserId, id: &AccessKeyId) -> Vec<u8> {
        Self::of_user(account, user).tail(id.as_str())
    }

    pub(crate) fn of_user(account: AccountId, user: UserId) -> KeyWriter {
        KeyWriter::new(Table::AccessKeyByUser)
            .u64(account.as_u64())
            .u64(user.as_u64())
    }

    /// What the sealed secret is bound to: a secret moved to another key does not open.
    pub(crate) fn context(id: &AccessKeyId) -> Context<'_> {
        Context {
            purpose: "access-key",
            id: id.as_str(),
        }
    }
}

/// Whether an access key may sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredKeyStatus {
    Active,
    Inactive,
}

/// What a key was used for last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredUse {
    pub(crate) at_ns: i64,
    pub(crate) service: String,
    pub(crate) region: String,
}

/// The shape of the first releases, which did not note uses.
pub(crate) mod v1 {
    use super::{Deserialize, Serialize, StoredKeyStatus};
    use baleen_meta::record::first_version;

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub(crate) struct StoredKey {
        pub(crate) account: u64,
        pub(crate) user: u64,
        pub(crate) sealed_secret: Vec<u8>,
        pub(crate) status: StoredKeyStatus,
        pub(crate) created_ns: i64,
    }
    first_version!(StoredKey, "access key");
}
