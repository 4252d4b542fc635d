//! SAML 2.0, the service provider's side of the browser profile: metadata, the signed request, the verified answer.
//!
//! Pure: the time and random bytes are handed in, and whether an assertion was seen before is asked of the caller, who has
//! the store. One flow is offered, begun by us (HTTP-Redirect to the identity provider, HTTP-POST back). Left out, and
//! refused in words: log-in begun at the identity provider, encrypted assertions, logout, artifacts, SHA-1, other keys than
//! RSA.
//!
//! Order of reading: [`response`] is the heart; [`signature`] says why it may be believed.

mod canonical;
mod certificate;
mod error;
mod key;
mod limits;
mod metadata;
mod names;
mod request;
mod response;
mod signature;
mod text;
mod xml;

pub use certificate::{Certificate, Unusable};
pub use error::{BadMetadata, Refused};
pub use key::{BadKey, SigningKey};
pub use limits::{
    ASSERTION_LIFE_MAX, CERTIFICATES_MAX, CLOCK_SKEW, METADATA_BYTES_MAX, RELAY_STATE_BYTES_MAX, RESPONSE_BYTES_MAX,
    RESPONSE_FIELD_BYTES_MAX,
};
pub use metadata::{IdentityProvider, ServiceProvider, expiry_text};
pub use request::{CannotAsk, LoginRequest, REQUEST_ID_BYTES, RequestId};
pub use response::{Answer, Expected, Login};
pub use xml::Malformed;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod genuine;
