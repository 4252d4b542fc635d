//! The file of a task, whole or a range of it.

use super::fault::Fault;
use crate::answer::file_response;
use baleen_capture::{Captures, Redeemed};
use baleen_http::Response;
use baleen_types::ByteRange;
use http::HeaderMap;
use http::header::{CACHE_CONTROL, HeaderValue, RANGE};

/// Answers a file. What is no range of bytes is not looked at (RFC 9110, section 14.2).
pub(crate) async fn serve(captures: &Captures, of: Redeemed, headers: &HeaderMap) -> Result<Response, Fault> {
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let range = range.and_then(ByteRange::parse);
    let file = captures.open_task_file(of, range).await?;
    let mut response = file_response(file, range.is_some());
    // Whoever keeps it gives it to others, and longer than the link works.
    let no_store = HeaderValue::from_static("private, no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    Ok(response)
}
