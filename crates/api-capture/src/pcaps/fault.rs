//! Every error of this door: the only file that knows statuses and codes (capture contract, A.1, "Error codes").

use crate::account::Refused;
use crate::answer::{self, json_response};
use crate::body::NotAnObject;
use baleen_capture::{CaptureError, Limited};
use baleen_http::Response;
use baleen_policy::Action;
use baleen_types::{Classify, FaultKind, RequestId};
use http::StatusCode;
use http::header::{CONTENT_RANGE, HeaderName, HeaderValue, RETRY_AFTER};
use serde_json::json;
use std::time::Duration;

/// Error codes of the vendor's gateway and of this service.
pub(crate) mod code {
    pub(crate) const NO_CREDENTIALS: u32 = 6003;
    pub(crate) const NOT_JSON: u32 = 6007;
    pub(crate) const UNKNOWN_CREDENTIALS: u32 = 10000;
    pub(crate) const DENIED: u32 = 9109;
    pub(crate) const NO_ROUTE: u32 = 7003;
    pub(crate) const INVALID: u32 = 1001;
    pub(crate) const NOT_FOUND: u32 = 1002;
    pub(crate) const NOT_PROVEN: u32 = 1003;
    pub(crate) const WRONG_ANSWER: u32 = 1004;
    pub(crate) const ACTIVE: u32 = 1005;
    pub(crate) const TOO_SOON: u32 = 1006;
    pub(crate) const NOT_STOPPABLE: u32 = 1007;
    pub(crate) const NO_DOWNLOAD: u32 = 1008;
    pub(crate) const UNWRITABLE: u32 = 1009;
    pub(crate) const NO_SITE: u32 = 1010;
    pub(crate) const NOT_CONNECTED: u32 = 1011;
    // The vendor has none for these; ours follow its last one.
    pub(crate) const INTERNAL: u32 = 1012;
    pub(crate) const UNAVAILABLE: u32 = 1013;
    pub(crate) const TOO_LARGE: u32 = 1014;
    pub(crate) const NAME_TAKEN: u32 = 1015;
    pub(crate) const QUOTA: u32 = 1016;
}

/// Seconds after which a client may try again what could not be done just now.
const RETRY_AFTER_SECONDS: &str = "2";

/// An error as the client gets it, and what the log gets beside it.
#[derive(Debug)]
pub(crate) struct Fault {
    status: StatusCode,
    problems: Vec<Problem>,
    /// Beside those that belong to the status.
    header: Option<(HeaderName, HeaderValue)>,
    cause: Option<Box<CaptureError>>,
}

/// One entry of `errors`.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) code: u32,
    pub(crate) message: String,
    /// JSON pointer into the request.
    pub(crate) pointer: Option<String>,
}

impl Fault {
    fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            problems: vec![Problem {
                code,
                message: message.into(),
                pointer: None,
            }],
            header: None,
            cause: None,
        }
    }

    fn at(mut self, pointer: Option<&str>) -> Self {
        for problem in &mut self.problems {
            problem.pointer = pointer.map(str::to_owned);
        }
        self
    }

    pub(crate) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, code::NO_ROUTE, "there is no such route")
    }

    /// For who goes no further; `action` is what was asked for.
    pub(crate) fn refused(refused: Refused, action: Action) -> Self {
        match refused {
            Refused::Nobody => Self::no_credentials(),
            Refused::Unknown => Self::no_account(),
            Refused::NotAllowed => Self::denied(action.name()),
        }
    }

    fn no_account() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            code::NOT_FOUND,
            "there is no such account for these credentials",
        )
    }

    fn no_credentials() -> Self {
        Self::bad_credentials("send Authorization: Bearer <API token>, or X-Auth-Email with X-Auth-Key")
    }

    pub(crate) fn bad_credentials(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code::NO_CREDENTIALS, message)
    }

    pub(crate) fn unknown_credentials() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            code::UNKNOWN_CREDENTIALS,
            "Authentication error",
        )
    }

    fn denied(action: &str) -> Self {
        let message = format!("these credentials do not have the right {action}");
        Self::new(StatusCode::FORBIDDEN, code::DENIED, message)
    }

    /// For who may not act here at all: suspended, or from an address that is not allowed.
    pub(crate) fn barred() -> Self {
        Self::new(StatusCode::FORBIDDEN, code::DENIED, "access denied")
    }

    pub(crate) fn not_json(why: impl std::fmt::Display) -> Self {
        let message = format!("the request body is not JSON: {why}");
        Self::new(StatusCode::BAD_REQUEST, code::NOT_JSON, message)
    }

    pub(crate) fn body_too_large(limit: usize) -> Self {
        let message = format!("a request body has at most {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, code::TOO_LARGE, message)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        let message = format!("there is no such {what} under this account");
        Self::new(StatusCode::NOT_FOUND, code::NOT_FOUND, message)
    }

    pub(crate) fn invalid(problems: Vec<Problem>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            problems,
            header: None,
            cause: None,
        }
    }

    pub(crate) fn no_look_back() -> Self {
        let message = "no site of this account keeps packets that went by, so simple captures are not possible: its operator turns that on with \
                       lookback.enabled. Type full captures new packets into a bucket";
        Self::new(StatusCode::BAD_REQUEST, code::NO_SITE, message).at(Some("/type"))
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    fn too_soon(message: String, left: Duration) -> Self {
        let fault = Self::new(StatusCode::TOO_MANY_REQUESTS, code::TOO_SOON, message);
        fault.with(RETRY_AFTER, HeaderValue::from(whole_seconds(left)))
    }

    fn over_quota(message: String, left: Option<Duration>) -> Self {
        let fault = Self::new(StatusCode::TOO_MANY_REQUESTS, code::QUOTA, message);
        match left {
            Some(left) => fault.with(RETRY_AFTER, HeaderValue::from(whole_seconds(left))),
            None => fault,
        }
    }

    fn outside(message: String, size: u64) -> Self {
        let fault = Self::new(StatusCode::RANGE_NOT_SATISFIABLE, code::INVALID, message);
        match HeaderValue::try_from(format!("bytes */{size}")) {
            Ok(value) => fault.with(CONTENT_RANGE, value),
            Err(_) => fault,
        }
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            code::INTERNAL,
            "internal error; report it with the x-request-id of this answer",
        )
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code::UNAVAILABLE, message)
    }

    /// Renders a service error; `pointers` names the request's members that it may speak of.
    pub(crate) fn of(error: CaptureError, pointers: Pointers<'_>) -> Self {
        use CaptureError as E;
        let bad = |code, pointer| Self::new(StatusCode::BAD_REQUEST, code, error.to_string()).at(pointer);
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, error.to_string());
        let mut fault = match &error {
            E::Destination(_) | E::TooManyOwnerships { .. } => bad(code::INVALID, pointers.destination),
            E::Filter(_) | E::FilterAtSite { .. } => bad(code::INVALID, pointers.filter),
            E::Limit { of, .. } => bad(code::INVALID, pointers.limited(*of)),
            E::NoSuchOwnership => Self::not_found("bucket"),
            E::FileGone(_) => Self::new(StatusCode::NOT_FOUND, code::NOT_FOUND, error.to_string()),
            E::NoLookBack => Self::no_look_back(),
            E::TooSoon { left, .. } => Self::too_soon(error.to_string(), *left),
            E::Quota { left, .. } => Self::over_quota(error.to_string(), *left),
            E::NotASample(_) | E::SampleFailed(_) => bad(code::NO_DOWNLOAD, None),
            E::NotReady(_) => conflict(code::NO_DOWNLOAD),
            E::Range { size } => Self::outside(error.to_string(), *size),
            // What is of capture tasks is asked for by no row here.
            E::NoSuchCapture(_) | E::NoSuchTask | E::NoTaskFile { .. } | E::BadTicket => Self::not_found("capture"),
            E::NameTaken
            | E::TooManyTasks { .. }
            | E::TaskLimit { .. }
            | E::TooManySchedules { .. }
            | E::TooManyTriggers { .. } => bad(code::INVALID, None),
            E::NoSuchSchedule => Self::not_found("schedule"),
            E::ScheduleNameTaken => conflict(code::NAME_TAKEN).at(Some("/name")),
            E::NotProven(_) => bad(code::NOT_PROVEN, pointers.destination),
            E::WrongAnswer { .. } | E::ChallengeFailed => bad(code::WRONG_ANSWER, pointers.answer),
            E::Unwritable(_) => bad(code::UNWRITABLE, pointers.destination),
            E::Active(_) => conflict(code::ACTIVE),
            E::NotFollowable { .. } if error.kind() == FaultKind::Unavailable => Self::unavailable(error.to_string()),
            E::NotStoppable(_) | E::TaskNotOver(_) | E::NotFollowable { .. } => conflict(code::NOT_STOPPABLE),
            E::NoSite(_) => bad(code::NO_SITE, pointers.site),
            E::NoAgentConnected(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code::NOT_CONNECTED, error.to_string()).at(pointers.site)
            }
            E::Stopping | E::Busy | E::Share { .. } | E::Overdue | E::Contended | E::NotBegun(_) | E::Account(_) => {
                Self::unavailable(error.to_string())
            }
            E::Meta(_) | E::Objects(_) | E::NoHome(_) if error.kind().is_transient() => {
                Self::unavailable(error.to_string())
            }
            E::Schedule(_) => conflict(code::INVALID),
            E::NoAgents => conflict(code::NO_SITE),
            E::Fleet(_) => match error.kind() {
                FaultKind::Invalid => bad(code::INVALID, None),
                FaultKind::NotFound => Self::not_found("agent"),
                FaultKind::Conflict => conflict(code::INVALID),
                kind if kind.is_transient() => Self::unavailable(error.to_string()),
                _ => Self::internal(),
            },
            E::NoHome(_) if error.kind() == FaultKind::Invalid => bad(code::INVALID, None),
            E::Meta(_) | E::Objects(_) | E::NoHome(_) | E::Damaged(_) | E::Sealed(_) | E::Task(_) => Self::internal(),
        };
        fault.cause = Some(Box::new(error));
        fault
    }

    /// Writes what the operator has to know.
    pub(crate) fn log(&self, request: Option<RequestId>) {
        if let Some(cause) = &self.cause {
            answer::log(cause, request);
        }
    }

    pub(crate) fn render(&self) -> Response {
        let errors: Vec<_> = self.problems.iter().map(Problem::to_json).collect();
        let body = json!({ "success": false, "errors": errors, "messages": [], "result": null });
        let mut response = json_response(self.status, &body);
        let headers = response.headers_mut();
        headers.extend(self.header.clone());
        match self.status {
            // The vendor's SDK repeats a 409 and a 429 by itself; a refusal that will not change soon must not cost seconds.
            StatusCode::CONFLICT => {
                headers.insert("x-should-retry", HeaderValue::from_static("false"));
            }
            _ if self.problems.iter().any(|problem| problem.code == code::QUOTA) => {
                headers.insert("x-should-retry", HeaderValue::from_static("false"));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        response
    }
}

/// The members of a request that errors of the service may point at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pointers<'a> {
    pub(crate) destination: Option<&'a str>,
    pub(crate) site: Option<&'a str>,
    pub(crate) filter: Option<&'a str>,
    pub(crate) answer: Option<&'a str>,
}

impl<'a> Pointers<'a> {
    fn limited(self, of: Limited) -> Option<&'a str> {
        match of {
            Limited::Time => Some("/time_limit"),
            Limited::Packets => Some("/packet_limit"),
            Limited::Bytes => Some("/byte_limit"),
            Limited::Snaplen => Some("/snaplen"),
            Limited::Rotation => Some("/rotate"),
            Limited::Offset => Some("/offset_time"),
            Limited::Budget => Some("/budget"),
            Limited::Trigger => Some("/trigger"),
            Limited::AddressKey => Some("/privacy/anonymise_key"),
            Limited::Site => Some("/site"),
            Limited::Filter => self.filter,
            // Of capture tasks alone.
            Limited::Days => None,
        }
    }
}

/// Rounded up: who waits for so long does not come too soon again.
fn whole_seconds(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

impl Problem {
    fn to_json(&self) -> serde_json::Value {
        match &self.pointer {
            None => json!({ "code": self.code, "message": self.message }),
            Some(pointer) => json!({
                "code": self.code, "message": self.message, "source": { "pointer": pointer },
            }),
        }
    }
}

impl From<NotAnObject> for Fault {
    fn from(why: NotAnObject) -> Self {
        match why {
            NotAnObject::TooLarge(limit) => Self::body_too_large(limit),
            NotAnObject::NotJson(why) => Self::not_json(why),
            NotAnObject::Other => Self::invalid(vec![Problem {
                code: code::INVALID,
                message: "the request body must be a JSON object".to_owned(),
                pointer: Some(String::new()),
            }]),
        }
    }
}
