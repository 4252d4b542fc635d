//! Bodies of requests, read whole and never longer than they may be.

use crate::fault::{Code, Fault};
use crate::limits::{SIGNED_BODY_BYTES_MAX, UNSIGNED_BODY_BYTES_MAX};
use baleen_http::{BodyFault, RequestBody};
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts as Head;
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// Refuses a body that is not said to be a form.
pub(crate) fn check_form_type(headers: &HeaderMap) -> Result<(), Fault> {
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = media_type.split(|byte| *byte == b';').next().unwrap_or_default();
    if essence
        .trim_ascii()
        .eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    {
        Ok(())
    } else {
        Err(Fault::invalid_input(
            "The body must be of the type application/x-www-form-urlencoded.",
        ))
    }
}

/// Reads a form, whose size depends on whether somebody signed for it.
pub(crate) async fn read_form(head: &Head, body: RequestBody, is_signed: bool) -> Result<Vec<u8>, Fault> {
    if body.is_empty() {
        return Ok(Vec::new());
    }
    if head.headers.contains_key(CONTENT_TYPE) {
        check_form_type(&head.headers)?;
    }
    read_bounded(
        body,
        if is_signed {
            SIGNED_BODY_BYTES_MAX
        } else {
            UNSIGNED_BODY_BYTES_MAX
        },
    )
    .await
}

/// Reads a body whole, up to a limit.
pub(crate) async fn read_bounded(body: RequestBody, most: usize) -> Result<Vec<u8>, Fault> {
    let too_large = || {
        Fault::new(
            Code::RequestEntityTooLarge,
            format!("The body of this request has at most {most} bytes."),
        )
    };
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    match Limited::new(body, most).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(error
            .downcast_ref::<BodyFault>()
            .map_or_else(|| Fault::internal("a body failed"), Fault::from)),
    }
}
