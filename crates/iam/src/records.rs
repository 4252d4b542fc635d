//! What is stored of identities.
//!
//! Ids are stored as the numbers and texts they are made of, and parsed again when read: a damaged record is an error,
//! never a wrong identity.

use crate::Error;
use aws_lc_rs::digest::{SHA256, digest};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::{self, NoBefore, Record};
use baleen_policy::Role;
use baleen_sealing::Context;
use baleen_types::{AccessKeyId, AccountId, ProjectId, Secret, Timestamp, UserId, UserName};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Declares the first version of a stored shape.
macro_rules! first_version {
    ($name:ident, $shown:literal) => {
        impl Record for $name {
            const NAME: &'static str = $shown;
            const VERSION: u8 = 1;
            type Before = NoBefore;
            fn migrate(before: NoBefore) -> Self {
                match before {}
            }
        }
    };
}

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

/// A user of a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredUser {
    pub(crate) name: String,
    pub(crate) role: StoredRole,
    pub(crate) created_ns: i64,
}
first_version!(StoredUser, "user");

impl StoredUser {
    pub(crate) fn key(account: AccountId, user: UserId) -> Vec<u8> {
        KeyWriter::new(Table::User)
            .u64(account.as_u64())
            .u64(user.as_u64())
            .finish()
    }

    pub(crate) fn name(&self) -> Result<UserName, Error> {
        UserName::parse(&self.name).map_err(|_| Error::Damaged("user"))
    }
}

/// A role as it is stored; its own type, so that the order of `policy::Role` may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredRole {
    Root,
    Admin,
    User,
}

impl From<StoredRole> for Role {
    fn from(role: StoredRole) -> Self {
        match role {
            StoredRole::Root => Self::Root,
            StoredRole::Admin => Self::Admin,
            StoredRole::User => Self::User,
        }
    }
}

/// An access key with its sealed secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredKey {
    pub(crate) account: u64,
    pub(crate) user: u64,
    pub(crate) sealed_secret: Vec<u8>,
    pub(crate) status: KeyStatus,
    pub(crate) created_ns: i64,
}
first_version!(StoredKey, "access key");

impl StoredKey {
    pub(crate) fn key(id: &AccessKeyId) -> Vec<u8> {
        KeyWriter::new(Table::AccessKey).tail(id.as_str())
    }

    pub(crate) fn by_user_key(account: AccountId, user: UserId, id: &AccessKeyId) -> Vec<u8> {
        KeyWriter::new(Table::AccessKeyByUser)
            .u64(account.as_u64())
            .u64(user.as_u64())
            .tail(id.as_str())
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
pub(crate) enum KeyStatus {
    Active,
    Inactive,
}

/// An API token; the token itself is not stored, only the hash it is found by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredToken {
    pub(crate) account: u64,
    pub(crate) user: u64,
    pub(crate) created_ns: i64,
}
first_version!(StoredToken, "API token");

impl StoredToken {
    pub(crate) fn key(hash: ApiTokenHash) -> Vec<u8> {
        KeyWriter::new(Table::ApiToken).fixed(&hash.0).finish()
    }

    pub(crate) fn by_user_key(account: AccountId, user: UserId, hash: ApiTokenHash) -> Vec<u8> {
        KeyWriter::new(Table::ApiTokenByUser)
            .u64(account.as_u64())
            .u64(user.as_u64())
            .fixed(&hash.0)
            .finish()
    }
}

/// SHA-256 of an API token. A plain hash is enough: a token has 128 random bits, so there is nothing to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ApiTokenHash(pub(crate) [u8; 32]);

impl ApiTokenHash {
    pub(crate) fn of(token: &Secret) -> Self {
        let hash = digest(&SHA256, token.expose().as_bytes());
        Self(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// Encodes a record of plain fields.
pub(crate) fn encode<R: Record>(value: &R) -> Result<Bytes, Error> {
    record::encode(value).map_err(|error| Error::Meta(error.into()))
}

/// The account id that a record holds.
pub(crate) fn account_id(number: u64) -> Result<AccountId, Error> {
    AccountId::parse(&number.to_string()).map_err(|_| Error::Damaged("account id"))
}

/// The user id that a record holds.
pub(crate) fn user_id(number: u64) -> Result<UserId, Error> {
    UserId::parse(&number.to_string()).map_err(|_| Error::Damaged("user id"))
}

/// The access key id that a record holds.
pub(crate) fn access_key_id(text: &str) -> Result<AccessKeyId, Error> {
    AccessKeyId::parse(text).map_err(|_| Error::Damaged("access key id"))
}

/// Nanoseconds of a time, as records hold it.
pub(crate) fn stamp(at: Timestamp) -> i64 {
    at.as_nanos()
}
