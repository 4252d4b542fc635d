//! One request and the head of its answer, whatever the protocol: bounded in time, and refusals read whole.

use crate::limits::{ERROR_BODY_MAX, TRANSFER_RATE_MIN};
use crate::s3::{Parts, Settings};
use crate::transport::{Bound, Watch};
use crate::{Error, Operation};
use bytes::Bytes;
use http::header::HeaderValue;
use http::{HeaderMap, Request, Response, StatusCode};
use hyper::body::Incoming;
use std::time::Duration;

pub(crate) const AGENT: HeaderValue = HeaderValue::from_static(concat!("baleen/", env!("CARGO_PKG_VERSION")));

/// What came back.
pub(crate) enum Exchanged {
    /// A success; its body is still on its way.
    Answered(Response<Incoming>),
    /// Anything else.
    Refused(StatusCode, HeaderMap, Bytes),
}

/// Sends a request and waits for the head of its answer.
pub(crate) async fn exchange(
    parts: &Parts,
    settings: &Settings,
    operation: Operation,
    request: Request<Bytes>,
    watch: &Watch,
) -> Result<Exchanged, Error> {
    let body = Duration::from_millis((request.body().len() as u64).saturating_mul(1000) / TRANSFER_RATE_MIN);
    let within = settings.transfer_grace.max(watch.silence()) + body;
    let send = parts.connections.send(operation, request, watch);
    let response = tokio::select! {
        biased;
        response = send => response?,
        () = parts.clock.sleep(within) => return Err(Error::TimedOut { operation, after: within }),
    };
    let status = response.status();
    if status.is_success() {
        return Ok(Exchanged::Answered(response));
    }
    let (head, body) = response.into_parts();
    let bound = Bound {
        bytes: ERROR_BODY_MAX,
        within: settings.answer_timeout,
    };
    // Status and headers are the answer already; a body that breaks off or does not end takes nothing from that.
    let body = watch
        .collect(operation, body, bound)
        .await
        .ok()
        .flatten()
        .unwrap_or_default();
    Ok(Exchanged::Refused(status, head.headers, body))
}
