//! `DetachUserPolicy` (identity contract, section 3): its rights end before the answer is sent.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    call.parts
        .iam
        .detach(&call.authorized, call.user()?.id, call.policy()?)
        .await?;
    Ok(Answer::Done)
}
