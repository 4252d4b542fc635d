//! `GET /pcaps/ownership`: the buckets of an account (seed 000, "Listing Configured Buckets").

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};
use crate::pcaps::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    match call.captures.list_ownerships(call.authorized.account()).await {
        Ok(found) => Ok(Answer::Result(found.iter().map(wire::ownership).collect())),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}
