//! `DeleteUser` (identity contract, section 3). A login profile goes along; keys and policies have to go first.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    call.parts.iam.delete_user(&call.authorized, call.user()?.id).await?;
    Ok(Answer::Done)
}
