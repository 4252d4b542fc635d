//! `UpdateApiToken`: changes the options that are given, or whether the token may be used; felt at once.

use super::{Call, get_api_token};
use crate::answer::Answer;
use crate::fault::Fault;
use crate::tokens;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let change = tokens::options(&call.params)?;
    let iam = &call.parts.iam;
    let token = iam.update_token(&call.authorized, call.token()?, &change).await?;
    get_api_token::shown(&call, &token).await
}
