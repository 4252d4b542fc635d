//! Lends the identity service to the edge, which knows principals and not where they are kept.

use async_trait::async_trait;
use baleen_http::{Credentials, KeyRecord, Lookup, SessionTokenRule, Unavailable};
use baleen_iam::{Iam, TokenLookup};
use baleen_policy::{Credential, Principal};
use baleen_types::{AccessKeyId, Secret};
use std::net::IpAddr;
use std::sync::Arc;

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

    async fn owner_of_key(&self, id: &str) -> Option<Principal> {
        let id = AccessKeyId::parse(id).ok()?;
        let found = self.0.owner_of_credential(&id).await;
        found.map_err(|error| report(&error)).ok().flatten()
    }

    async fn owner_of_token(&self, token: &str) -> Option<Principal> {
        let found = self.0.owner_of_token(&Secret::new(token)).await;
        found.map_err(|error| report(&error)).ok().flatten()
    }

    fn signed(&self, by: &Principal, service: &str, region: &str) {
        match by.caller().map(|caller| &caller.credential) {
            Some(Credential::AccessKey(id)) => self.0.note_use(id, service, region),
            // Of sessions nothing is noted.
            Some(Credential::Session(_) | Credential::ApiToken(_)) | None => {}
        }
    }

    async fn api_token(&self, token: &str) -> Result<Lookup<Principal>, Unavailable> {
        let found = self.0.token(&Secret::new(token)).await;
        let known = match found.map_err(|error| report(&error))? {
            TokenLookup::Found(known) => known,
            TokenLookup::Unknown => return Ok(Lookup::Unknown),
            TokenLookup::Suspended => return Ok(Lookup::Suspended),
        };
        // The doors that take tokens in headers know no log-in that could come along.
        let must_log_in = known.principal.caller().is_some_and(|caller| match &caller.credential {
            Credential::ApiToken(grant) => grant.must_log_in,
            Credential::AccessKey(_) | Credential::Session(_) => false,
        });
        if must_log_in {
            return Ok(Lookup::Unknown);
        }
        Ok(Lookup::Found(known.principal.clone()))
    }

    fn token_used(&self, token: &str, from: IpAddr) {
        self.0.note_token_use(&Secret::new(token), from);
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
