//! `GET /capture-task`: the tasks of an instance, newest first (capture contract, B.2, "List").

use super::Call;
use crate::tasks::envelope::Answer;
use crate::tasks::fault::{Fault, code};
use crate::tasks::wire;
use baleen_types::CaptureId;

/// The most tasks of one page (capture contract, B.2).
const LIMIT_MAX: u64 = 1024;

pub(super) async fn run(call: Call) -> Result<(Answer, Option<CaptureId>), Fault> {
    let (limit, offset) = (call.query.number("limit")?, call.query.number("offset")?);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(Fault::bad(code::EMPTY_PARAM, format!("limit must be 1 to {LIMIT_MAX}")));
    }
    // What lies behind everything there could be is behind everything.
    let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let range = place(offset)..place(offset.saturating_add(limit));
    let page = call.captures.list_tasks(call.account(), &call.instance, range).await?;
    Ok((Answer::Data(wire::page(limit, offset, &page)), None))
}
