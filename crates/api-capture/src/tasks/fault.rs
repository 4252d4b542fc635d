//! Every error of this door: the only file that knows statuses and codes (capture contract, B.2, "Error codes to use").

use crate::account::Refused;
use crate::answer::{self, json_response};
use crate::body::NotAnObject;
use baleen_capture::CaptureError;
use baleen_http::{Barred, Response};
use baleen_policy::Action;
use baleen_types::{Classify, FaultKind, RequestId};
use http::StatusCode;
use http::header::{CONTENT_RANGE, HeaderValue, RETRY_AFTER};
use serde_json::json;
use std::fmt::Display;

/// A code with the vendor's words for it.
pub(crate) type Code = (&'static str, &'static str);

pub(crate) mod code {
    use super::Code;

    /// Missing.
    pub(crate) const EMPTY_PARAM: Code = ("CFW.00200001", "empty param");
    /// Of a wrong type, or out of range: the vendor's list has this code for both, and no words for this one.
    pub(crate) const WRONG_PARAM: Code = ("CFW.00200001", "wrong param");
    pub(crate) const IN_USE: Code = ("CFW.00200004", "in use, cannot delete");
    pub(crate) const NOT_FOUND: Code = ("CFW.00200005", "operation content does not exist");
    pub(crate) const NAME_CONFLICT: Code = ("CFW.00200007", "name conflict");
    pub(crate) const CONFIG_TYPE: Code = ("CFW.00200010", "config type error");
    pub(crate) const STATUS: Code = ("CFW.00200016", "instance status error");
    pub(crate) const QUANTITY: Code = ("CFW.00200024", "quantity limit exceeded");
    pub(crate) const ADDRESS: Code = ("CFW.00200027", "address error");
    pub(crate) const FAMILY: Code = ("CFW.00200028", "inconsistent address types");
    pub(crate) const ADDRESS_TYPE: Code = ("CFW.00200030", "address type error");
    pub(crate) const ADDRESS_NULL: Code = ("CFW.00200041", "address is null");
    pub(crate) const PARSE: Code = ("CFW.00300001", "parse error");
    /// For whatever is the server's, since the list has no other.
    pub(crate) const UPSTREAM: Code = ("CFW.00109004", "an upstream call failed");
    pub(crate) const CREDENTIALS: Code = ("APIGW.0301", "Incorrect IAM authentication information");
    pub(crate) const DENIED: Code = ("APIGW.0302", "the request is not allowed");
    pub(crate) const NO_ROUTE: Code = ("APIGW.0101", "the API does not exist");
    pub(crate) const THROTTLED: Code = ("APIGW.0308", "throttled");
}

/// Seconds after which a client may try again what could not be done just now.
const RETRY_AFTER_SECONDS: &str = "2";

/// An error as the client gets it, and what the log gets beside it.
#[derive(Debug)]
pub(crate) struct Fault {
    status: StatusCode,
    code: Code,
    detail: String,
    /// The size of the file of which a range was asked for in vain.
    file_bytes: Option<u64>,
    cause: Option<Box<CaptureError>>,
}

impl Fault {
    fn new(status: StatusCode, code: Code, detail: impl Display) -> Self {
        Self {
            status,
            code,
            detail: detail.to_string(),
            file_bytes: None,
            cause: None,
        }
    }

    /// All that is wrong with a request, under the code of the first.
    pub(crate) fn all(faults: Vec<Self>) -> Option<Self> {
        let mut faults = faults.into_iter();
        let mut first = faults.next()?;
        let mut words = first.code.1;
        for Self { code, detail, .. } in faults {
            let repeated = if code.1 == words {
                String::new()
            } else {
                format!("{}: ", code.1)
            };
            first.detail = format!("{}; {repeated}{detail}", first.detail);
            words = code.1;
        }
        Some(first)
    }

    /// A request that is wrong.
    pub(crate) fn bad(code: Code, detail: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    pub(crate) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, code::NO_ROUTE, "there is no such route here")
    }

    pub(crate) fn unauthenticated(detail: impl Display) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code::CREDENTIALS, detail)
    }

    pub(crate) fn bad_ticket() -> Self {
        Self::unauthenticated(CaptureError::BadTicket)
    }

    /// For who goes no further; `action` is what was asked for.
    pub(crate) fn refused(refused: Refused, action: Action) -> Self {
        match refused {
            Refused::Nobody => Self::unauthenticated("send X-Auth-Token, or sign with SDK-HMAC-SHA256"),
            Refused::Unknown => Self::bad(code::NOT_FOUND, "there is no such project for these credentials"),
            Refused::NotAllowed => {
                let detail = format!("these credentials do not have the right {}", action.name());
                Self::new(StatusCode::FORBIDDEN, code::DENIED, detail)
            }
        }
    }

    /// For who may not act here at all: suspended, or from an address that is not allowed.
    pub(crate) fn barred() -> Self {
        Self::new(StatusCode::FORBIDDEN, code::DENIED, "access denied")
    }

    pub(crate) fn barred_by(barred: Barred) -> Self {
        match barred {
            Barred::NotListed | Barred::Withheld => Self::barred(),
            Barred::Unavailable => Self::unavailable("it cannot be checked now who may read this; try again"),
        }
    }

    pub(crate) fn not_json(why: impl Display) -> Self {
        Self::bad(code::PARSE, format!("the request body is not a JSON object: {why}"))
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        let detail = format!("a request body has at most {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code::PARSE, detail)
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            code::UPSTREAM,
            "internal error; report it with the X-Request-Id of this answer",
        )
    }

    pub(crate) fn unavailable(detail: impl Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code::UPSTREAM, detail)
    }

    /// Writes what the operator has to know.
    pub(crate) fn log(&self, request: Option<RequestId>) {
        if let Some(cause) = &self.cause {
            answer::log(cause, request);
        }
    }

    pub(crate) fn render(&self) -> Response {
        let (code, words) = self.code;
        let message = format!("{words}: {}", self.detail);
        let body = json!({ "error_code": code, "error_msg": message });
        let mut response = json_response(self.status, &body);
        let headers = response.headers_mut();
        if matches!(
            self.status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        ) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        let size = self
            .file_bytes
            .map(|size| HeaderValue::try_from(format!("bytes */{size}")));
        if let Some(Ok(size)) = size {
            headers.insert(CONTENT_RANGE, size);
        }
        response
    }
}

impl From<CaptureError> for Fault {
    fn from(error: CaptureError) -> Self {
        use CaptureError as E;
        let bad = |code| Self::bad(code, &error);
        let mut fault = match &error {
            E::Filter(_) | E::FilterAtSite { .. } => bad(code::CONFIG_TYPE),
            E::NoSite(_)
            | E::NoSuchTask
            | E::NoTaskFile { .. }
            | E::NoSuchCapture(_)
            | E::NoSuchOwnership
            | E::FileGone(_) => bad(code::NOT_FOUND),
            E::NameTaken => bad(code::NAME_CONFLICT),
            E::TooManyTasks { .. } | E::TaskLimit { .. } | E::Quota { .. } | E::TooManyOwnerships { .. } => {
                bad(code::QUANTITY)
            }
            E::NotStoppable(_) | E::TaskNotOver(_) | E::Active(_) | E::NotReady(_) => bad(code::STATUS),
            E::BadTicket => Self::bad_ticket(),
            E::Range { size } => Self {
                file_bytes: Some(*size),
                ..Self::new(StatusCode::RANGE_NOT_SATISFIABLE, code::WRONG_PARAM, &error)
            },
            // The account has too many buckets, or its name is another's.
            E::NoHome(_) if error.kind() == FaultKind::Invalid => bad(code::QUANTITY),
            E::Busy | E::Share { .. } | E::Overdue => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code::QUANTITY, &error)
            }
            E::Contended | E::TooSoon { .. } => Self::new(StatusCode::TOO_MANY_REQUESTS, code::THROTTLED, &error),
            E::Stopping | E::NoAgentConnected(_) | E::NotBegun(_) | E::NotFollowable { .. } | E::Account(_) => {
                Self::unavailable(&error)
            }
            // All but the first are of destinations and samples, which no request here names.
            E::Limit { .. }
            | E::Destination(_)
            | E::NotProven(_)
            | E::WrongAnswer { .. }
            | E::ChallengeFailed
            | E::Unwritable(_)
            | E::NoLookBack
            | E::NotASample(_)
            | E::SampleFailed(_) => bad(code::WRONG_PARAM),
            E::Meta(_) | E::Objects(_) | E::NoHome(_) if error.kind().is_transient() => Self::unavailable(&error),
            // The last are of agents and schedules, which are the other door's.
            E::Meta(_)
            | E::Objects(_)
            | E::NoHome(_)
            | E::Damaged(_)
            | E::Sealed(_)
            | E::Task(_)
            | E::NoAgents
            | E::NoSuchSchedule
            | E::Schedule(_)
            | E::ScheduleNameTaken
            | E::TooManySchedules { .. }
            | E::TooManyTriggers { .. }
            | E::Fleet(_) => Self::internal(),
        };
        fault.cause = Some(Box::new(error));
        fault
    }
}

impl From<NotAnObject> for Fault {
    fn from(why: NotAnObject) -> Self {
        match why {
            NotAnObject::TooLarge(limit) => Self::body_too_large(limit),
            NotAnObject::NotJson(why) => Self::not_json(why),
            NotAnObject::Other => Self::not_json("it is another value"),
        }
    }
}
