//! Why an answer or a metadata document is refused.

use baleen_types::{Classify, FaultKind};

use crate::certificate::Unusable;
use crate::xml::Malformed;

/// Why an identity provider's answer is refused.
///
/// `Display` is for the operator's log; the person who brought the answer, who may be an attacker, reads [`Refused::PUBLIC`]
/// whatever the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Larger than the limit.
    #[error("the answer is larger than the limit")]
    TooLarge,
    /// Not base64.
    #[error("the answer is not base64")]
    NotBase64,
    /// Not XML, or XML that is never accepted.
    #[error("the answer {0}")]
    Xml(Malformed),
    /// Well-formed, and not what SAML says; names the rule.
    #[error("the answer has {0}")]
    Shape(&'static str),
    /// The identity provider says no.
    #[error("the identity provider answered with the status {0:?}")]
    Status(String),
    /// An assertion that is encrypted; we publish no key to encrypt for.
    #[error(
        "the assertion is encrypted, which is not offered: have the identity provider send it signed, in clear, over TLS"
    )]
    Encrypted,
    /// No signature on the assertion.
    #[error("the assertion is not signed")]
    Unsigned,
    /// A signature that does not hold.
    #[error("signature: {0}")]
    Signature(&'static str),
    /// SHA-1, or another algorithm than RSA with SHA-2 and exclusive canonicalization.
    #[error("signature: only RSA with SHA-256, SHA-384 or SHA-512 and exclusive canonicalization is accepted")]
    Algorithm,
    /// From another identity provider.
    #[error("the issuer is not the connection's identity provider")]
    Issuer,
    /// For another consumer; names where.
    #[error("{0} names another address than this consumer's")]
    Destination(&'static str),
    /// For another service provider.
    #[error("the audience is not this service provider")]
    Audience,
    /// Not asked for by anybody.
    #[error("nobody asked for this answer (log-in begun at the identity provider is not offered)")]
    Unsolicited,
    /// The answer to another request.
    #[error("it answers another request than this browser's")]
    OtherRequest,
    /// Outside its time; names the bound.
    #[error("outside its time: {0}")]
    Time(&'static str),
    /// Not a name we could look up.
    #[error("the name identifier is empty, too long or not plain text")]
    NameId,
    /// Seen before.
    #[error("this assertion has been used before")]
    Replayed,
    /// The connection itself has ended.
    #[error("the connection has ended: no signing certificate is good any more, or its metadata has expired")]
    Expired,
}

impl Refused {
    /// What the bearer of a refused answer is told.
    pub const PUBLIC: &'static str = "the answer of the identity provider was not accepted; start the login again";
}

impl Classify for Refused {
    fn kind(&self) -> FaultKind {
        match self {
            Self::TooLarge
            | Self::NotBase64
            | Self::Xml(_)
            | Self::Shape(_)
            | Self::Status(_)
            | Self::Encrypted
            | Self::Unsigned
            | Self::Signature(_)
            | Self::Algorithm
            | Self::Issuer
            | Self::Destination(_)
            | Self::Audience
            | Self::Unsolicited
            | Self::OtherRequest
            | Self::Time(_)
            | Self::NameId
            | Self::Replayed
            | Self::Expired => FaultKind::Denied,
        }
    }
}

/// Why metadata is refused, told to the admin who uploads it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMetadata {
    /// Not XML, or XML that is never accepted.
    #[error("the metadata {0}")]
    Xml(Malformed),
    /// Well-formed, and without something that a connection needs.
    #[error("the metadata {0}")]
    Lacks(&'static str),
    /// A signing certificate that is of no use.
    #[error("a signing certificate of the metadata {0}")]
    Certificate(Unusable),
    /// Good once.
    #[error("the metadata has expired: it or its last signing certificate ended before now")]
    Expired,
}

impl Classify for BadMetadata {
    fn kind(&self) -> FaultKind {
        FaultKind::Invalid
    }
}
