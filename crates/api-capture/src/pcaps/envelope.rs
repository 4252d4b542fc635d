//! The envelope of every answer (capture contract, A.1).

use baleen_capture::SampleFile;
use baleen_http::{Response, ResponseBody};
use baleen_types::ServedRange;
use futures::TryStreamExt as _;
use http::StatusCode;
use http::header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue};
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::{Value, json};

/// A good answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 200 with a result in the envelope.
    Result(Value),
    /// 204 without a body.
    NoContent,
    /// The file of a sample, or a part of it.
    File(SampleFile),
}

impl Answer {
    pub(crate) fn render(self) -> Response {
        match self {
            Self::Result(result) => {
                let body = json!({ "success": true, "errors": [], "messages": [], "result": result });
                json_response(StatusCode::OK, &body)
            }
            Self::File(file) => file_response(file),
            Self::NoContent => {
                let mut response = Response::new(ResponseBody::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
        }
    }
}

/// A file (capture contract, A.2, "Download"); 206 with `Content-Range` where a part of it was asked for.
fn file_response(file: SampleFile) -> Response {
    let SampleFile {
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
    if range != ServedRange::whole(size) {
        let last = range.end().saturating_sub(1);
        let told = HeaderValue::try_from(format!("bytes {}-{last}/{size}", range.first));
        headers.extend(told.ok().map(|value| (CONTENT_RANGE, value)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(ResponseBody::full(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
