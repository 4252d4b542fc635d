//! `RSResetPassword` (seed 004): sets a password for a token. Nobody signs it; the token is the proof.

use super::{Guest, approach};
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::missing;
use crate::limits::CODE_CHARACTERS_MAX;

pub(super) async fn run(guest: Guest) -> Result<Answer, Fault> {
    let token = guest
        .params
        .secret("Token", CODE_CHARACTERS_MAX)?
        .ok_or_else(|| missing("Token"))?;
    let new = guest.params.password("NewPassword")?;
    let reset = guest
        .parts
        .iam
        .reset_password(&token, &new, approach(&guest.parts, guest.origin));
    let user = reset.await?;
    guest.told.concerns(user.account);
    guest.told.says([("UserName", user.name.as_str())].into_iter());
    Ok(Answer::ok())
}
