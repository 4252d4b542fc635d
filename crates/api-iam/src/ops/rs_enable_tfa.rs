//! `RSEnableTFA` (seed 004): takes the prepared secret into use; the recovery codes are shown here and never again.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::limits::CODE_CHARACTERS_MAX;
use baleen_types::Secret;
use serde_json::json;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let code = call.params.required("OTP", &(1..=CODE_CHARACTERS_MAX))?;
    let codes = call
        .parts
        .iam
        .enable_second_factor(&call.authorized, code, call.source())
        .await?;
    let codes: Vec<_> = codes.iter().map(Secret::expose).collect();
    Ok(Answer::Json(json!({ "recoveryCodes": codes })))
}
