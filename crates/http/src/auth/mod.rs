//! Authentication, once for every request, before any routing.

mod credentials;
mod error;
mod payload;
mod sigv4;
mod token;

use std::sync::Arc;

use baleen_policy::Principal;
use baleen_runtime::Clock;
use baleen_signing::KeyCache;
use http::request::Parts;

pub use credentials::{Credentials, KeyRecord, Unavailable};
pub use error::AuthError;
pub(crate) use payload::{Payload, Trailers};

/// How the requests of a door prove who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Signature Version 4, in the `Authorization` header or the query, for one service. No signature at all is nobody.
    SigV4 {
        /// The service that the credential scope must name, such as `s3`.
        service: &'static str,
    },
    /// An API token: `Authorization: Bearer`, `X-Auth-Email` with `X-Auth-Key`, or `X-Auth-Token`. No token is nobody.
    ApiToken,
    /// Everyone is nobody (the operations door).
    None,
}

/// A believed request: who asks, and what the body must prove while it is read.
#[derive(Debug)]
pub(crate) struct Authenticated {
    pub(crate) principal: Principal,
    pub(crate) payload: Payload,
}

impl Authenticated {
    fn without_payload_rules(principal: Principal) -> Self {
        Self {
            principal,
            payload: Payload::Unchecked,
        }
    }
}

/// Checks signatures and tokens.
pub(crate) struct Authenticator {
    credentials: Arc<dyn Credentials>,
    clock: Arc<dyn Clock>,
    keys: KeyCache,
}

impl Authenticator {
    pub(crate) fn new(credentials: Arc<dyn Credentials>, clock: Arc<dyn Clock>) -> Self {
        Self {
            credentials,
            clock,
            keys: KeyCache::new(),
        }
    }

    /// Decides who asks.
    pub(crate) async fn authenticate(&self, scheme: Scheme, head: &Parts) -> Result<Authenticated, AuthError> {
        match scheme {
            Scheme::SigV4 { service } => self.signature(service, head).await,
            Scheme::ApiToken => match token::find(&head.headers)? {
                None => Ok(Authenticated::without_payload_rules(Principal::Nobody)),
                Some(found) => {
                    let principal = self
                        .credentials
                        .api_token(found.token)
                        .await?
                        .ok_or(AuthError::UnknownToken)?;
                    found.check_owner(&principal)?;
                    Ok(Authenticated::without_payload_rules(principal))
                }
            },
            Scheme::None => Ok(Authenticated::without_payload_rules(Principal::Nobody)),
        }
    }
}
