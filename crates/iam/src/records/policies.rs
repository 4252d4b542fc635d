//! Managed policies, their versions and attachments, and inline policies.

use crate::Error;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::first_version;
use baleen_types::{AccountId, UserId};
use serde::{Deserialize, Serialize};

/// A managed policy, without its documents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPolicy {
    /// `ANPA…`; the versions hang from it, so that a policy of the same name made later does not meet them.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) description: String,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) default_version: u32,
    /// The highest number ever given to a version; a number is not used again.
    pub(crate) newest_version: u32,
    pub(crate) created_ns: i64,
    pub(crate) updated_ns: i64,
    /// Goes up with each change of the policy or its versions, see [`super`].
    pub(crate) change: u64,
}
first_version!(StoredPolicy, "policy");

/// Characters in the id of a policy or of a version.
const ID_CHARS: usize = 21;

impl StoredPolicy {
    /// The key without a name holds a counter of the account's policies.
    pub(crate) fn key(account: AccountId, folded: &str) -> Vec<u8> {
        KeyWriter::new(Table::Policy).u64(account.as_u64()).tail(folded)
    }

    fn id(&self) -> Result<&[u8; ID_CHARS], Error> {
        self.id.as_bytes().try_into().map_err(|_| Error::Damaged("policy"))
    }
}

/// One document of a managed policy. Never changed once written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredVersion {
    /// `ANVA…`; the compiled document is cached under it.
    pub(crate) id: String,
    pub(crate) document: String,
    pub(crate) created_ns: i64,
}
first_version!(StoredVersion, "policy version");

impl StoredVersion {
    pub(crate) fn key(account: AccountId, policy: &StoredPolicy, number: u32) -> Result<Vec<u8>, Error> {
        Ok(Self::of_policy(account, policy)?.u32(number).finish())
    }

    pub(crate) fn of_policy(account: AccountId, policy: &StoredPolicy) -> Result<KeyWriter, Error> {
        Ok(KeyWriter::new(Table::PolicyVersion)
            .u64(account.as_u64())
            .fixed(policy.id()?))
    }
}

/// A policy that belongs to one user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredInline {
    /// New with each change; the compiled document is cached under it.
    pub(crate) id: String,
    pub(crate) document: String,
}
first_version!(StoredInline, "inline policy");

impl StoredInline {
    pub(crate) fn key(account: AccountId, user: UserId, name: &str) -> Vec<u8> {
        Self::of_user(account, user).tail(name)
    }

    pub(crate) fn of_user(account: AccountId, user: UserId) -> KeyWriter {
        KeyWriter::new(Table::InlinePolicy)
            .u64(account.as_u64())
            .u64(user.as_u64())
    }
}

/// Says that a policy is attached to a user; without a policy, the start of all of them.
pub(crate) fn attached_key(account: AccountId, user: UserId, folded: &str) -> Vec<u8> {
    KeyWriter::new(Table::PolicyByUser)
        .u64(account.as_u64())
        .u64(user.as_u64())
        .tail(folded)
}

/// Says the same from the policy's side.
pub(crate) fn attached_to_key(account: AccountId, folded: &str, user: UserId) -> Vec<u8> {
    attachments(account, folded).u64(user.as_u64()).finish()
}

/// Counts the attachments of a policy, so that attaching does not write the policy's own record, which would make each
/// attachment wait for the others; the start of all of them.
pub(crate) fn attachments_key(account: AccountId, folded: &str) -> Vec<u8> {
    attachments(account, folded).finish()
}

fn attachments(account: AccountId, folded: &str) -> KeyWriter {
    KeyWriter::new(Table::UserByPolicy).u64(account.as_u64()).text(folded)
}
