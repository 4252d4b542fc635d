//! `DeleteApiToken`: it is unknown at once.

use super::Call;
use crate::answer::Answer;
use crate::fault::Fault;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    call.parts.iam.delete_token(&call.authorized, call.token()?).await?;
    Ok(Answer::ok())
}
