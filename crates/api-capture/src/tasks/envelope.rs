//! The envelope of every good answer (capture contract, B.1).

use crate::answer::json_response;
use baleen_http::Response;
use http::StatusCode;
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
