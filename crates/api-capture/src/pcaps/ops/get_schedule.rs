//! `GET /pcaps/schedules/{id}` (ours): one schedule, with what became of its captures.

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};
use crate::pcaps::schedule;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let id = call.schedule_id()?;
    match call.captures.schedule(call.authorized.account(), id).await {
        Ok(found) => Ok(Answer::Result(schedule::schedule(&found))),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}
