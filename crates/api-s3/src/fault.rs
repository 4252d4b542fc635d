//! The one place which knows how a failure looks in S3: code, status, text.

use baleen_http::{AuthError, BodyFault, BoxError, Refusal, SignaturePlace};
use baleen_objects::{FailedCondition, ObjectError};
use baleen_policy::Denied;
use baleen_signing::Error as SignatureError;
use baleen_types::{Classify, FaultKind, Invalid, RequestId};
use http::header::{ALLOW, CONTENT_RANGE, LAST_MODIFIED, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::{S3Error, S3ErrorCode};
use tracing::{error, warn};

use crate::conditions::{Condition, On};

/// When a client may try again what is not possible now, as the other doors say too.
const RETRY_AFTER_SECONDS: &str = "2";

/// An element that the documents of some errors have besides: its name, and its text.
pub(crate) type Detail = (&'static str, &'static str);

/// A failure as the client sees it. `message` never holds a path of the store or the chain of causes.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) code: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// Boxed, since few faults have any.
    pub(crate) headers: Option<Box<HeaderMap>>,
    pub(crate) detail: Option<Detail>,
    /// For the log.
    cause: Option<(FaultKind, BoxError)>,
}

impl Fault {
    pub(crate) fn new(code: &'static str, status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            code,
            status,
            message: message.into(),
            headers: (status == StatusCode::SERVICE_UNAVAILABLE).then(|| Box::new(again_soon())),
            detail: None,
            cause: None,
        }
    }

    pub(crate) fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new("InvalidArgument", StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new("InvalidRequest", StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_implemented(message: impl Into<String>) -> Self {
        Self::new("NotImplemented", StatusCode::NOT_IMPLEMENTED, message)
    }

    /// The same text whatever the reason, so that it tells nothing of what exists.
    pub(crate) fn access_denied() -> Self {
        Self::new("AccessDenied", StatusCode::FORBIDDEN, "Access Denied")
    }

    /// Nobody can tell now.
    pub(crate) fn unavailable() -> Self {
        (&Refusal::Auth(AuthError::Unavailable)).into()
    }

    /// A document that is not what it should be.
    pub(crate) fn malformed_xml(message: impl Into<String>) -> Self {
        Self::new("MalformedXML", StatusCode::BAD_REQUEST, message)
    }

    /// A setting that the bucket has not.
    pub(crate) fn no_setting(code: &'static str, message: &'static str) -> Self {
        Self::new(code, StatusCode::NOT_FOUND, message)
    }

    /// A configuration of those that a bucket can have many of.
    pub(crate) fn no_configuration() -> Self {
        Self::no_setting("NoSuchConfiguration", "The specified configuration does not exist.")
    }

    /// Whether it says that the policy said no.
    pub(crate) fn is_denial(&self) -> bool {
        self.status == StatusCode::FORBIDDEN
    }

    /// The same fault with the name of the argument that is wrong (AWS, "List of error codes", `InvalidArgument`).
    pub(crate) fn of_argument(self, name: &'static str) -> Self {
        Self {
            detail: Some(("ArgumentName", name)),
            ..self
        }
    }

    pub(crate) fn precondition(condition: Condition, on: On) -> Self {
        let message = "At least one of the pre-conditions you specified did not hold";
        Self {
            detail: Some(("Condition", condition.name(on))),
            ..Self::new("PreconditionFailed", StatusCode::PRECONDITION_FAILED, message)
        }
    }

    /// Logs what the operator has to know, once, and becomes the codec's error.
    pub(crate) fn into_s3(self, id: Option<RequestId>) -> S3Error {
        self.log(id);
        let mut error =
            S3Error::new(S3ErrorCode::from_bytes(self.code.as_bytes()).unwrap_or(S3ErrorCode::InternalError));
        error.set_message(self.message);
        error.set_status_code(self.status);
        if let Some(headers) = self.headers {
            error.set_headers(*headers);
        }
        error
    }

    pub(crate) fn log(&self, id: Option<RequestId>) {
        let id = id.map(|id| id.to_string());
        match &self.cause {
            Some((kind, cause)) if kind.is_ours() => {
                error!(
                    id,
                    code = self.code,
                    cause = &**cause as &dyn std::error::Error,
                    "operation failed"
                );
            }
            Some((_, cause)) => {
                warn!(
                    id,
                    code = self.code,
                    cause = &**cause as &dyn std::error::Error,
                    "operation not possible now"
                );
            }
            None => {}
        }
    }
}

impl From<Denied> for Fault {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated | Denied::NotAllowed | Denied::Foreign => Self::access_denied(),
        }
    }
}

impl From<ObjectError> for Fault {
    fn from(error: ObjectError) -> Self {
        if let ObjectError::PreconditionFailed(which) = error {
            return match which {
                FailedCondition::IfAbsent => Self::precondition(Condition::NoneMatch, On::Target),
                FailedCondition::IfMatch => Self::precondition(Condition::Match, On::Target),
                FailedCondition::SourceIfMatch => Self::precondition(Condition::Match, On::CopySource),
            };
        }
        let kind = error.kind();
        let (code, status) = code_of(&error);
        let mut fault = Self::new(code, status, sentence(&error.to_string()));
        if let Some(headers) = headers_of(&error) {
            fault.headers = Some(Box::new(headers));
        }
        if kind.is_ours() || kind.is_transient() {
            fault.cause = Some((kind, error.into()));
        }
        fault
    }
}

/// When to try again what is not possible now (RFC 9110, 10.2.3). Clients that know nothing of it wait as long as they like.
fn again_soon() -> HeaderMap {
    HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS))])
}

/// Headers that belong to an error.
fn headers_of(error: &ObjectError) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    match error {
        // How far a range could have gone (RFC 9110, 15.5.17).
        ObjectError::InvalidRange { size } => {
            headers.insert(CONTENT_RANGE, HeaderValue::try_from(format!("bytes */{size}")).ok()?);
        }
        // AWS, "Working with delete markers".
        ObjectError::DeleteMarker {
            version,
            modified,
            named,
            ..
        } => {
            headers.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
            headers.insert("x-amz-version-id", HeaderValue::try_from(version.to_string()).ok()?);
            if *named {
                headers.insert(ALLOW, HeaderValue::from_static("DELETE"));
                headers.insert(LAST_MODIFIED, crate::convert::http_date(*modified)?);
            }
        }
        _ => return None,
    }
    Some(headers)
}

/// Each error of the object service, exhaustively.
fn code_of(error: &ObjectError) -> (&'static str, StatusCode) {
    match error {
        ObjectError::NoSuchBucket(_) => ("NoSuchBucket", StatusCode::NOT_FOUND),
        ObjectError::BucketAlreadyExists(_) => ("BucketAlreadyExists", StatusCode::CONFLICT),
        ObjectError::BucketAlreadyOwnedByYou(_) => ("BucketAlreadyOwnedByYou", StatusCode::CONFLICT),
        ObjectError::BucketNotEmpty(_) => ("BucketNotEmpty", StatusCode::CONFLICT),
        ObjectError::TooManyBuckets { .. } => ("TooManyBuckets", StatusCode::BAD_REQUEST),
        ObjectError::NoSuchKey(_) | ObjectError::DeleteMarker { named: false, .. } => {
            ("NoSuchKey", StatusCode::NOT_FOUND)
        }
        ObjectError::NoSuchVersion { .. } => ("NoSuchVersion", StatusCode::NOT_FOUND),
        ObjectError::DeleteMarker { named: true, .. } => ("MethodNotAllowed", StatusCode::METHOD_NOT_ALLOWED),
        ObjectError::VersioningNeeded | ObjectError::LockNeedsVersions | ObjectError::RenameNeedsNoVersions => {
            ("InvalidBucketState", StatusCode::CONFLICT)
        }
        ObjectError::LockMissing
        | ObjectError::SettingTooLarge { .. }
        | ObjectError::TooMuchAtOnce(_)
        | ObjectError::KeyMissing
        | ObjectError::KeyNotApplicable
        | ObjectError::PartKeyMissing
        | ObjectError::PartKeyWrong
        | ObjectError::CopyOntoItself
        | ObjectError::RenameOntoItself
        | ObjectError::ChecksumNotAllowed(_)
        | ObjectError::SizeMismatch { .. } => ("InvalidRequest", StatusCode::BAD_REQUEST),
        ObjectError::NoSuchEncryptionKey(_) => ("KMS.NotFoundException", StatusCode::BAD_REQUEST),
        ObjectError::EncryptionKeyDisabled(_) => ("KMS.DisabledException", StatusCode::BAD_REQUEST),
        ObjectError::RetainUntilPast => ("InvalidArgument", StatusCode::BAD_REQUEST),
        ObjectError::BadRetentionPeriod => ("InvalidRetentionPeriod", StatusCode::BAD_REQUEST),
        ObjectError::Locked | ObjectError::KeyWrong => ("AccessDenied", StatusCode::FORBIDDEN),
        ObjectError::NoSuchUpload(_) => ("NoSuchUpload", StatusCode::NOT_FOUND),
        ObjectError::InvalidPart { .. } => ("InvalidPart", StatusCode::BAD_REQUEST),
        ObjectError::RenameTokenMismatch => ("IdempotencyParameterMismatch", StatusCode::BAD_REQUEST),
        ObjectError::InvalidPartOrder => ("InvalidPartOrder", StatusCode::BAD_REQUEST),
        ObjectError::NoParts => ("MalformedXML", StatusCode::BAD_REQUEST),
        ObjectError::PartTooSmall { .. } => ("EntityTooSmall", StatusCode::BAD_REQUEST),
        ObjectError::TooLarge { .. } => ("EntityTooLarge", StatusCode::BAD_REQUEST),
        ObjectError::InvalidRange { .. } => ("InvalidRange", StatusCode::RANGE_NOT_SATISFIABLE),
        ObjectError::InvalidPartNumber { .. } => ("InvalidPartNumber", StatusCode::RANGE_NOT_SATISFIABLE),
        ObjectError::PreconditionFailed(_) => ("PreconditionFailed", StatusCode::PRECONDITION_FAILED),
        ObjectError::TooManyTags { .. } => ("BadRequest", StatusCode::BAD_REQUEST),
        ObjectError::BadTag(_) => ("InvalidTag", StatusCode::BAD_REQUEST),
        ObjectError::BadDigest | ObjectError::BadChecksum { .. } | ObjectError::ChecksumKindMismatch(_) => {
            ("BadDigest", StatusCode::BAD_REQUEST)
        }
        ObjectError::MetadataTooLarge { .. } | ObjectError::HeadersTooLarge { .. } => {
            ("MetadataTooLarge", StatusCode::BAD_REQUEST)
        }
        // The body's own fault replaces that of `Body` before the answer is sent: see `door`.
        ObjectError::IncompleteBody { .. } | ObjectError::Body(_) => ("IncompleteBody", StatusCode::BAD_REQUEST),
        ObjectError::NoSpace => ("InsufficientCapacity", StatusCode::INSUFFICIENT_STORAGE),
        ObjectError::Contended => ("OperationAborted", StatusCode::CONFLICT),
        ObjectError::Corrupt(_) => ("InternalError", StatusCode::INTERNAL_SERVER_ERROR),
        ObjectError::Storage(_) => ("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE),
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        let code = match invalid.what {
            "bucket name" => "InvalidBucketName",
            _ => "InvalidArgument",
        };
        Self::new(code, StatusCode::BAD_REQUEST, sentence(&invalid.to_string()))
    }
}

impl From<&BodyFault> for Fault {
    fn from(body: &BodyFault) -> Self {
        let (code, status) = match body {
            BodyFault::BrokenOff | BodyFault::Framing(_) | BodyFault::DecodedLength { .. } => {
                ("IncompleteBody", StatusCode::BAD_REQUEST)
            }
            BodyFault::Stalled => ("RequestTimeout", StatusCode::BAD_REQUEST),
            BodyFault::ChunkTooLarge => ("InvalidChunkSizeError", StatusCode::BAD_REQUEST),
            BodyFault::TooLarge { .. } => ("MaxMessageLengthExceeded", StatusCode::BAD_REQUEST),
            BodyFault::Signature => ("SignatureDoesNotMatch", StatusCode::FORBIDDEN),
            BodyFault::ContentSha256 => ("XAmzContentSHA256Mismatch", StatusCode::BAD_REQUEST),
            BodyFault::Trailer(_) => ("MalformedTrailerError", StatusCode::BAD_REQUEST),
            BodyFault::NoFile => ("IncorrectNumberOfFilesInPostRequest", StatusCode::BAD_REQUEST),
            BodyFault::Form(_) => ("MalformedPOSTRequest", StatusCode::BAD_REQUEST),
            BodyFault::FormFields => ("MaxPostPreDataLengthExceeded", StatusCode::BAD_REQUEST),
            BodyFault::OutsideRange { larger: true, .. } => ("EntityTooLarge", StatusCode::BAD_REQUEST),
            BodyFault::OutsideRange { larger: false, .. } => ("EntityTooSmall", StatusCode::BAD_REQUEST),
            BodyFault::Checksum(_) => ("BadDigest", StatusCode::BAD_REQUEST),
            BodyFault::Document(_) => ("MalformedXML", StatusCode::BAD_REQUEST),
            BodyFault::Crowded => ("SlowDown", StatusCode::SERVICE_UNAVAILABLE),
        };
        let mut fault = Self::new(code, status, sentence(&body.to_string()));
        if *body == BodyFault::Crowded {
            fault.headers = Some(Box::new(again_soon()));
        }
        fault
    }
}

impl From<&AuthError> for Fault {
    fn from(auth: &AuthError) -> Self {
        let (code, status) = match auth {
            AuthError::Malformed {
                place: SignaturePlace::Header,
                reason: SignatureError::UnsupportedAlgorithm,
            } => {
                // What it says instead may be a secret of another service.
                return Self::invalid_argument("Unsupported Authorization Type").of_argument("Authorization");
            }
            AuthError::Malformed {
                reason: SignatureError::HeaderV2,
                ..
            } => {
                return Self::invalid_argument(
                    "AWS authorization header is invalid. Expected AwsAccessKeyId:signature",
                )
                .of_argument("Authorization");
            }
            AuthError::MissingDate
            | AuthError::Malformed {
                place: SignaturePlace::Header,
                reason: SignatureError::MalformedDate,
            } => {
                let message = "AWS authentication requires a valid Date or x-amz-date header";
                return Self::new("AccessDenied", StatusCode::FORBIDDEN, message);
            }
            AuthError::Malformed {
                place: SignaturePlace::Header,
                reason: SignatureError::Malformed(what),
            } => {
                let message = sentence(&format!("the authorization header is malformed; {what}"));
                return Self::new("AuthorizationHeaderMalformed", StatusCode::BAD_REQUEST, message);
            }
            AuthError::Malformed { place, .. } => match place {
                SignaturePlace::Query => ("AuthorizationQueryParametersError", StatusCode::BAD_REQUEST),
                SignaturePlace::Header | SignaturePlace::Form => {
                    ("AuthorizationHeaderMalformed", StatusCode::BAD_REQUEST)
                }
            },
            AuthError::TwoMechanisms | AuthError::FormField(_) => ("InvalidArgument", StatusCode::BAD_REQUEST),
            AuthError::SignatureVersion2
            | AuthError::DuplicateHeader(_)
            | AuthError::Framing(_)
            | AuthError::MissingContentSha256
            | AuthError::UnsupportedContentSha256
            | AuthError::UnsupportedTrailer(_)
            | AuthError::HeaderEncoding(_) => ("InvalidRequest", StatusCode::BAD_REQUEST),
            AuthError::Skewed { .. } => ("RequestTimeTooSkewed", StatusCode::FORBIDDEN),
            AuthError::Expired
            | AuthError::NotYetValid
            | AuthError::LinkTooLong
            | AuthError::UnsignedParameter(_)
            | AuthError::UnsignedHeader(_)
            | AuthError::Suspended
            | AuthError::UnknownToken => ("AccessDenied", StatusCode::FORBIDDEN),
            AuthError::UnknownAccessKey => ("InvalidAccessKeyId", StatusCode::FORBIDDEN),
            // One listener serves several services; what was signed for one is no signature for another (identity contract, 1).
            AuthError::Mismatch | AuthError::WrongService { .. } => ("SignatureDoesNotMatch", StatusCode::FORBIDDEN),
            AuthError::SessionExpired => ("ExpiredToken", StatusCode::BAD_REQUEST),
            AuthError::SessionToken => ("InvalidToken", StatusCode::BAD_REQUEST),
            AuthError::Unavailable => ("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE),
        };
        Self::new(code, status, sentence(&auth.to_string()))
    }
}

impl From<&Refusal> for Fault {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Auth(auth) => auth.into(),
            Refusal::Barred => Self::access_denied(),
            Refusal::Body(body) => body.into(),
            Refusal::Unaudited => Self::new(
                "ServiceUnavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "The request could not be recorded. It may have been done all the same. Please look, and try again.",
            ),
            Refusal::Panicked => Self::new(
                "InternalError",
                StatusCode::INTERNAL_SERVER_ERROR,
                "We encountered an internal error. Please try again.",
            ),
        }
    }
}

/// S3's messages are sentences; ours inside begin small and end without a stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return String::new();
    };
    let mut out: String = first.to_uppercase().collect();
    out.push_str(characters.as_str());
    if !out.ends_with(['.', '!', '?']) {
        out.push('.');
    }
    out
}
