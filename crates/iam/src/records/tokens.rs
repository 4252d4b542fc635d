//! API tokens.

use super::{first_version, sha256};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_types::{AccountId, Secret, UserId};
use serde::{Deserialize, Serialize};

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
        Self(sha256(token.expose().as_bytes()))
    }
}
