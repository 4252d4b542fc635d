//! `GET /pcaps/{id}/download`: the file of a sample, or a part of it; that of a full capture is in its bucket (capture
//! contract, A.1, code 1008).

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let id = call.capture_id()?;
    let opened = call
        .captures
        .open_sample(call.authorized.account(), id, call.range)
        .await;
    opened
        .map(Answer::File)
        .map_err(|error| Fault::of(error, Pointers::default()))
}
