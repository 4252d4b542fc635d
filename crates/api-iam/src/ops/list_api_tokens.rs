//! `ListApiTokens`: those of a user, of oneself, or for who manages users of everybody; in the order of their ids.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::subject::Subject;
use crate::tokens::Shower;
use serde_json::json;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let owner = match &call.subject {
        Subject::Account => None,
        _ => Some(call.user()?.id),
    };
    let ask = call.params.page()?;
    let page = call.parts.iam.list_tokens(&call.authorized, owner, &ask).await?;
    let mut shower = Shower::new(&call.parts.iam, call.authorized.account());
    let mut shown = Vec::with_capacity(page.items.len());
    for token in &page.items {
        shown.push(shower.show(token).await?);
    }
    let mut answer = json!({ "ApiTokens": shown, "IsTruncated": page.next.is_some() });
    if let Some(marker) = page.next {
        answer["Marker"] = marker.into();
    }
    Ok(Answer::Json(answer))
}
