//! `ListUserTags` (AWS). A user has at most 50 of them, which is one page.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let user = call.user()?.clone();
    Ok(Answer::xml(move |xml| {
        wire::tags(xml, &user.tags);
        wire::list_end(xml, None);
    }))
}
