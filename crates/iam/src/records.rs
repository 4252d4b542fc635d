//! What is stored of identities.
//!
//! Ids are stored as the numbers and texts they are made of, and parsed again when read: a damaged record is an error,
//! never a wrong identity.
//!
//! What hangs from a user (keys, attachments, inline policies) is fenced by the user's own record: who adds or removes
//! something requires the record it read and writes it with a higher [`StoredUser::change`]. So limits are exact, and a
//! user is not deleted while something is being hung on it. The versions of a policy are fenced by the policy's record.

mod accounts;
pub(crate) mod keys;
mod policies;
mod saml;
mod sessions;
pub(crate) mod users;

pub(crate) use crate::tokens::record::{ApiTokenHash, StoredToken};
pub(crate) use accounts::Root;
pub(crate) use keys::{StoredKey, StoredKeyStatus, StoredUse};
pub(crate) use policies::{StoredInline, StoredPolicy, StoredVersion, attached_key, attached_to_key, attachments_key};
pub(crate) use saml::{StoredConnection, StoredOnce};
pub(crate) use sessions::{ConnectionId, Room, StoredKind, StoredSession};
pub(crate) use users::{StoredAuth, StoredRole, StoredUser};

use crate::Error;
use aws_lc_rs::digest::{SHA256, digest};
use baleen_meta::record::{self, Record};
use baleen_types::{AccessKeyId, AccountId, Timestamp, UserId};
use bytes::Bytes;

/// Encodes a record of plain fields.
pub(crate) fn encode<R: Record>(value: &R) -> Result<Bytes, Error> {
    record::encode(value).map_err(|error| Error::Meta(error.into()))
}

/// Decodes a record of this or an older version.
pub(crate) fn decode<R: Record>(bytes: &[u8]) -> Result<R, Error> {
    record::decode(bytes).map_err(|error| Error::Meta(error.into()))
}

/// The account id that a record holds.
pub(crate) fn account_id(number: u64) -> Result<AccountId, Error> {
    AccountId::parse(&format!("{number:012}")).map_err(|_| Error::Damaged("account id"))
}

/// The user id that a record holds.
pub(crate) fn user_id(number: u64) -> Result<UserId, Error> {
    UserId::parse(&format!("{number:012}")).map_err(|_| Error::Damaged("user id"))
}

/// The access key id that a record holds.
pub(crate) fn access_key_id(text: &str) -> Result<AccessKeyId, Error> {
    AccessKeyId::parse(text).map_err(|_| Error::Damaged("access key id"))
}

/// Nanoseconds of a time, as records hold it.
pub(crate) fn stamp(at: Timestamp) -> i64 {
    at.as_nanos()
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let hash = digest(&SHA256, bytes);
    hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests;
