//! `PutUserPolicy`: a policy of one user alone (AWS).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::limits::POLICY_DOCUMENT;
use baleen_iam::PolicyName;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let name = call.params.typed("PolicyName", PolicyName::parse)?;
    let document = call.params.required("PolicyDocument", &POLICY_DOCUMENT)?;
    call.parts
        .iam
        .put_user_policy(&call.authorized, call.user()?.id, &name, document)
        .await?;
    Ok(Answer::Done)
}
