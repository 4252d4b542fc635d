//! `CreatePolicyVersion` (identity contract, section 3).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::limits::POLICY_DOCUMENT;
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let document = call.params.required("PolicyDocument", &POLICY_DOCUMENT)?;
    let is_default = call.params.flag("SetAsDefault")?.unwrap_or(false);
    let version = call
        .parts
        .iam
        .create_policy_version(&call.authorized, call.policy()?, document, is_default)
        .await?;
    Ok(Answer::xml(move |xml| {
        xml.element("PolicyVersion", |xml| wire::policy_version(xml, &version));
    }))
}
