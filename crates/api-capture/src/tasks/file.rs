//! The file of a task, whole or a range of it.

use super::fault::Fault;
use baleen_capture::{CaptureFile, Captures, Redeemed};
use baleen_http::{Response, ResponseBody};
use baleen_types::ByteRange;
use futures::StreamExt as _;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName,
    HeaderValue, RANGE,
};
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;

/// The media type of capture files.
const CONTENT_TYPE_PCAP: &str = "application/vnd.tcpdump.pcap";

/// Answers a file. What is no range of bytes is not looked at (RFC 9110, section 14.2).
pub(crate) async fn serve(captures: &Captures, of: Redeemed, headers: &HeaderMap) -> Result<Response, Fault> {
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let range = range.and_then(ByteRange::parse);
    let CaptureFile {
        name,
        size,
        range: served,
        body,
    } = captures.open_task_file(of, range).await?;
    let body = ResponseBody::boxed(StreamBody::new(body.map(|piece| piece.map(Frame::data))));
    let mut response = Response::new(body);
    let mut put = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            response.headers_mut().insert(name, value);
        }
    };
    put(CONTENT_TYPE, CONTENT_TYPE_PCAP.to_owned());
    put(CONTENT_LENGTH, served.length.to_string());
    put(CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    put(ACCEPT_RANGES, "bytes".to_owned());
    // Whoever keeps it gives it to others, and longer than the link works.
    put(CACHE_CONTROL, "private, no-store".to_owned());
    if range.is_some() {
        let last = served.end().saturating_sub(1);
        put(CONTENT_RANGE, format!("bytes {}-{last}/{size}", served.first));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}
