//! `GetPolicy` (identity contract, section 3).

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
        xml.element("Policy", |xml| {
            wire::policy(xml, &policy);
            wire::tags(xml, &policy.tags);
        });
    }))
}
