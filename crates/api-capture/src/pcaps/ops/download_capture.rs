//! `GET /pcaps/{id}/download`: for sample captures alone, of which there are none yet; the file of a full capture is in
//! its bucket (capture contract, A.1, code 1008).

use super::Call;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::{Fault, Pointers};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let id = call.capture_id()?;
    match call.captures.get(call.authorized.account(), id).await {
        Ok(capture) => Err(Fault::in_the_bucket(capture.object.as_str())),
        Err(error) => Err(Fault::of(error, Pointers::default())),
    }
}
