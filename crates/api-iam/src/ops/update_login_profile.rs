//! `UpdateLoginProfile` (seed 004): the password of another user, or whether it has to be changed.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::limits::PASSWORD_CHARACTERS_MAX;
use baleen_iam::NewPassword;
use baleen_iam::login::LoginError;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let password = call.params.secret("Password", PASSWORD_CHARACTERS_MAX)?;
    let password = password
        .map(|text| NewPassword::parse(&text))
        .transpose()
        .map_err(LoginError::from)?;
    let must_change = call.params.flag("PasswordResetRequired")?;
    let id = call.user()?.id;
    call.parts
        .iam
        .update_login_profile(&call.authorized, id, password.as_ref(), must_change)
        .await?;
    Ok(Answer::Done)
}
