//! `DeleteLoginProfile` (AWS): takes a user's password away.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    call.parts
        .iam
        .delete_login_profile(&call.authorized, call.user()?.id)
        .await?;
    Ok(Answer::Done)
}
