//! `CreateApiToken`: the token is in this answer and never in another (CloudShark contract, 1.5).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::{missing, violation};
use crate::tokens::{self, Shower};
use baleen_iam::{CreatedToken, TokenOptions};
use serde_json::json;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let given = tokens::options(&call.params)?;
    if given.label.is_none() {
        return Err(missing("Label"));
    }
    if given.is_enabled == Some(false) {
        return Err(violation(
            "Enabled",
            "a token is made enabled; UpdateApiToken disables it",
        ));
    }
    let options = given.applied_to(TokenOptions::default());
    let owner = call.user()?.id;
    let made = call.parts.iam.create_token(&call.authorized, owner, options).await?;
    shown(&call, made).await
}

/// The answer with a token that was just made.
pub(super) async fn shown(call: &Call, made: CreatedToken) -> Result<Answer, Fault> {
    let mut shower = Shower::new(&call.parts.iam, call.authorized.account());
    let value = json!({
        "Ok": true,
        "Token": made.token.expose(),
        "ApiToken": shower.show(&made.info).await?,
    });
    Ok(Answer::Made(value, format!("Made={}", made.info.short_id)))
}
