//! Small bodies of JSON, and certificates in answers.

use crate::door::AgentDoor;
use crate::fault::{Fault, json_response};
use crate::limits::{FORM_BYTES_MAX, FORM_TIMEOUT};
use baleen_agentwire::KeyProof;
use baleen_fleet::Enrolled;
use baleen_http::{Deed, Request, Response, Weight};
use baleen_types::AccountId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::StatusCode;
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;
use serde_json::json;

/// Reads a body within its limits.
pub(super) async fn read<T: DeserializeOwned>(door: &AgentDoor, request: Request) -> Result<T, Fault> {
    let reading = Limited::new(request.into_body(), FORM_BYTES_MAX).collect();
    let body = tokio::select! {
        body = reading => body,
        () = door.clock.sleep(FORM_TIMEOUT) => {
            return Err(Fault::new(StatusCode::REQUEST_TIMEOUT, "Stalled", "the body did not come"));
        }
    };
    let body = body.map_err(|_| Fault::invalid("a small body of JSON is expected"))?;
    // What is wrong with it could repeat a token.
    serde_json::from_slice(&body.to_bytes()).map_err(|_| Fault::invalid("the body is not the JSON that is expected"))
}

/// A key with its proof, as they come.
pub(super) fn proof(public_key: &str, signature: &str) -> Result<KeyProof, Fault> {
    let decode = |text: &str| BASE64.decode(text).map_err(|_| Fault::invalid("base64 is expected"));
    Ok(KeyProof {
        public_key: decode(public_key)?,
        signature: decode(signature)?,
    })
}

/// The answer that makes an agent, and its mark in the log of its account.
pub(super) fn enrolled(account: AccountId, action: &'static str, enrolled: &Enrolled) -> Response {
    let mut response = json_response(&json!({
        "agent": enrolled.id.to_string(),
        "certificate": BASE64.encode(&enrolled.certificate),
        "authority": BASE64.encode(&enrolled.authority),
    }));
    response.extensions_mut().insert(Deed {
        account: Some(account),
        ..Deed::allowed(Weight::Change, action, format!("agent/{}", enrolled.id))
    });
    response
}
