//! The envelope of every good answer (capture contract, B.1).

use baleen_http::{Response, ResponseBody};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

/// A good answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// 200 with data in the envelope.
    Data(Value),
    /// The file of a task, or a range of it.
    File(Response),
}

impl Answer {
    pub(crate) fn render(self) -> Response {
        match self {
            Self::Data(data) => json_response(StatusCode::OK, &json!({ "data": data })),
            Self::File(response) => response,
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
