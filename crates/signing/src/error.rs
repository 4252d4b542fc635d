//! What can be wrong with a signature.

use std::fmt;

use baleen_types::{Classify, FaultKind};

/// Why a signature was not understood or not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The `Authorization` header or the query parameters do not have the form of their signature version.
    Malformed(&'static str),
    /// The `Authorization` header is not of the form that Version 2 has.
    HeaderV2,
    /// A date that is not of the form `YYYYMMDDTHHMMSSZ` (with Version 2 also of HTTP's), or not on the calendar.
    MalformedDate,
    /// The scope names another day than the date of the request.
    ScopeDate,
    /// Another signature algorithm than [`crate::ALGORITHM`].
    UnsupportedAlgorithm,
    /// `X-Amz-Expires` is not a number of seconds between 1 and seven days, or 30 days where a link may live so long.
    Expires,
    /// `Expires` of a link signed with Version 2 is not a number of seconds since 1970.
    ExpiresV2,
    /// A value of `x-amz-content-sha256` that is neither a SHA-256 nor one of the known words.
    UnsupportedPayload,
    /// Well formed, but not made with this key over this request.
    Mismatch,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "malformed signature: {what}"),
            Self::HeaderV2 => f.write_str("the authorization header is not AWS AccessKeyId:Signature"),
            Self::MalformedDate => f.write_str("malformed date, YYYYMMDDTHHMMSSZ is expected"),
            Self::ScopeDate => f.write_str("the date in the credential scope differs from the date of the request"),
            Self::UnsupportedAlgorithm => {
                write!(f, "unsupported signature algorithm, {} is expected", crate::ALGORITHM)
            }
            Self::Expires => f.write_str("X-Amz-Expires must be between 1 and 604800 seconds"),
            Self::ExpiresV2 => f.write_str("Expires must be the end of the link in seconds since 1970"),
            Self::UnsupportedPayload => f.write_str("unsupported value of x-amz-content-sha256"),
            Self::Mismatch => f.write_str("the signature does not match"),
        }
    }
}

impl std::error::Error for Error {}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Malformed(_)
            | Self::HeaderV2
            | Self::MalformedDate
            | Self::ScopeDate
            | Self::UnsupportedAlgorithm
            | Self::Expires
            | Self::ExpiresV2
            | Self::UnsupportedPayload => FaultKind::Invalid,
            Self::Mismatch => FaultKind::Unauthenticated,
        }
    }
}
