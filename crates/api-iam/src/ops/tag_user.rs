//! `TagUser` (AWS): sets tags; those with other keys stay.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    call.parts
        .iam
        .tag_user(&call.authorized, call.user()?.id, &call.params.tags()?)
        .await?;
    Ok(Answer::Done)
}
