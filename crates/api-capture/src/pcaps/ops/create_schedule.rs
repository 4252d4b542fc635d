//! `POST /pcaps/schedules` (ours): a full capture that begins by itself, again and again; its request is that of the capture with
//! `name`, `cron` or `trigger`, and `budget`.

use super::Call;
use super::create_capture::{asked, decode_full};
use super::create_ownership::pointers;
use super::filter;
use crate::pcaps::envelope::Answer;
use crate::pcaps::fault::Fault;
use crate::pcaps::fields::Fields;
use crate::pcaps::schedule;
use baleen_capture::limits::{
    BUDGET_PACKETS_MAX, BUDGET_RUNS_MAX, TRIGGER_RATE_MAX, TRIGGER_WINDOW_DEFAULT, TRIGGER_WINDOW_MAX,
    TRIGGER_WINDOW_MIN,
};
use baleen_capture::{Budget, CreateSchedule, Cron, ScheduleName, Trigger, TripsOn, Unit, When};
use std::time::Duration;

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
    if fields.get("trigger").is_some() {
        if fields.get("cron").is_some() {
            fields.refuse("trigger", "a schedule has cron or trigger, not both");
        }
        return decode_trigger(fields).map(When::Trigger);
    }
    if fields.get("cron").is_none() {
        fields.refuse("cron", "cron is required, or trigger");
    }
    let cron = Cron::parse(fields.text("cron")?);
    if let Err(invalid) = &cron {
        fields.refuse("cron", format!("cron: {}", invalid.why));
    }
    cron.ok().map(When::Cron)
}

/// What sets it off: one packet, or how many of them.
fn decode_trigger(fields: &mut Fields<'_>) -> Option<Trigger> {
    let object = fields.object("trigger")?;
    let mut inner = Fields::new(object, "/trigger");
    let on = inner.required_text("on");
    let filters = ["on", "filter_v1", "bidirectional", "filter_v2", "filter_expression"];
    let on = match on {
        Some("packet") => {
            inner.only(&filters);
            Some(TripsOn::Packet)
        }
        Some("rate") => {
            let rates = ["packets_per_second", "bits_per_second", "seconds"];
            inner.only(&[&filters[..], &rates[..]].concat());
            decode_rate(&mut inner)
        }
        Some(_) => {
            inner.refuse("on", "on must be packet or rate");
            None
        }
        None => None,
    };
    let (filter, sent_filter) = filter::decode(&mut inner);
    fields.take_problems(inner);
    Some(Trigger {
        on: on?,
        filter,
        sent_filter,
    })
}

fn decode_rate(inner: &mut Fields<'_>) -> Option<TripsOn> {
    let packets = inner.whole("packets_per_second", &(1..=TRIGGER_RATE_MAX));
    let bits = inner.whole("bits_per_second", &(1..=TRIGGER_RATE_MAX));
    let seconds = inner.whole(
        "seconds",
        &(TRIGGER_WINDOW_MIN.as_secs()..=TRIGGER_WINDOW_MAX.as_secs()),
    );
    if inner.get("packets_per_second").is_some() == inner.get("bits_per_second").is_some() {
        inner.refuse("packets_per_second", "a rate has packets_per_second or bits_per_second");
        return None;
    }
    let (unit, per_second) = match (packets, bits) {
        (Some(packets), _) => (Unit::Packets, packets),
        (None, bits) => (Unit::Bits, bits?),
    };
    Some(TripsOn::Rate {
        unit,
        per_second,
        window: seconds.map_or(TRIGGER_WINDOW_DEFAULT, Duration::from_secs),
    })
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
