//! Where keys and tokens come from.

use async_trait::async_trait;
use baleen_policy::Principal;
use baleen_types::Secret;
use std::net::IpAddr;

/// Looks up credentials; implemented by `iam` and wired by `server`.
///
/// An answer must be as new as the last acknowledged change: a key that was deleted, deactivated or outlived, and a user or
/// customer that was suspended, get nothing from the moment the change was answered.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// The access key of that id, long-lived or of a session.
    ///
    /// # Errors
    /// When nobody can tell now. An unknown key is final for a client, an outage is not, so they must not look alike.
    async fn access_key(&self, id: &str) -> Result<Lookup<KeyRecord>, Unavailable>;

    /// The owner of an API token.
    ///
    /// # Errors
    /// As [`Self::access_key`].
    async fn api_token(&self, token: &str) -> Result<Lookup<Principal>, Unavailable>;

    /// Whose an access key is that lets nobody in: for the audit log of its account, which is to tell of the try. Asked when a
    /// request was refused before its signature was looked at, and believed in nothing.
    async fn owner_of_key(&self, _id: &str) -> Option<Principal> {
        None
    }

    /// The same of an API token.
    async fn owner_of_token(&self, _token: &str) -> Option<Principal> {
        None
    }

    /// Learns that the key of a principal has signed a request rightly, for a service in a region as the signature names them.
    /// Called for each such request, so it must be cheap.
    fn signed(&self, _by: &Principal, _service: &str, _region: &str) {}

    /// Learns that an API token has let in a request from an address, which is the client's and not a trusted proxy's. As
    /// cheap as [`Self::signed`].
    fn token_used(&self, _token: &str, _from: IpAddr) {}
}

/// What became of a look-up.
#[derive(Clone, Debug)]
pub enum Lookup<T> {
    /// It is there and in force.
    Found(T),
    /// There is none, or it is inactive.
    Unknown,
    /// Its customer or its user is disabled.
    Suspended,
    /// It was a session's, and the session is past its end.
    Expired,
}

impl<T> From<Option<T>> for Lookup<T> {
    /// What is not there is unknown.
    fn from(found: Option<T>) -> Self {
        found.map_or(Self::Unknown, Self::Found)
    }
}

/// Keys and tokens cannot be looked up now. Whoever says so has told the operator why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unavailable;

/// An access key.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// With which signatures are made.
    pub secret: Secret,
    /// For whom it stands.
    pub principal: Principal,
    /// What has to accompany it.
    pub session_token: SessionTokenRule,
}

/// Whether a session token goes with an access key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionTokenRule {
    /// None: long-lived keys, and the sessions of RSLogin, whose answer has none (identity contract, section 2, note b).
    None,
    /// The token of this SHA-256, in every request.
    Sha256([u8; 32]),
}
