//! From a refusal to an [`Error`].

use crate::error::tame;
use crate::retry::Failed;
use crate::xml::{self, Visit};
use crate::{Answer, Error, Operation};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use std::time::Duration;

/// Makes the error of an answer that is not a success.
pub(super) fn refuse(operation: Operation, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failed {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).and_then(tame);
    let (mut code, mut message) = (header("x-ms-error-code"), None);
    // A broken end does not take back what was understood before it; `HEAD` has no document.
    let _ = xml::read(body, |path, visit| {
        if let (Visit::Close(text), [root, name]) = (visit, path)
            && root == "Error"
        {
            match name.as_str() {
                "Code" if code.is_none() => code = tame(text),
                // The lines behind the first one name the request and the time.
                "Message" => message = text.lines().next().and_then(tame),
                _ => {}
            }
        }
    });
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let answer = Answer {
        status: status.as_u16(),
        code,
        message,
        request_id: header("x-ms-request-id"),
    };
    Failed {
        error: classify(operation, answer),
        retry_after,
    }
}

/// Source: "Status and error codes" of the storage services. A code says more than a status, so it goes first.
fn classify(operation: Operation, answer: Answer) -> Error {
    match answer.code.as_deref() {
        Some("ServerBusy") => return Error::Throttled(operation, answer),
        // Bytes that were damaged underway.
        Some("Md5Mismatch" | "Crc64Mismatch" | "OperationTimedOut" | "InternalError") => {
            return Error::Unavailable(operation, answer);
        }
        _ => {}
    }
    match answer.status {
        401 | 403 => Error::Denied(operation, answer),
        404 | 410 => Error::NotFound(operation, answer),
        304 | 412 => Error::Precondition(operation, answer),
        409 => Error::Conflict(operation, answer),
        413 => Error::TooLarge(operation, answer),
        429 => Error::Throttled(operation, answer),
        501 | 505 => Error::Refused(operation, answer),
        408 | 500.. => Error::Unavailable(operation, answer),
        _ => Error::Refused(operation, answer),
    }
}
