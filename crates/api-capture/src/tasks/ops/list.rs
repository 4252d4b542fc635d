//! `GET /capture-task`: the tasks of an instance, newest first (capture contract, B.2, "List").

use super::Call;
use crate::tasks::envelope::Answer;
use crate::tasks::fault::Fault;
use crate::tasks::fields::Mistakes;
use crate::tasks::wire;
use baleen_types::CaptureId;

/// The most tasks of one page (capture contract, B.2).
const LIMIT_MAX: u64 = 1024;

pub(super) async fn run(call: Call) -> Result<(Answer, Option<CaptureId>), Fault> {
    let mut mistakes = Mistakes::default();
    let limit = mistakes.note(call.query.number("limit", &(1..=LIMIT_MAX)));
    let offset = mistakes.note(call.query.number("offset", &(0..=u64::MAX)));
    mistakes.finish()?;
    let (Some(limit), Some(offset)) = (limit, offset) else {
        return Err(Fault::internal());
    };
    // What lies behind everything there could be is behind everything.
    let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let range = place(offset)..place(offset.saturating_add(limit));
    let page = call.captures.list_tasks(call.account(), &call.instance, range).await?;
    Ok((Answer::Data(wire::page(limit, offset, &page)), None))
}
