//! What an account's admins have set for tokens, and the one button that disables all that users defined (CloudShark
//! contract, 1.4).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::missing;
use baleen_iam::{TokenSettings, TokenSettingsChange};
use serde_json::json;

/// `GetApiTokenSettings`; for everybody, who may want to know why there are no tokens for them.
pub(super) async fn get(call: Call) -> Result<Answer, Fault> {
    let settings = call.parts.iam.token_settings(call.authorized.account()).await?;
    Ok(shown(settings))
}

/// `SetApiTokenSettings`.
pub(super) async fn set(call: Call) -> Result<Answer, Fault> {
    let change = TokenSettingsChange {
        lets_users_define: call.params.flag("UserDefinedTokens")?,
        lets_guests_in: call.params.flag("GuestAccess")?,
    };
    if change == TokenSettingsChange::default() {
        return Err(missing("UserDefinedTokens"));
    }
    let settings = call.parts.iam.set_token_settings(&call.authorized, change).await?;
    Ok(shown(settings))
}

/// `DisableUserDefinedApiTokens`.
pub(super) async fn disable_user_defined(call: Call) -> Result<Answer, Fault> {
    let disabled = call.parts.iam.disable_user_defined_tokens(&call.authorized).await?;
    Ok(Answer::Json(json!({ "Ok": true, "Disabled": disabled })))
}

fn shown(settings: TokenSettings) -> Answer {
    Answer::Json(json!({
        "UserDefinedTokens": settings.lets_users_define,
        "GuestAccess": settings.lets_guests_in,
    }))
}
