//! `ListPolicyTags` (AWS). A policy has at most 50 of them, which is one page.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let policy = call
        .parts
        .iam
        .find_policy(call.authorized.account(), call.policy()?)
        .await?;
    Ok(Answer::xml(move |xml| {
        wire::tags(xml, &policy.tags);
        wire::list_end(xml, None);
    }))
}
