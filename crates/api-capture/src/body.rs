//! Reading a request's body.

use crate::limits::BODY_BYTES_MAX;
use crate::row::BodyRule;
use baleen_http::RequestBody;
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};

/// Why a body is no JSON object; each door has its own words and codes for it.
#[derive(Debug)]
pub(crate) enum NotAnObject {
    /// It is longer than so many bytes.
    TooLarge(usize),
    /// It could not be read, or is no JSON.
    NotJson(String),
    /// It is another value.
    Other,
}

/// Reads the body as its row says: as a JSON object of bounded size, or not at all.
pub(crate) async fn read(rule: BodyRule, body: RequestBody) -> Result<Map<String, Value>, NotAnObject> {
    if rule == BodyRule::Ignored {
        return Ok(Map::new());
    }
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(NotAnObject::TooLarge(BODY_BYTES_MAX));
    }
    let bytes = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(NotAnObject::TooLarge(BODY_BYTES_MAX)),
        Err(error) => return Err(NotAnObject::NotJson(error.to_string())),
    };
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(NotAnObject::Other),
        Err(error) => Err(NotAnObject::NotJson(error.to_string())),
    }
}
