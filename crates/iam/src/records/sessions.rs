//! Sessions.

use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::Record;
use baleen_sealing::Context;
use baleen_types::{AccessKeyId, AccountId, UserId};
use serde::{Deserialize, Serialize};

/// A session: temporary keys of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredSession {
    /// Whose it is: the customer in which a reseller acts, otherwise the user's own.
    pub(crate) account: u64,
    /// Who acts; of a reseller's session the root of the customer.
    pub(crate) user: u64,
    pub(crate) sealed_secret: Vec<u8>,
    /// SHA-256 of the token that must come along, if one must.
    pub(crate) token_hash: Option<[u8; 32]>,
    pub(crate) kind: StoredKind,
    /// The credential it was made with, without which it is nothing.
    pub(crate) parent: Option<String>,
    /// How many parents it has.
    pub(crate) depth: u8,
    pub(crate) name: String,
    /// The documents it is held to, in addition to what its parent is held to; `None`: to none.
    pub(crate) bounds: Option<Vec<String>>,
    pub(crate) issued_ns: i64,
    pub(crate) expires_ns: i64,
    pub(crate) mfa_ns: Option<i64>,
    /// The address that asked for it.
    pub(crate) origin: String,
    /// Those of the user when it was opened.
    pub(crate) generation: u32,
    pub(crate) login_generation: u32,
    /// The connection to an identity provider that it was opened through, without which it is nothing.
    pub(crate) connection: Option<ConnectionId>,
}

/// A connection to an identity provider. Another provider gives it another id, so that what hangs from it ends with it.
pub(crate) type ConnectionId = [u8; 16];

impl Record for StoredSession {
    const NAME: &'static str = "session";
    const VERSION: u8 = 2;
    type Before = v1::StoredSession;
    fn migrate(before: v1::StoredSession) -> Self {
        Self {
            account: before.account,
            user: before.user,
            sealed_secret: before.sealed_secret,
            token_hash: before.token_hash,
            kind: before.kind,
            parent: before.parent,
            depth: before.depth,
            name: before.name,
            bounds: before.bounds,
            issued_ns: before.issued_ns,
            expires_ns: before.expires_ns,
            mfa_ns: before.mfa_ns,
            origin: before.origin,
            generation: before.generation,
            login_generation: before.login_generation,
            // Nobody knows any more which one it was: who came through it logs in again.
            connection: None,
        }
    }
}

impl StoredSession {
    /// Whether it was opened through the connection that is open now, if it was opened through one at all.
    pub(crate) fn is_through(&self, open: Option<ConnectionId>) -> bool {
        self.kind != StoredKind::Federated || (open.is_some() && self.connection == open)
    }

    pub(crate) fn key(id: &AccessKeyId) -> Vec<u8> {
        KeyWriter::new(Table::Session).tail(id.as_str())
    }

    /// Where all sessions are.
    pub(crate) fn prefix() -> Vec<u8> {
        KeyWriter::new(Table::Session).finish()
    }

    pub(crate) fn by_user_key(account: AccountId, user: UserId, id: &AccessKeyId) -> Vec<u8> {
        Self::of_user(account, user).tail(id.as_str())
    }

    /// Where the rows of a user's sessions are. The row without an id is a counter of the first releases, unused since.
    pub(crate) fn of_user(account: AccountId, user: UserId) -> KeyWriter {
        KeyWriter::new(Table::SessionByUser)
            .u64(account.as_u64())
            .u64(user.as_u64())
    }

    /// What the sealed secret is bound to.
    pub(crate) fn context(id: &AccessKeyId) -> Context<'_> {
        Context {
            purpose: "session",
            id: id.as_str(),
        }
    }
}

/// Whose room a session takes, as the value of its row among a user's sessions. Only the room of logins lets somebody in, so
/// that nothing else may take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// That of the user's logins.
    Logins,
    /// That of what the user's credentials made, for itself or in a customer.
    Made,
    /// None of this user's: a reseller made it, and it counts there.
    Elsewhere,
}

impl Room {
    pub(crate) fn of(kind: StoredKind) -> Self {
        match kind {
            StoredKind::Login | StoredKind::Federated => Self::Logins,
            StoredKind::Derived => Self::Made,
            StoredKind::Reseller => Self::Elsewhere,
        }
    }

    pub(crate) fn to_value(self) -> &'static str {
        match self {
            Self::Logins => "login",
            Self::Made => "made",
            Self::Elsewhere => "elsewhere",
        }
    }

    /// What a row says. The first releases wrote nothing: such a session, for the hours it lasts, keeps no login out.
    pub(crate) fn of_value(value: &[u8]) -> Self {
        match value {
            b"login" => Self::Logins,
            b"elsewhere" => Self::Elsewhere,
            _ => Self::Made,
        }
    }
}

/// How a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredKind {
    Login,
    Federated,
    Derived,
    /// Its parent is a credential of the reseller's user.
    Reseller,
}

/// The shape of the first releases.
pub(crate) mod v1 {
    use super::{Deserialize, Serialize, StoredKind};
    use baleen_meta::record::first_version;

    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub(crate) struct StoredSession {
        pub(crate) account: u64,
        pub(crate) user: u64,
        pub(crate) sealed_secret: Vec<u8>,
        pub(crate) token_hash: Option<[u8; 32]>,
        pub(crate) kind: StoredKind,
        pub(crate) parent: Option<String>,
        pub(crate) depth: u8,
        pub(crate) name: String,
        pub(crate) bounds: Option<Vec<String>>,
        pub(crate) issued_ns: i64,
        pub(crate) expires_ns: i64,
        pub(crate) mfa_ns: Option<i64>,
        pub(crate) origin: String,
        pub(crate) generation: u32,
        pub(crate) login_generation: u32,
    }
    first_version!(StoredSession, "session");
}
