//! `CreateLoginProfile` (AWS): gives a user its first password.

use super::Call;
use super::get_login_profile::write;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_iam::NewPassword;
use baleen_iam::login::LoginError;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let user = call.user()?.clone();
    let password = NewPassword::parse(&call.params.password("Password")?).map_err(LoginError::from)?;
    let must_change = call.params.flag("PasswordResetRequired")?.unwrap_or(false);
    let made = call
        .parts
        .iam
        .create_login_profile(&call.authorized, user.id, &password, must_change)
        .await?;
    Ok(Answer::xml(move |xml| write(xml, &user.name, &made)))
}
