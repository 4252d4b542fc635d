//! `DeleteAccessKey` (identity contract, section 3). The key of another user is unknown here, as one that never was.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;
use baleen_types::AccessKeyId;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let id = call.params.typed("AccessKeyId", AccessKeyId::parse)?;
    call.parts
        .iam
        .delete_access_key(&call.authorized, call.user()?.id, &id)
        .await?;
    Ok(Answer::Done)
}
