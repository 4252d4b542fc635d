//! What can be wrong with a body.

use std::fmt;
use std::sync::{Arc, OnceLock};

use baleen_types::{Classify, FaultKind};

/// Why a body ended with an error. Its text may be shown to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyFault {
    /// The connection broke, or the client ended the body early.
    BrokenOff,
    /// The client sent nothing for too long.
    Stalled,
    /// The framing of `aws-chunked` is wrong.
    Framing(&'static str),
    /// A chunk is larger than [`crate::limits::CHUNK_BYTES_MAX`].
    ChunkTooLarge,
    /// The signature of a chunk or of the trailer does not match.
    Signature,
    /// More or fewer bytes than `x-amz-decoded-content-length` says.
    DecodedLength {
        /// As announced.
        announced: u64,
    },
    /// The body does not have the SHA-256 of `x-amz-content-sha256`.
    ContentSha256,
    /// A trailer is missing, not announced, repeated or unreadable.
    Trailer(&'static str),
    /// The body is larger than the door takes for this kind of request.
    TooLarge {
        /// Its limit.
        limit: u64,
    },
    /// The form that the body is in is not well-formed.
    Form(&'static str),
    /// A form ends, and no file has come.
    NoFile,
    /// The fields before the file of a form are too many or too long.
    FormFields,
    /// The file of a form is larger or smaller than its policy allows.
    OutsideRange {
        /// Whether it is larger.
        larger: bool,
        /// The bound that it is beyond, in bytes.
        bound: u64,
    },
    /// The named header or trailer is not the checksum of the body.
    Checksum(&'static str),
    /// The body is a document with something in it that the door does not read as it was meant.
    Document(&'static str),
    /// What is read of other requests takes all the memory that there is for such bodies.
    Crowded,
}

impl fmt::Display for BodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenOff => f.write_str("the request body ended before it was complete"),
            Self::Stalled => f.write_str("nothing of the request body was received for too long"),
            Self::Framing(what) => write!(f, "the aws-chunked body is malformed: {what}"),
            Self::ChunkTooLarge => f.write_str("a chunk of the body is larger than 5 GiB"),
            Self::Signature => f.write_str("the signature of a chunk or trailer of the body does not match"),
            Self::DecodedLength { announced } => {
                write!(
                    f,
                    "the body does not have the {announced} bytes of x-amz-decoded-content-length"
                )
            }
            Self::ContentSha256 => f.write_str("the body does not match x-amz-content-sha256"),
            Self::Trailer(what) => write!(f, "the trailer of the body is malformed: {what}"),
            Self::TooLarge { limit } => write!(f, "the body is larger than the {limit} bytes allowed for this request"),
            Self::Form(what) => write!(f, "the body of the POST request is not a well-formed form: {what}"),
            Self::NoFile => f.write_str("POST requires exactly one file upload per request"),
            Self::FormFields => f.write_str("the fields before the file of the form are too long, or too many"),
            Self::OutsideRange { larger, bound } => {
                let than = if *larger {
                    "larger than the most"
                } else {
                    "smaller than the least"
                };
                write!(f, "the file is {than} that the policy allows, {bound} bytes")
            }
            Self::Checksum(name) => write!(f, "the value of {name} does not match the body"),
            Self::Document(what) => write!(f, "the document has {what}"),
            Self::Crowded => f.write_str("too many documents are read at once; try again"),
        }
    }
}

impl std::error::Error for BodyFault {}

impl Classify for BodyFault {
    fn kind(&self) -> FaultKind {
        match self {
            Self::BrokenOff
            | Self::Stalled
            | Self::Framing(_)
            | Self::ChunkTooLarge
            | Self::DecodedLength { .. }
            | Self::ContentSha256
            | Self::Trailer(_)
            | Self::Form(_)
            | Self::NoFile
            | Self::OutsideRange { .. }
            | Self::Checksum(_)
            | Self::Document(_) => FaultKind::Invalid,
            Self::TooLarge { .. } | Self::FormFields => FaultKind::TooLarge,
            Self::Signature => FaultKind::Unauthenticated,
            Self::Crowded => FaultKind::Throttled,
        }
    }
}

/// Where a body leaves its fault, for a door whose codec would hide it behind an error of its own.
#[derive(Clone, Debug, Default)]
pub struct BodyOutcome(Arc<OnceLock<BodyFault>>);

impl BodyOutcome {
    /// The fault, when there was one.
    #[must_use]
    pub fn fault(&self) -> Option<&BodyFault> {
        self.0.get()
    }

    pub(crate) fn record(&self, fault: &BodyFault) {
        // The first fault is the cause of any later one.
        let _ = self.0.set(fault.clone());
    }
}
