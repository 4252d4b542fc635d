//! `UpdateAccessKey`: switches a key on or off (AWS).

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::missing;
use baleen_types::AccessKeyId;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let id = call.params.typed("AccessKeyId", AccessKeyId::parse)?;
    let is_active = match call.params.get("Status") {
        Some("Active") => true,
        Some("Inactive") => false,
        Some(_) => return Err(Fault::invalid_input("Status must be Active or Inactive.")),
        None => return Err(missing("Status")),
    };
    call.parts
        .iam
        .update_access_key(&call.authorized, call.user()?.id, &id, is_active)
        .await?;
    Ok(Answer::Done)
}
