//! `UpdateUser`: another name or path (identity contract, section 6). The new name must be an e-mail address; the id stays.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_iam::{Path, UserChange};
use baleen_types::EmailAddress;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let name = call.params.parsed("NewUserName", EmailAddress::parse)?;
    let change = UserChange {
        name: name.map(|name| name.as_user_name().clone()),
        path: call.params.parsed("NewPath", Path::parse)?,
        ..UserChange::default()
    };
    call.parts
        .iam
        .update_user(&call.authorized, call.user()?.id, &change)
        .await?;
    Ok(Answer::Done)
}
