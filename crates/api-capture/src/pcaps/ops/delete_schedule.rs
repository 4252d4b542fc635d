//! `DELETE /pcaps/schedules/{id}` (ours): forget a schedule; what it began goes on, and stays.

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let id = call.schedule_id()?;
    match call.captures.delete_schedule(call.authorized.account(), id).await {
        Ok(()) => Ok(Answer::NoContent),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}
