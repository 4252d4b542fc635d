//! `ListUserPolicies`: the names of the policies of one user alone (AWS).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let ask = call.params.page()?;
    let page = call
        .parts
        .iam
        .list_user_policies(&call.authorized, call.user()?.id, &ask)
        .await?;
    Ok(Answer::xml(move |xml| {
        xml.texts("PolicyNames", &page.items);
        wire::page_end(xml, &page);
    }))
}
