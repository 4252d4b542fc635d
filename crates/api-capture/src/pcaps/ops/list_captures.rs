//! `GET /pcaps`: the newest captures of an account (capture contract, A.2: "newest first, at most 50").

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};
use crate::pcaps::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    match call.captures.list(call.authorized.account()).await {
        Ok(found) => Ok(Answer::Result(found.iter().map(wire::capture).collect())),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}
