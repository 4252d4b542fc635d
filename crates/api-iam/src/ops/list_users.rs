//! `ListUsers`, with the paging that the document leaves out (identity contract, section 3 and 7.21).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (prefix, ask) = (call.params.path_prefix()?, call.params.page()?);
    let page = call.parts.iam.list_users(&call.authorized, &prefix, &ask).await?;
    let mut users = Vec::with_capacity(page.items.len());
    for user in &page.items {
        let login = call.parts.iam.login_state(user.account, user.id).await?;
        users.push((user.clone(), login.last_login));
    }
    Ok(Answer::xml(move |xml| {
        xml.list("Users", &users, |xml, (user, last)| wire::user(xml, user, *last));
        wire::page_end(xml, &page);
    }))
}
