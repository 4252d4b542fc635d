//! `PUT /pcaps/{id}/stop`: end a capture before its limits. Comes without a body, and perhaps without a length.

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let id = call.capture_id()?;
    match call.captures.stop(call.authorized.account(), id).await {
        Ok(()) => Ok(Answer::NoContent),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}
