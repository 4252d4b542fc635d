//! `AttachUserPolicy` (identity contract, section 3). Attaching twice is attaching once.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    call.parts
        .iam
        .attach(&call.authorized, call.user()?.id, call.policy()?)
        .await?;
    Ok(Answer::Done)
}
