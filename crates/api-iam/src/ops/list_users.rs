//! `ListUsers`, with the paging that the document leaves out (identity contract, section 3 and 7.21).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (prefix, ask) = (call.params.path_prefix()?, call.params.page()?);
    let page = call.parts.iam.list_users(&call.authorized, &prefix, &ask).await?;
    Ok(Answer::xml(move |xml| {
        xml.list("Users", &page.items, wire::user);
        wire::page_end(xml, &page);
    }))
}
