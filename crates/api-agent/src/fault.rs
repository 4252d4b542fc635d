//! The only place that knows the statuses of this door.

use baleen_capture::PartRefused;
use baleen_http::{AuthError, Barred, BodyFault, Refusal, Response, ResponseBody};
use baleen_types::{Classify as _, FaultKind};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// Why a request is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) status: StatusCode,
    code: &'static str,
    message: String,
    /// The number of the part that is wanted instead.
    next: Option<u32>,
}

impl Fault {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            next: None,
        }
    }

    /// Whoever it is: no certificate, one of another authority, one of an agent that was removed.
    pub(crate) fn nobody() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "Unauthenticated",
            "no agent is known by this certificate",
        )
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "there is no such thing here")
    }

    /// Nothing that this agent was asked for.
    pub(crate) fn not_ordered(why: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotOrdered", why)
    }

    pub(crate) fn invalid(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Invalid", why)
    }

    pub(crate) fn busy(why: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", why)
    }

    /// An agent of an account that is not served, or not from there.
    pub(crate) fn barred(barred: Barred) -> Self {
        match barred {
            Barred::Unavailable => Self::busy("it cannot be checked now"),
            Barred::NotListed | Barred::Withheld => Self::new(
                StatusCode::FORBIDDEN,
                "Denied",
                "the account of this agent does not capture, or not from this address",
            ),
        }
    }

    fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal", "an error of the server")
    }

    pub(crate) fn of_body(fault: &BodyFault) -> Self {
        match fault {
            BodyFault::Stalled => Self::new(StatusCode::REQUEST_TIMEOUT, "Stalled", "the body did not come"),
            _ => Self::invalid("the body is not what was announced"),
        }
    }

    pub(crate) fn of_refusal(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Auth(AuthError::Unavailable) => Self::busy("it cannot be checked now"),
            Refusal::Auth(_) | Refusal::Barred => Self::nobody(),
            Refusal::Body(fault) => Self::of_body(fault),
            Refusal::Unaudited | Refusal::Panicked => Self::internal(),
        }
    }

    pub(crate) fn response(&self) -> Response {
        let mut body = json!({ "error": { "code": self.code, "message": self.message } });
        if let Some(next) = self.next {
            body["error"]["next"] = next.into();
        }
        let mut response = json_response(&body);
        *response.status_mut() = self.status;
        response
    }
}

impl From<baleen_fleet::Error> for Fault {
    fn from(error: baleen_fleet::Error) -> Self {
        let kind = error.kind();
        if kind.is_ours() {
            tracing::error!(error = &error as &dyn std::error::Error, "a request of an agent failed");
        }
        let (status, code) = match kind {
            FaultKind::Invalid | FaultKind::Precondition => (StatusCode::BAD_REQUEST, "Invalid"),
            FaultKind::Unauthenticated => (StatusCode::UNAUTHORIZED, "BadToken"),
            FaultKind::Denied => (StatusCode::FORBIDDEN, "Denied"),
            // An agent that is gone is nobody.
            FaultKind::NotFound => return Self::nobody(),
            FaultKind::Exists | FaultKind::Conflict => (StatusCode::CONFLICT, "Conflict"),
            FaultKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "TooLarge"),
            FaultKind::Throttled => (StatusCode::TOO_MANY_REQUESTS, "Throttled"),
            FaultKind::Unavailable => return Self::busy("try again in a moment"),
            FaultKind::Corrupt | FaultKind::Internal => return Self::internal(),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<PartRefused> for Fault {
    fn from(refused: PartRefused) -> Self {
        let (status, code) = match refused {
            PartRefused::NotOrdered | PartRefused::File => (StatusCode::NOT_FOUND, "NotOrdered"),
            PartRefused::OutOfOrder(_) => (StatusCode::CONFLICT, "OutOfOrder"),
            PartRefused::Changed => (StatusCode::CONFLICT, "Changed"),
            PartRefused::AfterEnd => (StatusCode::CONFLICT, "AfterEnd"),
            PartRefused::Size => (StatusCode::BAD_REQUEST, "Size"),
            PartRefused::Counts => (StatusCode::BAD_REQUEST, "Counts"),
        };
        let next = match refused {
            PartRefused::OutOfOrder(next) => Some(next),
            _ => None,
        };
        Self {
            next,
            ..Self::new(status, code, refused.to_string())
        }
    }
}

pub(crate) fn json_response(body: &serde_json::Value) -> Response {
    let mut response = Response::new(ResponseBody::full(body.to_string()));
    let kind = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
