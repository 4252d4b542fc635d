//! `ListAttachedUserPolicies` (identity contract, section 3).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (prefix, ask) = (call.params.path_prefix()?, call.params.page()?);
    let page = call
        .parts
        .iam
        .attached_policies(&call.authorized, call.user()?.id, &prefix, &ask)
        .await?;
    Ok(Answer::xml(move |xml| {
        xml.list("AttachedPolicies", &page.items, |xml, policy| {
            xml.text("PolicyName", &policy.name);
            xml.text("PolicyArn", &policy.arn);
        });
        wire::page_end(xml, &page);
    }))
}
