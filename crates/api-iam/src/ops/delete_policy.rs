//! `DeletePolicy` (identity contract, section 3). The document's example of DeletePolicyVersion sends this action with a version:
//! to obey it would delete a policy of whom a version was meant, so a version is refused (7.3).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::violation;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    if call.params.get("VersionId").is_some() {
        return Err(violation(
            "VersionId",
            "Member must be null; DeletePolicyVersion deletes a version",
        ));
    }
    call.parts.iam.delete_policy(&call.authorized, call.policy()?).await?;
    Ok(Answer::Done)
}
