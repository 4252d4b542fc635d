//! The envelope of every answer (capture contract, A.1).

use crate::answer::{file_response, json_response, live_response};
use baleen_capture::{CaptureFile, LiveFile};
use baleen_http::{Response, ResponseBody};
use baleen_types::ServedRange;
use http::StatusCode;
use serde_json::{Value, json};

/// A good answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 200 with a result in the envelope.
    Result(Value),
    /// 204 without a body.
    NoContent,
    /// The file of a sample, or a part of it.
    File(CaptureFile),
    /// A file that is being written.
    Live(LiveFile),
}

impl Answer {
    pub(crate) fn render(self) -> Response {
        match self {
            Self::Result(result) => {
                let body = json!({ "success": true, "errors": [], "messages": [], "result": result });
                json_response(StatusCode::OK, &body)
            }
            Self::File(file) => {
                let is_part = file.range != ServedRange::whole(file.size);
                file_response(file, is_part)
            }
            Self::Live(file) => live_response(file),
            Self::NoContent => {
                let mut response = Response::new(ResponseBody::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
        }
    }
}
