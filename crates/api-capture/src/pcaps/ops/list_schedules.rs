//! `GET /pcaps/schedules` (ours): the schedules of an account, the oldest first.

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};
use crate::pcaps::schedule;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    match call.captures.schedules(call.authorized.account()).await {
        Ok(found) => Ok(Answer::Result(found.iter().map(schedule::schedule).collect())),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}
