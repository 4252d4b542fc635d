//! Where keys and tokens come from.

use async_trait::async_trait;
use baleen_policy::Principal;
use baleen_types::Secret;

/// Looks up credentials; implemented by `iam` and wired by `server`.
#[async_trait]
pub trait Credentials: Send + Sync + 'static {
    /// The secret and the owner of an access key; `None` when there is no such key, or it may not be used.
    async fn access_key(&self, id: &str) -> Option<KeyRecord>;

    /// The owner of an API token; `None` when there is no such token, or it may not be used.
    async fn api_token(&self, token: &str) -> Option<Principal>;
}

/// An access key.
#[derive(Clone, Debug)]
pub struct KeyRecord {
    /// With which signatures are made.
    pub secret: Secret,
    /// For whom it stands.
    pub principal: Principal,
}
