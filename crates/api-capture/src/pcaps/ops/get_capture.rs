//! `GET /pcaps/{id}`: one capture, with live progress while it runs.

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};
use crate::pcaps::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let id = call.capture_id()?;
    match call.captures.get(call.authorized.account(), id).await {
        Ok(capture) => Ok(Answer::Result(wire::capture(&capture))),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}
