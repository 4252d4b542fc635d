//! `UntagPolicy` (AWS): takes tags away.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    call.parts
        .iam
        .untag_policy(&call.authorized, call.policy()?, &call.params.tag_keys()?)
        .await?;
    Ok(Answer::Done)
}
