//! `GetApiToken`: one token, without its secret.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::tokens::Shower;
use baleen_iam::TokenInfo;
use serde_json::json;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let token = call.parts.iam.token_info(&call.authorized, call.token()?).await?;
    shown(&call, &token).await
}

/// The answer with a token as it is now.
pub(super) async fn shown(call: &Call, token: &TokenInfo) -> Result<Answer, Fault> {
    let mut shower = Shower::new(&call.parts.iam, call.authorized.account());
    Ok(Answer::Json(json!({ "ApiToken": shower.show(token).await? })))
}
