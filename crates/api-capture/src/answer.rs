//! Answers that both doors give alike.

use baleen_capture::{CaptureError, CaptureFile, LiveFile};
use baleen_http::{Deed, OperationName, Response, ResponseBody};
use baleen_types::{Classify as _, FaultKind, RequestId, causes};
use futures::TryStreamExt as _;
use http::StatusCode;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue,
};
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::Value;
use tracing::{error, warn};

/// JSON with a status.
pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(ResponseBody::full(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A capture file (capture contract, A.2, "Download"); 206 with `Content-Range` if `is_part`.
pub(crate) fn file_response(file: CaptureFile, is_part: bool) -> Response {
    let CaptureFile {
        name,
        size,
        range,
        body,
    } = file;
    let frames = StreamBody::new(body.map_ok(Frame::data));
    let mut response = Response::new(ResponseBody::boxed(frames));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.tcpdump.pcap"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(range.length));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // Names are ours, of letters and digits.
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    headers.extend(disposition.ok().map(|value| (CONTENT_DISPOSITION, value)));
    if is_part {
        let last = range.end().saturating_sub(1);
        let told = HeaderValue::try_from(format!("bytes {}-{last}/{size}", range.first));
        headers.extend(told.ok().map(|value| (CONTENT_RANGE, value)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

/// A capture file as it is written. It has no length; that it ends as it should is in its transfer coding.
pub(crate) fn live_response(file: LiveFile) -> Response {
    let frames = StreamBody::new(file.body.map_ok(Frame::data));
    let mut response = Response::new(ResponseBody::boxed(frames));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.tcpdump.pcap"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that gather an answer before they hand it on leave it alone by this.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{}\"", file.name));
    headers.extend(disposition.ok().map(|value| (CONTENT_DISPOSITION, value)));
    response
}

/// What the log and the audit log are told of a request.
pub(crate) struct Told {
    pub(crate) name: &'static str,
    pub(crate) deed: Deed,
}

impl Told {
    /// Puts it where the edge looks; of a request that no row is for, that it was one.
    pub(crate) fn with(told: Option<Self>, mut response: Response) -> Response {
        let name = told.as_ref().map_or("UnknownRoute", |told| told.name);
        response.extensions_mut().insert(OperationName(name));
        if let Some(told) = told {
            response.extensions_mut().insert(told.deed);
        }
        response
    }
}

/// Writes what the operator has to know of a failure; what the client did wrong is in the edge's own line.
pub(crate) fn log(cause: &CaptureError, request: Option<RequestId>) {
    let request = request.map(|id| id.to_string()).unwrap_or_default();
    let chain = causes(cause);
    match cause.kind() {
        kind if kind.is_ours() => error!(request, chain, "request failed"),
        FaultKind::Unavailable => warn!(request, chain, "request could not be served"),
        _ => {}
    }
}
