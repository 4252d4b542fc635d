//! `SetDefaultPolicyVersion` (identity contract, section 3): in force at once for all whom the policy is attached to.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_iam::VersionNumber;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let number = call.params.typed("VersionId", VersionNumber::parse)?;
    call.parts
        .iam
        .set_default_version(&call.authorized, call.policy()?, number)
        .await?;
    Ok(Answer::Done)
}
