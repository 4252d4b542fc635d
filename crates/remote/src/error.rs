//! What can go wrong, and what the caller can do about it.

use baleen_types::{Classify, FaultKind, Invalid};
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::limits::ANSWER_TEXT_MAX;

/// What was being asked of the store, by S3's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Make a bucket.
    CreateBucket,
    /// Put one object at once.
    PutObject,
    /// Read an object.
    GetObject,
    /// Read what is known of an object.
    HeadObject,
    /// Delete an object.
    DeleteObject,
    /// List a page of keys.
    ListObjects,
    /// Begin a multipart upload.
    CreateMultipartUpload,
    /// Send one part.
    UploadPart,
    /// Make the object of its parts.
    CompleteMultipartUpload,
    /// Give up a multipart upload.
    AbortMultipartUpload,
    /// Get a token, which other requests are made with.
    GetToken,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateBucket => "CreateBucket",
            Self::PutObject => "PutObject",
            Self::GetObject => "GetObject",
            Self::HeadObject => "HeadObject",
            Self::DeleteObject => "DeleteObject",
            Self::ListObjects => "ListObjectsV2",
            Self::CreateMultipartUpload => "CreateMultipartUpload",
            Self::UploadPart => "UploadPart",
            Self::CompleteMultipartUpload => "CompleteMultipartUpload",
            Self::AbortMultipartUpload => "AbortMultipartUpload",
            Self::GetToken => "the request for a token",
        })
    }
}

/// An error as the store told it. All texts are cut to a length and freed of control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// S3's code, such as `AccessDenied`; `HEAD` has no body and so none, and proxies answer in HTML.
    pub code: Option<String>,
    /// The store's words.
    pub message: Option<String>,
    /// The id under which the store's operator finds the request.
    pub request_id: Option<String>,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(code) = &self.code {
            write!(f, " {code}")?;
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

/// Why there is no connection. The underlying error is the source of [`Error::Connect`] and goes to the log only,
/// because it may name addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFault {
    /// The host's name has no address.
    Unresolved,
    /// Nobody listens there.
    Refused,
    /// No answer in time.
    TimedOut,
    /// The certificate is not trusted or not for this name.
    Untrusted,
    /// Any other trouble.
    Other,
}

impl fmt::Display for ConnectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unresolved => "its name does not resolve",
            Self::Refused => "the connection was refused",
            Self::TimedOut => "it did not answer in time",
            Self::Untrusted => "its certificate is not trusted",
            Self::Other => "the network or TLS failed",
        })
    }
}

/// Why a request to a store failed.
///
/// `Display` is fit for the person who configured the endpoint.
#[derive(Clone, Debug)]
pub enum Error {
    /// The endpoint, a header or a size is wrong before anything was sent.
    Request(Invalid),
    /// The credentials are wrong, expired, or do not allow it.
    Denied(Operation, Answer),
    /// The bucket, the object or the upload is not there.
    NotFound(Operation, Answer),
    /// A condition did not hold.
    Precondition(Operation, Answer),
    /// Something else happens to the same thing at this time.
    Conflict(Operation, Answer),
    /// Larger than the store takes.
    TooLarge(Operation, Answer),
    /// Too many requests; repeated already as often as allowed.
    Throttled(Operation, Answer),
    /// The store failed, has no room, or saw damaged bytes; repeated already as often as allowed.
    Unavailable(Operation, Answer),
    /// Refused for any other reason.
    Refused(Operation, Answer),
    /// The bucket is somewhere else; redirects are not followed, since the signature is for one region and host.
    OtherRegion {
        /// What was asked.
        operation: Operation,
        /// Where it is, if the store said so.
        region: Option<String>,
        /// The answer itself.
        answer: Answer,
    },
    /// No connection.
    Connect {
        /// What was to be asked.
        operation: Operation,
        /// Why not.
        fault: ConnectFault,
        /// The cause, for the log.
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// The connection broke before the answer was complete.
    Broken {
        /// What was asked.
        operation: Operation,
        /// The cause, for the log.
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// The store neither took nor sent anything for this long, or needed longer than this for its whole answer.
    TimedOut {
        /// What was asked.
        operation: Operation,
        /// The limit that was reached.
        after: Duration,
    },
    /// The answer is not what S3 answers.
    Garbled {
        /// What was asked.
        operation: Operation,
        /// What was wrong with it.
        why: String,
    },
    /// A repeated completion found the upload gone and the object not provably the one that was meant: it may have been
    /// completed by the first try, or aborted by somebody.
    Uncertain(Answer),
}

impl Error {
    /// Whether the same request may succeed if it is made again now.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Throttled(..) | Self::Unavailable(..) | Self::Broken { .. } | Self::TimedOut { .. } => true,
            Self::Connect { fault, .. } => match fault {
                // A resolver that is down says the same as one that knows no such name.
                ConnectFault::Unresolved | ConnectFault::Refused | ConnectFault::TimedOut | ConnectFault::Other => true,
                ConnectFault::Untrusted => false,
            },
            Self::Request(_)
            | Self::Denied(..)
            | Self::NotFound(..)
            | Self::Precondition(..)
            | Self::Conflict(..)
            | Self::TooLarge(..)
            | Self::Refused(..)
            | Self::OtherRegion { .. }
            | Self::Garbled { .. }
            | Self::Uncertain(_) => false,
        }
    }

    /// Whether the store may have done what was asked although this error came back.
    pub(crate) fn is_ambiguous(&self) -> bool {
        matches!(
            self,
            Self::Unavailable(..) | Self::Broken { .. } | Self::TimedOut { .. } | Self::Garbled { .. }
        )
    }

    /// What the store answered, if it answered at all.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Denied(_, answer)
            | Self::NotFound(_, answer)
            | Self::Precondition(_, answer)
            | Self::Conflict(_, answer)
            | Self::TooLarge(_, answer)
            | Self::Throttled(_, answer)
            | Self::Unavailable(_, answer)
            | Self::Refused(_, answer)
            | Self::OtherRegion { answer, .. }
            | Self::Uncertain(answer) => Some(answer),
            Self::Request(_)
            | Self::Connect { .. }
            | Self::Broken { .. }
            | Self::TimedOut { .. }
            | Self::Garbled { .. } => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(invalid) => invalid.fmt(f),
            Self::Denied(operation, answer)
            | Self::NotFound(operation, answer)
            | Self::Precondition(operation, answer)
            | Self::Conflict(operation, answer)
            | Self::TooLarge(operation, answer)
            | Self::Throttled(operation, answer)
            | Self::Unavailable(operation, answer)
            | Self::Refused(operation, answer) => write!(f, "the store answered {operation} with {answer}"),
            Self::OtherRegion {
                operation,
                region: Some(region),
                ..
            } => write!(
                f,
                "the bucket is in region {region}, which {operation} was not signed for; set that region"
            ),
            Self::OtherRegion { operation, answer, .. } => write!(
                f,
                "the store sent {operation} elsewhere, with {answer}; set the endpoint and region of the bucket"
            ),
            Self::Connect { operation, fault, .. } => {
                write!(f, "{operation} could not reach the store: {fault}")
            }
            Self::Broken { operation, .. } => write!(f, "the store broke the connection during {operation}"),
            Self::TimedOut { operation, after } => {
                write!(
                    f,
                    "the store did not answer {operation} within {} seconds",
                    after.as_secs()
                )
            }
            Self::Garbled { operation, why } => write!(f, "the store answered {operation} unintelligibly: {why}"),
            Self::Uncertain(answer) => write!(
                f,
                "the connection was lost while completing the upload, and the upload is gone now ({answer}); the object \
                 may or may not be complete"
            ),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Connect { source, .. } | Self::Broken { source, .. } => Some(source.as_ref()),
            Self::Request(invalid) => Some(invalid),
            _ => None,
        }
    }
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Request(_) | Self::Refused(..) | Self::OtherRegion { .. } => FaultKind::Invalid,
            Self::Denied(..) => FaultKind::Denied,
            Self::NotFound(..) => FaultKind::NotFound,
            Self::Precondition(..) => FaultKind::Precondition,
            Self::Conflict(..) => FaultKind::Conflict,
            Self::TooLarge(..) => FaultKind::TooLarge,
            Self::Throttled(..) => FaultKind::Throttled,
            Self::Unavailable(..)
            | Self::Connect { .. }
            | Self::Broken { .. }
            | Self::TimedOut { .. }
            | Self::Garbled { .. }
            | Self::Uncertain(_) => FaultKind::Unavailable,
        }
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Request(invalid)
    }
}

/// Cuts a text of the store to a length and takes the control characters out, so that it may stand in a log line or an
/// answer of ours. `None` when nothing is left.
pub(crate) fn tame(text: &str) -> Option<String> {
    let tamed: String = text
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(ANSWER_TEXT_MAX)
        .collect();
    (!tamed.is_empty()).then_some(tamed)
}
