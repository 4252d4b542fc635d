//! Users.

use crate::Error;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::Record;
use baleen_policy::Role;
use baleen_types::{AccountId, UserId, UserName};
use serde::{Deserialize, Serialize};

/// A user of a customer.
///
/// The record of a deleted user stays, emptied and with [`Self::gone_ns`], so that its id is never given out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredUser {
    pub(crate) name: String,
    pub(crate) role: StoredRole,
    pub(crate) path: String,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) auth: StoredAuth,
    pub(crate) must_change_password: bool,
    pub(crate) created_ns: i64,
    /// Sessions that were opened under a lower number have ended.
    pub(crate) generation: u32,
    /// The same for sessions opened with a password or by the identity provider alone.
    pub(crate) login_generation: u32,
    /// Goes up with each change of the user and of what hangs from it, see [`super`].
    pub(crate) change: u64,
    pub(crate) gone_ns: Option<i64>,
}

impl Record for StoredUser {
    const NAME: &'static str = "user";
    const VERSION: u8 = 2;
    type Before = v1::StoredUser;
    fn migrate(before: v1::StoredUser) -> Self {
        Self::new(before.name, before.role, before.created_ns)
    }
}

impl StoredUser {
    /// A user as it begins: no password, which is set through a reset token or by an admin and is then changed.
    pub(crate) fn new(name: String, role: StoredRole, created_ns: i64) -> Self {
        Self {
            name,
            role,
            path: "/".to_owned(),
            tags: Vec::new(),
            first_name: String::new(),
            last_name: String::new(),
            auth: StoredAuth::Password,
            must_change_password: true,
            created_ns,
            generation: 0,
            login_generation: 0,
            change: 0,
            gone_ns: None,
        }
    }

    /// Bytes of a key that names a user: table, account, user.
    pub(crate) const KEY_BYTES: usize = 17;

    pub(crate) fn key(account: AccountId, user: UserId) -> Vec<u8> {
        KeyWriter::new(Table::User)
            .u64(account.as_u64())
            .u64(user.as_u64())
            .finish()
    }

    /// Where the id of the account's root is.
    pub(crate) fn root_key(account: AccountId) -> Vec<u8> {
        KeyWriter::new(Table::User).u64(account.as_u64()).finish()
    }

    /// Where the id of a name is. The key without a name holds a counter of the account's users.
    pub(crate) fn by_name_key(account: AccountId, folded: &str) -> Vec<u8> {
        KeyWriter::new(Table::UserByName).u64(account.as_u64()).tail(folded)
    }

    pub(crate) fn name(&self) -> Result<UserName, Error> {
        UserName::parse(&self.name).map_err(|_| Error::Damaged("user"))
    }

    /// What stays of a deleted user.
    pub(crate) fn tombstone(gone_ns: i64) -> Self {
        Self {
            gone_ns: Some(gone_ns),
            ..Self::new(String::new(), StoredRole::User, 0)
        }
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

impl From<Role> for StoredRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Root => Self::Root,
            Role::Admin => Self::Admin,
            Role::User => Self::User,
        }
    }
}

/// How a user logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredAuth {
    Password,
    Federated,
}

/// The shape of the first releases, which knew the root user alone.
pub(crate) mod v1 {
    use super::{Deserialize, Serialize, StoredRole};
    use baleen_meta::record::first_version;

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub(crate) struct StoredUser {
        pub(crate) name: String,
        pub(crate) role: StoredRole,
        pub(crate) created_ns: i64,
    }
    first_version!(StoredUser, "user");
}
