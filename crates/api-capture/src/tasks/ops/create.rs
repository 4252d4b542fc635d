//! `POST /capture-task`: start a capture (seed 002; capture contract, B.2, `CaptureTaskDto`).

use super::{Call, filter};
use crate::tasks::envelope::Answer;
use crate::tasks::fault::{Fault, code};
use crate::tasks::fields::{Mistakes, Object};
use crate::tasks::wire;
use baleen_capture::limits::{TASK_HOLD_DAYS_MAX, TASK_MINUTES_MAX, TASK_PACKETS_MAX};
use baleen_capture::{CreateTask, TaskName, TaskSpec};
use baleen_types::CaptureId;

pub(super) async fn run(call: Call) -> Result<(Answer, Option<CaptureId>), Fault> {
    let request = decode(&call)?;
    let made = call.captures.create_task(request).await?;
    let answer = wire::id_and_name(&wire::uuid(made.id), made.spec.name.as_str());
    Ok((Answer::Data(answer), Some(made.id)))
}

fn decode(call: &Call) -> Result<CreateTask, Fault> {
    let body = Object::body(&call.body);
    let packets_max = i64::try_from(TASK_PACKETS_MAX).unwrap_or(i64::MAX);
    let mut mistakes = Mistakes::default();
    let name = mistakes.note(name(body));
    let duration = mistakes.note(body.whole("duration", &(1..=TASK_MINUTES_MAX.into())));
    let packets = mistakes.note(body.whole("max_packets", &(1..=packets_max)));
    let asked = filter::decode(body, &mut mistakes);
    let hold_days = mistakes.note(hold_days(body));
    mistakes.finish()?;
    let (Some(name), Some(duration), Some(packets), Some(asked), Some(hold_days)) =
        (name, duration, packets, asked, hold_days)
    else {
        return Err(Fault::internal());
    };
    // All in range by now.
    let whole = |number: i64| u32::try_from(number).map_err(|_| Fault::internal());
    Ok(CreateTask {
        account: call.account(),
        instance: call.instance.clone(),
        spec: TaskSpec {
            name,
            duration_minutes: whole(duration)?,
            packets: whole(packets)?.into(),
            hold_days,
            source: asked.source,
            destination: asked.destination,
            protocol: asked.protocol,
            source_port: asked.source_port,
            destination_port: asked.destination_port,
        },
        filter: asked.filter,
    })
}

fn name(body: Object<'_>) -> Result<TaskName, Fault> {
    let text = body.required_text("name")?;
    let code = if text.is_empty() {
        code::EMPTY_PARAM
    } else {
        code::WRONG_PARAM
    };
    TaskName::parse(text).map_err(|invalid| Fault::bad(code, format!("name: {}", invalid.why)))
}

/// For how many days the result is kept; as long as may be, where nothing is said.
fn hold_days(body: Object<'_>) -> Result<u8, Fault> {
    if body.get("hold_day").is_none() {
        return Ok(TASK_HOLD_DAYS_MAX);
    }
    let days = body.whole("hold_day", &(1..=TASK_HOLD_DAYS_MAX.into()))?;
    u8::try_from(days).map_err(|_| Fault::internal())
}
