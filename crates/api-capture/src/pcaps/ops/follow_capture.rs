//! `GET /pcaps/{id}/follow` (ours): what a running capture catches from now on, as a file that ends with it.

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let id = call.capture_id()?;
    let followed = call.captures.follow(call.authorized.account(), id).await;
    followed
        .map(Answer::Live)
        .map_err(|error| Fault::of(error, Pointers::default()))
}
