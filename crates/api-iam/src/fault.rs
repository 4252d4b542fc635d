//! Every error of this door: the only file that knows its codes and statuses (identity contract, "Error codes and status").

use baleen_http::{AuthError, BodyFault, BoxError, Refusal};
use baleen_iam::Error as IamError;
use baleen_iam::login::LoginError;
use baleen_kms::Error as KmsError;
use baleen_objects::ObjectError;
use baleen_policy::Denied;
use baleen_tenancy::Error as TenancyError;
use baleen_types::{Classify, FaultKind, Invalid, RequestId};
use http::{HeaderName, HeaderValue, StatusCode};
use tracing::{error, warn};

/// Declares the codes: variant, wire name, status.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $status:ident,)*) => {
        /// An error code, which is spelled on the wire as here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code {
            $($(#[$doc])* $name,)*
        }

        impl Code {
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            pub(crate) const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }
        }
    };
}

codes! {
    NoSuchEntity NOT_FOUND,
    EntityAlreadyExists CONFLICT,
    DeleteConflict CONFLICT,
    LimitExceeded CONFLICT,
    MalformedPolicyDocument BAD_REQUEST,
    InvalidInput BAD_REQUEST,
    ValidationError BAD_REQUEST,
    PasswordPolicyViolation BAD_REQUEST,
    InvalidUserType BAD_REQUEST,
    EntityTemporarilyUnmodifiable CONFLICT,
    AccessDenied FORBIDDEN,
    TFARequired FORBIDDEN,
    InvalidClientTokenId FORBIDDEN,
    ExpiredToken FORBIDDEN,
    SignatureDoesNotMatch FORBIDDEN,
    IncompleteSignature BAD_REQUEST,
    MissingAuthenticationToken FORBIDDEN,
    RequestExpired BAD_REQUEST,
    Throttling TOO_MANY_REQUESTS,
    ConcurrentModification CONFLICT,
    ServiceFailure INTERNAL_SERVER_ERROR,
    InvalidAction BAD_REQUEST,
    MissingAction BAD_REQUEST,

    /// A body above its limit.
    RequestEntityTooLarge PAYLOAD_TOO_LARGE,
    MethodNotAllowed METHOD_NOT_ALLOWED,
    NotFound NOT_FOUND,
    NotImplemented NOT_IMPLEMENTED,
    /// Something we need does not answer; not our mistake, and worth another try.
    ServiceUnavailable SERVICE_UNAVAILABLE,
}

/// Seconds after which a client may try again what could not be done just now.
const RETRY_AFTER_SECONDS: u64 = 2;

/// An error as the client gets it, and what the log gets beside it.
#[derive(Debug)]
pub(crate) struct Fault(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Code,
    message: String,
    retry_after_s: Option<u64>,
    header: Option<(HeaderName, HeaderValue)>,
    cause: Option<(FaultKind, BoxError)>,
}

impl Fault {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            message: message.into(),
            retry_after_s: (code == Code::ServiceUnavailable).then_some(RETRY_AFTER_SECONDS),
            header: None,
            cause: None,
        }))
    }

    /// A parameter that is missing, out of range or not what it should be; worded as AWS words it.
    pub(crate) fn validation(detail: impl std::fmt::Display) -> Self {
        Self::new(Code::ValidationError, format!("1 validation error detected: {detail}"))
    }

    pub(crate) fn invalid_input(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidInput, message)
    }

    /// The same text whatever the reason, so that it tells nothing of what exists.
    pub(crate) fn access_denied() -> Self {
        Self::new(Code::AccessDenied, "Access denied")
    }

    pub(crate) fn internal(what: &'static str) -> Self {
        Self::because(Code::ServiceFailure, FaultKind::Internal, what.into())
    }

    /// What is ours to mend: the client learns that it is, the log learns why.
    fn because(code: Code, kind: FaultKind, cause: BoxError) -> Self {
        let message = match code {
            Code::ServiceUnavailable => "The request cannot be served at the moment; please try again.",
            _ => "The request failed by a fault of this server; its operator finds the cause under the request id.",
        };
        let mut fault = Self::new(code, message);
        fault.0.cause = Some((kind, cause));
        fault
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    pub(crate) fn header(&self) -> Option<&(HeaderName, HeaderValue)> {
        self.0.header.as_ref()
    }

    pub(crate) fn code(&self) -> Code {
        self.0.code
    }

    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    pub(crate) fn retry_after_s(&self) -> Option<u64> {
        self.0.retry_after_s
    }

    /// Logs what the operator has to know, once.
    pub(crate) fn log(&self, id: Option<RequestId>) {
        let (id, code) = (id.map(|id| id.to_string()), self.code().name());
        let Some((kind, cause)) = &self.0.cause else { return };
        let cause = &**cause as &dyn std::error::Error;
        if kind.is_ours() {
            error!(id, code, cause, "operation failed");
        } else {
            warn!(id, code, cause, "operation not possible now");
        }
    }
}

/// What a service could not do by no mistake of the client's.
fn failed<E: Classify + std::error::Error + Send + Sync + 'static>(error: E) -> Fault {
    let kind = error.kind();
    let code = if kind.is_transient() {
        Code::ServiceUnavailable
    } else {
        Code::ServiceFailure
    };
    Fault::because(code, kind, error.into())
}

impl From<IamError> for Fault {
    fn from(error: IamError) -> Self {
        let error = match error {
            IamError::Tenancy(error) => return error.into(),
            error => error,
        };
        let code = match &error {
            IamError::NoSuchEntity { .. } => Code::NoSuchEntity,
            IamError::EntityAlreadyExists { .. } => Code::EntityAlreadyExists,
            IamError::DeleteConflict { .. } => Code::DeleteConflict,
            IamError::LimitExceeded { .. } | IamError::PackedPolicyTooLarge { .. } => Code::LimitExceeded,
            IamError::MalformedPolicyDocument(_) => Code::MalformedPolicyDocument,
            IamError::Invalid(_) | IamError::BadMetadata(_) => Code::InvalidInput,
            IamError::NotAllowed(_) | IamError::BeyondRights(_) => Code::AccessDenied,
            // One text for all reasons; which it was is for the log of who runs the server.
            IamError::FederatedLogin(_) => return Self::access_denied(),
            IamError::ConcurrentModification => Code::ConcurrentModification,
            IamError::Tenancy(_)
            | IamError::Meta(_)
            | IamError::GivenUp
            | IamError::Race
            | IamError::SamlKey(_)
            | IamError::Sealed { .. }
            | IamError::Damaged(_)
            | IamError::File { .. } => return failed(error),
        };
        Self::new(code, sentence(&error.to_string()))
    }
}

impl From<LoginError> for Fault {
    fn from(error: LoginError) -> Self {
        let code = match error {
            LoginError::Iam(error) => return error.into(),
            LoginError::Throttled { retry_after } => {
                let mut fault = Self::new(Code::Throttling, sentence(&error.to_string()));
                fault.0.retry_after_s = Some(retry_after.as_secs().max(1));
                return fault;
            }
            LoginError::Denied
            | LoginError::BadResetToken
            | LoginError::WrongCode
            | LoginError::NotLoggedIn
            | LoginError::NotFresh => Code::AccessDenied,
            LoginError::SecondFactorRequired => Code::TFARequired,
            LoginError::Policy(_) => Code::PasswordPolicyViolation,
            LoginError::Federated => Code::InvalidUserType,
            LoginError::NothingPrepared => Code::InvalidInput,
        };
        Self::new(code, sentence(&error.to_string()))
    }
}

impl From<KmsError> for Fault {
    fn from(error: KmsError) -> Self {
        let code = match &error {
            KmsError::NoSuchKey(_) => Code::NoSuchEntity,
            KmsError::AlreadyExists(_) => Code::EntityAlreadyExists,
            KmsError::TooManyKeys | KmsError::TooManyVersions => Code::LimitExceeded,
            KmsError::Disabled(_) => Code::InvalidInput,
            KmsError::Busy => Code::ConcurrentModification,
            KmsError::Damaged(_) | KmsError::Meta(_) => return failed(error),
        };
        Self::new(code, sentence(&error.to_string()))
    }
}

impl From<TenancyError> for Fault {
    fn from(error: TenancyError) -> Self {
        let code = match &error {
            TenancyError::NoSuchCustomer | TenancyError::NoSuchRule => Code::NoSuchEntity,
            TenancyError::CustomerExists(_) => Code::EntityAlreadyExists,
            TenancyError::TooManyCustomers { .. } | TenancyError::TooManyRules { .. } => Code::LimitExceeded,
            TenancyError::Denied(_) => Code::AccessDenied,
            TenancyError::BeingDeleted => Code::EntityTemporarilyUnmodifiable,
            TenancyError::NoSuchRegion(_)
            | TenancyError::NotRestricted
            | TenancyError::RuleNotPending(_)
            | TenancyError::Invalid(_) => Code::InvalidInput,
            TenancyError::Contended => Code::ConcurrentModification,
            TenancyError::Damaged(_) | TenancyError::Meta(_) => return failed(error),
        };
        Self::new(code, sentence(&error.to_string()))
    }
}

/// Here only counters are read, so that whatever fails is no mistake of the client's.
impl From<ObjectError> for Fault {
    fn from(error: ObjectError) -> Self {
        failed(error)
    }
}

impl From<baleen_audit::Error> for Fault {
    fn from(error: baleen_audit::Error) -> Self {
        failed(error)
    }
}

impl From<baleen_usage::Error> for Fault {
    fn from(error: baleen_usage::Error) -> Self {
        failed(error)
    }
}

impl From<Denied> for Fault {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated => Self::new(Code::MissingAuthenticationToken, "The request is not signed"),
            Denied::NotAllowed | Denied::Foreign => Self::access_denied(),
        }
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        Self::new(Code::InvalidInput, sentence(&invalid.to_string()))
    }
}

impl From<&BodyFault> for Fault {
    fn from(body: &BodyFault) -> Self {
        let code = match body {
            BodyFault::TooLarge { .. } | BodyFault::FormFields => Code::RequestEntityTooLarge,
            BodyFault::Signature | BodyFault::ContentSha256 => Code::SignatureDoesNotMatch,
            BodyFault::Crowded => Code::Throttling,
            BodyFault::BrokenOff
            | BodyFault::Framing(_)
            | BodyFault::DecodedLength { .. }
            | BodyFault::Stalled
            | BodyFault::ChunkTooLarge
            | BodyFault::Trailer(_)
            | BodyFault::Form(_)
            | BodyFault::NoFile
            | BodyFault::OutsideRange { .. }
            | BodyFault::Checksum(_)
            | BodyFault::Document(_) => Code::InvalidInput,
        };
        Self::new(code, sentence(&body.to_string()))
    }
}

impl From<&AuthError> for Fault {
    fn from(auth: &AuthError) -> Self {
        let code = match auth {
            AuthError::UnknownAccessKey | AuthError::UnknownToken | AuthError::SessionToken => {
                Code::InvalidClientTokenId
            }
            AuthError::SessionExpired => Code::ExpiredToken,
            AuthError::Suspended => Code::AccessDenied,
            AuthError::Mismatch | AuthError::WrongService { .. } | AuthError::UnsignedHeader(_) => {
                Code::SignatureDoesNotMatch
            }
            AuthError::Skewed { .. } | AuthError::Expired | AuthError::NotYetValid | AuthError::LinkTooLong => {
                Code::RequestExpired
            }
            AuthError::Malformed { .. }
            | AuthError::MissingDate
            | AuthError::TwoMechanisms
            | AuthError::SignatureVersion2
            | AuthError::UnsignedParameter(_)
            | AuthError::DuplicateHeader(_)
            | AuthError::MissingContentSha256
            | AuthError::UnsupportedContentSha256
            | AuthError::Framing(_)
            | AuthError::UnsupportedTrailer(_)
            | AuthError::FormField(_)
            | AuthError::HeaderEncoding(_) => Code::IncompleteSignature,
            AuthError::Unavailable => Code::ServiceUnavailable,
        };
        Self::new(code, sentence(&auth.to_string()))
    }
}

impl From<&Refusal> for Fault {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Auth(error) => error.into(),
            Refusal::Body(fault) => fault.into(),
            Refusal::Barred => Self::access_denied(),
            Refusal::Unaudited => Self::new(
                Code::ServiceUnavailable,
                "The request could not be recorded. It may have been done all the same. Please look, and try again.",
            ),
            // The cause is in the log already.
            Refusal::Panicked => Self::new(
                Code::ServiceFailure,
                "The request failed by a fault of this server; its operator finds the cause under the request id.",
            ),
        }
    }
}

/// A message of ours as AWS writes them: with a capital and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let Some(first) = characters.next() else {
        return String::new();
    };
    let mut sentence: String = first.to_uppercase().chain(characters).collect();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}
