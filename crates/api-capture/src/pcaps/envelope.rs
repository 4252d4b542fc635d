//! The envelope of every answer (capture contract, A.1).

use baleen_http::{Response, ResponseBody};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

/// A good answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 200 with a result in the envelope.
    Result(Value),
    /// 204 without a body.
    NoContent,
}

impl Answer {
    pub(crate) fn render(self) -> Response {
        match self {
            Self::Result(result) => {
                let body = json!({ "success": true, "errors": [], "messages": [], "result": result });
                json_response(StatusCode::OK, &body)
            }
            Self::NoContent => {
                let mut response = Response::new(ResponseBody::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
        }
    }
}

pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(ResponseBody::full(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
