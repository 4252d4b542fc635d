//! `POST /pcaps/schedules` (ours): a full capture that begins by itself, again and again; its request is that of the capture with
//! `name`, `cron` and `budget`.

use super::Call;
use super::create_capture::{asked, decode_full};
use super::create_ownership::pointers;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::Fault;
use crate::pcaps::fields::Fields;
use crate::pcaps::schedule;
use baleen_capture::limits::{BUDGET_PACKETS_MAX, BUDGET_RUNS_MAX};
use baleen_capture::{Budget, CreateSchedule, Cron, ScheduleName, When};

pub(super) async fn run(call: Call) -> Result<Answer, Fault> {
    let mut fields = Fields::new(&call.body, "");
    let name = decode_name(&mut fields);
    let when = decode_when(&mut fields);
    let budget = decode_budget(&mut fields);
    let account = call.authorized.account();
    let capture = decode_full(&mut fields, account, asked(&call), "type must be full");
    fields.finish()?;
    let (Some(name), Some(when), Some(budget), Some(capture)) = (name, when, budget, capture) else {
        return Err(Fault::internal());
    };
    let request = CreateSchedule {
        name,
        when,
        budget,
        capture,
    };
    match call.captures.create_schedule(request).await {
        Ok(made) => Ok(Answer::Result(schedule::schedule(&made))),
        Err(error) => Err(Fault::of(error, pointers(&call.body))),
    }
}

fn decode_name(fields: &mut Fields<'_>) -> Option<ScheduleName> {
    let name = ScheduleName::parse(fields.required_text("name")?);
    if let Err(invalid) = &name {
        fields.refuse("name", format!("name: {}", invalid.why));
    }
    name.ok()
}

fn decode_when(fields: &mut Fields<'_>) -> Option<When> {
    let cron = Cron::parse(fields.required_text("cron")?);
    if let Err(invalid) = &cron {
        fields.refuse("cron", format!("cron: {}", invalid.why));
    }
    cron.ok().map(When::Cron)
}

/// What it may use in a day. Nobody should have to find out by a bill what was meant by none.
fn decode_budget(fields: &mut Fields<'_>) -> Option<Budget> {
    if fields.get("budget").is_none() {
        fields.refuse("budget", "budget is required: {\"runs\": captures a day}");
    }
    let object = fields.object("budget")?;
    let mut inner = Fields::new(object, "/budget");
    inner.only(&["runs", "packets", "bytes"]);
    if inner.get("runs").is_none() {
        inner.refuse("runs", "runs is required: how many captures a day");
    }
    let runs = inner.whole("runs", &(1..=u64::from(BUDGET_RUNS_MAX)));
    let packets = inner.whole("packets", &(1..=BUDGET_PACKETS_MAX));
    let bytes = inner.whole("bytes", &(1..=BUDGET_PACKETS_MAX));
    fields.take_problems(inner);
    Some(Budget {
        runs: u32::try_from(runs?).ok()?,
        packets,
        bytes,
    })
}
