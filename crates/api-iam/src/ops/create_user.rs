//! `CreateUser` (identity contract, section 3). The user has no password, so that nobody logs in as it yet.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;
use baleen_iam::NewUser;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let (name, path) = call.new_user()?;
    let new = NewUser {
        name: name.clone(),
        path: path.clone(),
        tags: call.params.tags()?,
    };
    let user = call.parts.iam.create_user(&call.authorized, new).await?;
    Ok(Answer::xml(move |xml| {
        xml.element("User", |xml| {
            wire::user(xml, &user, None);
            wire::tags(xml, &user.tags);
        });
    }))
}
