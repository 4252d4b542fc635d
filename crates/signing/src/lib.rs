//! Request signatures, pure: canonical requests, SigV4 and SigV2 signing and verification, streaming chunk signatures.
//!
//! Both sides live here: [`sign`] makes signatures (the `remote` client, the command line, presigned links) and
//! [`Claim`] with [`Claim::verify`] checks them (the edge). There is no clock, no randomness and no IO: the time of a
//! signature is an argument, a body arrives as its SHA-256.
//!
//! What is left out: which headers a request *must* sign, how old it may be and who owns the key. Those are rules of
//! the edge (crate `http`), not of the arithmetic.
//!
//! Source: AWS General Reference "Signature Version 4", and for S3 "Authenticating Requests (AWS Signature Version 4)"
//! with its pages on query parameters, chunked uploads and trailers. Version 2 has a module to itself, [`v2`], and so has the
//! signature of the capture-task API, [`sdk`].

mod canonical;
mod chunk;
mod claim;
mod date;
mod digest;
mod encode;
mod error;
mod key;
pub mod limits;
mod payload;
pub mod sdk;
pub mod sign;
mod texts;
pub mod v2;

pub use canonical::{CanonicalRequest, PathStyle};
pub use chunk::ChunkChain;
pub use claim::{Claim, PolicyClaim, Verified};
pub use date::AmzDate;
pub use digest::{Hmac, Sha256, equal_in_constant_time, sha256};
pub use encode::{encode_component, encode_path};
pub use error::Error;
pub use key::{KeyCache, Scope, SigningKey};
pub use payload::{EMPTY_SHA256, PayloadMode};
pub use sign::LINK_MARK;
pub use texts::SignedTexts;

/// Name of the signature algorithm of Version 4, as it stands in headers and query strings.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// An HMAC-SHA256 result: the signature before it is written as 64 hexadecimal digits.
pub type Signature = [u8; 32];

#[cfg(test)]
mod tests;
