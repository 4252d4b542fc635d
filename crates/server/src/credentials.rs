//! Lends the identity service to the edge, which knows principals and not where they are kept.

use async_trait::async_trait;
use baleen_http::{Credentials, KeyRecord, Lookup, SessionTokenRule, Unavailable};
use baleen_iam::Iam;
use baleen_policy::{Caller, Principal, TokenGrant};
use baleen_types::{AccessKeyId, Secret};
use std::sync::Arc;

/// Digits of a token by which people and logs name it (CloudShark contract, 1.5).
const SHORT_ID_CHARS: usize = 6;

/// The identity service, as the edge asks it.
pub(crate) struct IamCredentials(pub(crate) Arc<Iam>);

#[async_trait]
impl Credentials for IamCredentials {
    async fn access_key(&self, id: &str) -> Result<Lookup<KeyRecord>, Unavailable> {
        // An id of another form is no id of ours.
        let Ok(id) = AccessKeyId::parse(id) else {
            return Ok(Lookup::Unknown);
        };
        Ok(match self.0.credential(&id).await.map_err(|error| report(&error))? {
            baleen_iam::Lookup::Found(key) => Lookup::Found(KeyRecord {
                secret: key.secret.clone(),
                principal: key.principal.clone(),
                session_token: key.token_hash.map_or(SessionTokenRule::None, SessionTokenRule::Sha256),
            }),
            baleen_iam::Lookup::Unknown => Lookup::Unknown,
            baleen_iam::Lookup::Suspended => Lookup::Suspended,
            baleen_iam::Lookup::Expired => Lookup::Expired,
        })
    }

    async fn api_token(&self, token: &str) -> Result<Lookup<Principal>, Unavailable> {
        let found = self.0.api_token(None, &Secret::new(token)).await;
        let grant = || TokenGrant {
            short_id: token.chars().take(SHORT_ID_CHARS).collect(),
            must_log_in: false,
        };
        let found = found.map_err(|error| report(&error))?;
        Ok(found.map(|user| Caller::with_token(user, grant()).into()).into())
    }
}

/// A look-up that failed lets nobody in, and the operator is told why.
fn report(error: &baleen_iam::Error) -> Unavailable {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "credentials cannot be looked up"
    );
    Unavailable
}
