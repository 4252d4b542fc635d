//! `ChangePassword` (seed 004): the own one, with the old one beside it. Other log-ins end.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (old, new) = (
        call.params.password("OldPassword")?,
        call.params.password("NewPassword")?,
    );
    call.parts
        .iam
        .change_password(&call.authorized, &old, &new, call.source())
        .await?;
    Ok(Answer::Done)
}
