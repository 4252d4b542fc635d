//! `CreateUser` (identity contract, section 3). The user has no password, so that nobody logs in as it yet.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::wire;
use baleen_iam::{NewUser, Path};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let new = NewUser {
        name: call.new_user()?.clone(),
        path: call.params.parsed("Path", Path::parse)?.unwrap_or_default(),
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
