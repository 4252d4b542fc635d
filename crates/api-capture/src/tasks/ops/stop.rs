//! `POST /capture-task/stop`: end a task before its limits (capture contract, B.2, "Stop, delete").

use super::{Call, task_in_body};
use crate::tasks::envelope::Answer;
use crate::tasks::fault::Fault;
use crate::tasks::wire;
use baleen_types::CaptureId;

pub(super) async fn run(call: Call) -> Result<(Answer, Option<CaptureId>), Fault> {
    let id = task_in_body(&call.body)?;
    let task = call.captures.stop_task(call.account(), &call.instance, id).await?;
    let answer = wire::id_and_name(&wire::uuid(id), task.spec.name.as_str());
    Ok((Answer::Data(answer), Some(id)))
}
