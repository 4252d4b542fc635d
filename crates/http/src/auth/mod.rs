//! Authentication, once for every request, before any routing.

mod credentials;
mod error;
mod form;
mod payload;
mod sdk;
mod session;
mod sigv2;
mod sigv4;
mod token;
mod whole;

use std::sync::Arc;

use baleen_policy::{Origin, Principal};
use baleen_runtime::Clock;
use baleen_signing::{KeyCache, SignedTexts};
use baleen_types::Timestamp;
use http::Method;
use http::request::Parts;

pub use credentials::{Credentials, KeyRecord, Lookup, SessionTokenRule, Unavailable};
pub use error::AuthError;
pub(crate) use payload::{Payload, Trailers};
use whole::Shares;

use crate::form::{Form, is_form};
use crate::{Door, Refusal, RequestBody};

/// How the requests of a door prove who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Signature Version 4 as S3 has it, in the `Authorization` header or the query: the head says how the body is
    /// protected, and the body proves it while it is read. No signature at all is nobody. A form proves it by its fields, which
    /// are read first; the door finds them as a [`Form`], and the file as the body.
    SigV4 {
        /// The services that the credential scope may name.
        services: &'static [&'static str],
        /// Whether Signature Version 2 is believed too. It names no service, so it is the first of them that it is for.
        version_2: bool,
    },
    /// Signature Version 4 as AWS's other services have it: the path is normalised and encoded twice, and the signature
    /// covers the hash of the body, which nothing in the head tells. So a signed body is read first, up to
    /// [`crate::limits::WHOLE_BODY_BYTES_MAX`], and the door finds it in memory. No signature at all is nobody, whose body
    /// nobody has read.
    SigV4Whole {
        /// The services that the credential scope may name.
        services: &'static [&'static str],
    },
    /// An API token: `Authorization: Bearer`, `X-Auth-Email` with `X-Auth-Key`, or `X-Auth-Token`. No token is nobody.
    ApiToken,
    /// An API token in `X-Auth-Token`, or else a signature of [`baleen_signing::sdk`] in the `Authorization` header, whose body
    /// is read first as that of [`Scheme::SigV4Whole`]. With both the token counts; neither is nobody.
    SdkHmac {
        /// The service that keys are noted to have been used for.
        service: &'static str,
    },
    /// Everyone is nobody (the operations door).
    None,
}

impl Scheme {
    /// The services that requests may be signed for.
    pub(crate) fn services(self) -> &'static [&'static str] {
        match self {
            Self::SigV4 { services, .. } | Self::SigV4Whole { services } => services,
            Self::ApiToken | Self::SdkHmac { .. } | Self::None => &[],
        }
    }
}

/// The signature by which a request was believed; an extension of requests that are signed as S3 or AWS's other services have
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// The service that it was made for.
    pub service: &'static str,
    /// When it was made; `None` where the signature does not say.
    pub at: Option<Timestamp>,
    /// Where it stands.
    pub place: SignaturePlace,
    /// Its version.
    pub version: SignatureVersion,
}

/// Where a signature stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignaturePlace {
    /// In the `Authorization` header.
    Header,
    /// In the query: then whoever has the link may send it.
    Query,
    /// In the fields of a form, with the policy that it is made over: the door must see to what the policy says.
    Form,
}

/// The version of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureVersion {
    /// HMAC-SHA1, [`baleen_signing::v2`].
    V2,
    /// HMAC-SHA256.
    V4,
}

/// A believed request: who asks, and what the body must prove while it is read.
#[derive(Debug)]
pub(crate) struct Authenticated {
    pub(crate) principal: Principal,
    pub(crate) signed: Option<Signed>,
    pub(crate) payload: Payload,
    /// The share of memory that a body read ahead takes, held as long as the request.
    pub(crate) share: Option<whole::Share>,
    /// The fields of a form, whose file is the body.
    pub(crate) form: Option<Form>,
}

impl Authenticated {
    fn without_payload_rules(principal: Principal) -> Self {
        Self {
            principal,
            signed: None,
            payload: Payload::Unchecked,
            share: None,
            form: None,
        }
    }
}

/// A request that is not believed.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) refusal: Refusal,
    /// Whom it claimed to come from, once that is known to exist: its audit log should tell of the try.
    pub(crate) claimed: Option<Principal>,
    /// What its signature should have been made over, if that is what is wrong.
    pub(crate) texts: Option<Box<SignedTexts>>,
}

impl Rejected {
    /// With what the signature should have been made over.
    fn explained(self, texts: impl Into<Option<SignedTexts>>) -> Self {
        Self {
            texts: texts.into().map(Box::new),
            ..self
        }
    }
}

impl<E: Into<Refusal>> From<E> for Rejected {
    fn from(error: E) -> Self {
        Self {
            refusal: error.into(),
            claimed: None,
            texts: None,
        }
    }
}

/// Checks signatures and tokens.
pub(crate) struct Authenticator {
    credentials: Arc<dyn Credentials>,
    clock: Arc<dyn Clock>,
    keys: KeyCache,
    shares: Shares,
}

impl Authenticator {
    pub(crate) fn new(credentials: Arc<dyn Credentials>, clock: Arc<dyn Clock>) -> Self {
        Self {
            credentials,
            clock,
            keys: KeyCache::new(),
            shares: Shares::new(),
        }
    }

    /// Decides who asks. Of the body only what its [`Scheme`] says is read.
    pub(crate) async fn authenticate(
        &self,
        door: &dyn Door,
        head: &Parts,
        body: &mut RequestBody,
    ) -> Result<Authenticated, Rejected> {
        if matches!(door.scheme(), Scheme::SigV4 { .. } | Scheme::SigV4Whole { .. }) {
            sigv4::refuse_duplicates(&head.headers)?;
        }
        match door.scheme() {
            // A preflight has the address of the request to come, with its signature if that is a link: it is made over another
            // method, and a browser signs nothing itself (Fetch, "CORS-preflight fetch"). Nobody asks, and is told no more.
            Scheme::SigV4 { .. } if head.method == Method::OPTIONS => {
                Ok(Authenticated::without_payload_rules(Principal::Nobody))
            }
            // On the heap, what is of few requests: all would carry its room (see `Edge::handle`).
            Scheme::SigV4 { services, version_2 } if is_form(head) => {
                Box::pin(self.form(services, version_2, head, body)).await
            }
            Scheme::SigV4 { services, version_2 } => {
                match version_2.then(|| sigv2::find(head)).transpose()?.flatten() {
                    Some(claim) => Box::pin(self.version_2((services, door.host_resource(head)), head, claim)).await,
                    None => self.streamed(services, head).await,
                }
            }
            Scheme::SigV4Whole { services } => Box::pin(self.whole(services, head, body)).await,
            Scheme::ApiToken => match token::find(&head.headers)? {
                None => Ok(Authenticated::without_payload_rules(Principal::Nobody)),
                Some(found) => self.by_token(&found, head).await,
            },
            Scheme::SdkHmac { service } => Box::pin(self.sdk(service, head, body)).await,
            Scheme::None => Ok(Authenticated::without_payload_rules(Principal::Nobody)),
        }
    }

    async fn by_token(&self, found: &token::Found<'_>, head: &Parts) -> Result<Authenticated, Rejected> {
        let looked_up = self.credentials.api_token(found.token).await.map_err(AuthError::from)?;
        let error = match looked_up {
            Lookup::Found(principal) => {
                found.check_owner(&principal)?;
                if let Some(origin) = head.extensions.get::<Origin>() {
                    self.credentials.token_used(found.token, origin.source);
                }
                return Ok(Authenticated::without_payload_rules(principal));
            }
            Lookup::Unknown => AuthError::UnknownToken,
            Lookup::Suspended => AuthError::Suspended,
            Lookup::Expired => AuthError::SessionExpired,
        };
        Err(Rejected {
            refusal: error.into(),
            claimed: self.credentials.owner_of_token(found.token).await,
            texts: None,
        })
    }
}
