//! `RSGetToken`, by its title `RSGetPasswordResetToken` (seed 004): a token with which a password can be set once.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use serde_json::json;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    if call.params.get("Type") != Some("pwd_reset") {
        return Err(Fault::invalid_input("Type must be pwd_reset."));
    }
    let token = call
        .parts
        .iam
        .issue_reset_token(&call.authorized, call.user()?.id)
        .await?;
    Ok(Answer::Json(json!({ "Token": token.expose() })))
}
