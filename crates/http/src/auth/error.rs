//! Why a request was not believed.

use std::fmt;

use baleen_types::{Classify, FaultKind, Timestamp};

use super::{SignaturePlace, Unavailable};

/// A refusal of authentication. Its text may be shown to the client: it never holds a secret or a computed signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthError {
    /// More than one of header, query and token.
    TwoMechanisms,
    /// Signature Version 2, where it is not believed.
    SignatureVersion2,
    /// A link whose end is further away than any link's may be.
    LinkTooLong,
    /// A parameter of the query which the signature does not cover.
    UnsignedParameter(String),
    /// A signature that cannot be understood.
    Malformed {
        /// Where it stands.
        place: SignaturePlace,
        /// What is wrong.
        reason: baleen_signing::Error,
    },
    /// The scope names another service than this door's.
    WrongService {
        /// This door's.
        expected: &'static [&'static str],
        /// Whether it stands in the query rather than the header.
        in_query: bool,
    },
    /// No `x-amz-date`.
    MissingDate,
    /// The date is too far from ours.
    Skewed {
        /// What the request says.
        request: Timestamp,
        /// What our clock says.
        server: Timestamp,
    },
    /// A presigned request came too late.
    Expired,
    /// A presigned request of the future.
    NotYetValid,
    /// The access key does not exist.
    UnknownAccessKey,
    /// The signature is not the one that the key makes.
    Mismatch,
    /// A header which must be signed is not.
    UnsignedHeader(String),
    /// A header that may stand once stands twice.
    DuplicateHeader(String),
    /// The customer or the user behind the key or token is disabled.
    Suspended,
    /// The session is past its end.
    SessionExpired,
    /// The session token does not go with the key, or the one that does is missing.
    SessionToken,
    /// A header-signed request does not say how its body is protected.
    MissingContentSha256,
    /// A word in `x-amz-content-sha256` that is not known.
    UnsupportedContentSha256,
    /// The framing of the body is announced in a way that cannot be true.
    Framing(&'static str),
    /// A trailer that we could not check.
    UnsupportedTrailer(String),
    /// The API token does not exist.
    UnknownToken,
    /// A form lacks a field.
    FormField(&'static str),
    /// A header which is no text.
    HeaderEncoding(&'static str),
    /// Keys and tokens cannot be looked up now; nothing is said of those of the request.
    Unavailable,
}

impl From<Unavailable> for AuthError {
    fn from(_: Unavailable) -> Self {
        Self::Unavailable
    }
}

impl AuthError {
    /// Whether the credentials are of a way that the door does not take, whatever they say.
    pub fn is_of_another_way(&self) -> bool {
        let reason = baleen_signing::Error::UnsupportedAlgorithm;
        matches!(self, Self::Malformed { reason: found, .. } if *found == reason)
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoMechanisms => f.write_str("only one authentication mechanism is allowed in a request"),
            Self::SignatureVersion2 => f.write_str("signature version 2 is not supported here, use AWS4-HMAC-SHA256"),
            Self::LinkTooLong => f.write_str("the link must end within seven days"),
            Self::UnsignedParameter(name) => {
                write!(f, "signature version 2 does not cover the parameter {name}, use AWS4-HMAC-SHA256")
            }
            Self::Malformed { reason, .. } => write!(f, "{reason}"),
            Self::WrongService { expected, .. } => {
                write!(
                    f,
                    "the credential scope names another service, {} is expected",
                    expected.join(" or ")
                )
            }
            Self::MissingDate => f.write_str("the header x-amz-date is required"),
            Self::Skewed { .. } => {
                f.write_str("the difference between the request time and the server's time is too large")
            }
            Self::Expired => f.write_str("the request has expired"),
            Self::NotYetValid => f.write_str("the request is not yet valid"),
            Self::UnknownAccessKey => f.write_str("the access key id does not exist"),
            Self::Mismatch => f.write_str(
                "the signature does not match the one calculated from the request; check the secret key and the signing method",
            ),
            Self::UnsignedHeader(name) => write!(f, "the header {name} was present in the request but not signed"),
            Self::DuplicateHeader(name) => write!(f, "the header {name} stands more than once"),
            Self::Suspended => f.write_str("access denied"),
            Self::SessionExpired => f.write_str("the session has expired"),
            Self::SessionToken => f.write_str("the session token is missing or not valid"),
            Self::MissingContentSha256 => f.write_str("the header x-amz-content-sha256 is required"),
            Self::UnsupportedContentSha256 => f.write_str(
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
                 STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a SHA-256 in hexadecimal digits",
            ),
            Self::Framing(why) => f.write_str(why),
            Self::UnsupportedTrailer(name) => write!(f, "the trailer {name} is not supported"),
            Self::UnknownToken => f.write_str("the API token is not valid"),
            Self::FormField(name) => write!(
                f,
                "bucket POST must contain a field named '{name}'; if it is specified, please check the order of the fields"
            ),
            Self::HeaderEncoding(name) => write!(f, "the header {name} is not plain text"),
            Self::Unavailable => f.write_str("credentials cannot be checked at the moment, please try again"),
        }
    }
}

impl std::error::Error for AuthError {}

impl Classify for AuthError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::TwoMechanisms
            | Self::SignatureVersion2
            | Self::Malformed { .. }
            | Self::DuplicateHeader(_)
            | Self::MissingContentSha256
            | Self::UnsupportedContentSha256
            | Self::Framing(_)
            | Self::UnsupportedTrailer(_)
            | Self::FormField(_)
            | Self::HeaderEncoding(_) => FaultKind::Invalid,
            Self::MissingDate
            | Self::Skewed { .. }
            | Self::Expired
            | Self::NotYetValid
            | Self::LinkTooLong
            | Self::UnknownAccessKey
            | Self::Mismatch
            | Self::WrongService { .. }
            | Self::UnsignedParameter(_)
            | Self::UnsignedHeader(_)
            | Self::SessionExpired
            | Self::SessionToken
            | Self::UnknownToken => FaultKind::Unauthenticated,
            Self::Suspended => FaultKind::Denied,
            Self::Unavailable => FaultKind::Unavailable,
        }
    }
}
