//! `GetPolicyVersion` (identity contract, section 3).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;
use baleen_iam::VersionNumber;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let number = call.params.typed("VersionId", VersionNumber::parse)?;
    let (account, arn) = (call.authorized.account(), call.policy()?);
    let version = call.parts.iam.get_policy_version(account, arn, number).await?;
    Ok(Answer::xml(move |xml| {
        xml.element("PolicyVersion", |xml| {
            wire::document(xml, "Document", &version.document);
            wire::policy_version(xml, &version);
        });
    }))
}
