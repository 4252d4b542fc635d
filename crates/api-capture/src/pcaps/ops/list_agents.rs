//! `GET /pcaps/agents`: the agents of an account (ours).

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};
use crate::pcaps::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    match call.captures.agents(call.authorized.account()).await {
        Ok(found) => Ok(Answer::Result(found.iter().map(wire::agent).collect())),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}
