//! `DeleteUserPolicy` (AWS).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_iam::PolicyName;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let name = call.params.typed("PolicyName", PolicyName::parse)?;
    call.parts
        .iam
        .delete_user_policy(&call.authorized, call.user()?.id, &name)
        .await?;
    Ok(Answer::Done)
}
