//! Where keys and tokens come from.

use async_trait::async_trait;
use baleen_policy::Principal;
use baleen_types::Secret;

/// Looks up credentials; implemented by `iam` and wired by `server`.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// The secret and the owner of an access key; `None` when there is no such key, or it may not be used.
    ///
    /// # Errors
    /// When nobody can tell now. An unknown key is final for a client, an outage is not, so they must not look alike.
    async fn access_key(&self, id: &str) -> Result<Option<KeyRecord>, Unavailable>;

    /// The owner of an API token; `None` when there is no such token, or it may not be used.
    ///
    /// # Errors
    /// As [`Self::access_key`].
    async fn api_token(&self, token: &str) -> Result<Option<Principal>, Unavailable>;
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
}
