//! `ListPolicyVersions` (identity contract, section 3). The document prints no end of the list (7.1); ours has one.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let ask = call.params.page()?;
    let page = call
        .parts
        .iam
        .list_policy_versions(&call.authorized, call.policy()?, &ask)
        .await?;
    Ok(Answer::xml(move |xml| {
        xml.list("Versions", &page.items, wire::policy_version);
        wire::page_end(xml, &page);
    }))
}
