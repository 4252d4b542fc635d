//! From an answer to an [`Error`], or to nothing wrong.

use http::HeaderMap;
use http::StatusCode;
use http::header::RETRY_AFTER;
use std::time::Duration;

use crate::error::tame;
use crate::retry::Failed;
use crate::xml::{self, Visit};
use crate::{Answer, Error, Operation};

/// What an error's document says.
#[derive(Debug, Default, PartialEq, Eq)]
struct ErrorDocument {
    code: Option<String>,
    message: Option<String>,
    request_id: Option<String>,
    region: Option<String>,
}

impl ErrorDocument {
    /// Reads an `Error` document; `None` for anything else (proxies answer in HTML, `HEAD` not at all).
    fn read(document: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        let mut is_error = false;
        // A broken end does not take back what was understood before it.
        let whole = xml::read(document, |path, visit| {
            let [root, rest @ ..] = path else { return };
            is_error |= root == "Error";
            let (Visit::Close(text), [name]) = (visit, rest) else {
                return;
            };
            match name.as_str() {
                "Code" => found.code = tame(text),
                "Message" => found.message = tame(text),
                "RequestId" => found.request_id = tame(text),
                "Region" => found.region = tame(text),
                _ => {}
            }
        });
        (is_error && (whole.is_ok() || found.code.is_some())).then_some(found)
    }
}

/// Makes the error of an answer that is not a success.
pub(super) fn refuse(operation: Operation, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failed {
    let document = ErrorDocument::read(body).unwrap_or_default();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).and_then(tame);
    let answer = Answer {
        status: status.as_u16(),
        code: document.code,
        message: document.message,
        request_id: document.request_id.or_else(|| header("x-amz-request-id")),
    };
    let region = header("x-amz-bucket-region").or(document.region);
    let retry_after = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    Failed {
        error: classify(operation, answer, region),
        retry_after,
    }
}

/// Finds an error in the document of a success: a store that takes long to complete an upload sends its status before
/// it knows the outcome (S3, CompleteMultipartUpload: "a 200 OK response can contain either a success or an error").
pub(super) fn hidden_error(
    operation: Operation,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<Failed> {
    ErrorDocument::read(body)?;
    Some(refuse(operation, status, headers, body))
}

/// Source: S3 API Reference, "Error responses", list of codes; and what MinIO, Ceph and Garage add to it. A code says
/// more than a status, so it goes first.
fn classify(operation: Operation, answer: Answer, region: Option<String>) -> Error {
    match answer.code.as_deref() {
        Some(
            "SlowDown"
            | "SlowDownRead"
            | "SlowDownWrite"
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "TooManyRequests"
            | "TooManyRequestsException"
            | "BandwidthLimitExceeded",
        ) => Error::Throttled(operation, answer),
        // The last four tell of bytes that were damaged underway, which a second try repairs.
        Some(
            "InternalError"
            | "ServiceUnavailable"
            | "RequestTimeout"
            | "IncompleteBody"
            | "BadDigest"
            | "XAmzContentSHA256Mismatch"
            | "XAmzContentChecksumMismatch",
        ) => Error::Unavailable(operation, answer),
        Some("NoSuchBucket" | "NoSuchKey" | "NoSuchUpload" | "NoSuchVersion") => Error::NotFound(operation, answer),
        Some(
            "AccessDenied"
            | "AllAccessDisabled"
            | "AccountProblem"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "RequestTimeTooSkewed"
            | "ExpiredToken"
            | "InvalidToken"
            | "NotSignedUp",
        ) => Error::Denied(operation, answer),
        Some("PreconditionFailed") => Error::Precondition(operation, answer),
        Some("OperationAborted" | "ConditionalRequestConflict") => Error::Conflict(operation, answer),
        Some("EntityTooLarge") => Error::TooLarge(operation, answer),
        Some("PermanentRedirect" | "TemporaryRedirect" | "IllegalLocationConstraintException") => Error::OtherRegion {
            operation,
            region,
            answer,
        },
        // Signed for the wrong region; the right one is named beside it.
        Some("AuthorizationHeaderMalformed") if region.is_some() => Error::OtherRegion {
            operation,
            region,
            answer,
        },
        _ => by_status(operation, answer, region),
    }
}

fn by_status(operation: Operation, answer: Answer, region: Option<String>) -> Error {
    match answer.status {
        301 | 302 | 303 | 307 | 308 => Error::OtherRegion {
            operation,
            region,
            answer,
        },
        401 | 403 | 407 => Error::Denied(operation, answer),
        404 | 410 => Error::NotFound(operation, answer),
        304 | 412 => Error::Precondition(operation, answer),
        409 => Error::Conflict(operation, answer),
        413 => Error::TooLarge(operation, answer),
        429 => Error::Throttled(operation, answer),
        // A server that cannot do something will not learn it by repetition.
        501 | 505 => Error::Refused(operation, answer),
        408 | 500.. => Error::Unavailable(operation, answer),
        _ => Error::Refused(operation, answer),
    }
}

/// The text of the one element at `wanted` (root first), if the document has it.
///
/// # Errors
/// What is wrong with the document.
pub(super) fn text_at(document: &[u8], wanted: &[&str]) -> Result<Option<String>, String> {
    let mut found = None;
    xml::read(document, |path, visit| {
        if let Visit::Close(text) = visit
            && path == wanted
        {
            found = Some(text.to_owned());
        }
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests;
