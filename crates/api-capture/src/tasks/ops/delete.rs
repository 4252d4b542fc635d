//! `POST /capture-task/batch-delete`: delete tasks with what they caught, all or none (capture contract, B.2, "Stop, delete").

use super::{Call, task_id};
use crate::tasks::envelope::Answer;
use crate::tasks::fault::{Fault, code};
use crate::tasks::fields::Object;
use crate::tasks::wire;
use baleen_capture::CaptureError;
use baleen_types::CaptureId;
use serde_json::{Map, Value};

pub(super) async fn run(call: Call) -> Result<(Answer, Option<CaptureId>), Fault> {
    let ids = decode(&call.body)?;
    // One is named in the audit log; several are not one thing.
    let one = ids.first().copied().filter(|_| ids.len() == 1);
    let deleted = call.captures.delete_tasks(call.account(), &call.instance, ids).await;
    deleted.map_err(|error| match error {
        CaptureError::TaskNotOver(_) => Fault::bad(code::IN_USE, error),
        error => error.into(),
    })?;
    // The instance has no other name than its id.
    let instance = call.instance.as_str();
    Ok((Answer::Data(wire::id_and_name(instance, instance)), one))
}

fn decode(body: &Map<String, Value>) -> Result<Vec<CaptureId>, Fault> {
    const EXPECTED: &str = "task_ids must be a list of ids, which is not empty";
    let wrong = || Fault::bad(code::WRONG_PARAM, EXPECTED);
    let given = Object::body(body).required("task_ids")?.as_array().ok_or_else(wrong)?;
    if given.is_empty() {
        return Err(Fault::bad(code::EMPTY_PARAM, EXPECTED));
    }
    let texts = given.iter().map(|id| id.as_str().ok_or_else(wrong));
    texts.collect::<Result<Vec<_>, _>>()?.into_iter().map(task_id).collect()
}
