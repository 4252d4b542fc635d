//! `GET /pcaps/{id}`: one capture, with live progress while it runs.

use super::Call;
use crate::envelope::Answer;
use crate::fault::{Fault, Pointers};
use crate::wire;

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let id = call.capture_id()?;
    match call.captures.get(call.authorized.account(), id).await {
        Ok(capture) => Ok(Answer::Result(wire::capture(&capture))),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}
