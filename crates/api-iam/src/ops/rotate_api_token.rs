//! `RotateApiToken`: another token with the same options; the old one works for `GraceSeconds` more (CloudShark contract, 1.5).

use super::{Call, create_api_token};
use crate::answer::Answer;
use crate::fault::Fault;
use crate::fields::missing;
use crate::limits::GRACE_SECONDS;
use std::time::Duration;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    // Nobody can choose it for who asks: after a leak it is none, in ordinary times it is what the clients need.
    let grace = call.params.number("GraceSeconds", &GRACE_SECONDS)?;
    let grace = Duration::from_secs(grace.ok_or_else(|| missing("GraceSeconds"))?.into());
    let old_ends = call.parts.clock.now().plus(grace);
    let iam = &call.parts.iam;
    let made = iam.rotate_token(&call.authorized, call.token()?, old_ends).await?;
    create_api_token::shown(&call, made).await
}
