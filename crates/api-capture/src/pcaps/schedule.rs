//! Schedules as this door writes them (ours).

use super::wire;
use baleen_capture::{
    Budget, Format, Found, Run, RunOutcome, Schedule, ScheduledCapture, Trigger, TripsOn, Unit, When,
};
use serde_json::{Map, Value, json};

/// The schedule object: the request with what became of it. Members without a value are left out.
pub(crate) fn schedule(schedule: &Schedule) -> Value {
    let mut object = capture(&schedule.capture);
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("id", json!(schedule.id.to_string()));
    put("name", json!(schedule.name.as_str()));
    match &schedule.when {
        Some(When::Cron(cron)) => put("cron", json!(cron.as_str())),
        Some(When::Trigger(on)) => put("trigger", trigger(on)),
        None => {}
    }
    put("budget", budget(&schedule.budget));
    let status = match (schedule.broken, schedule.is_paused) {
        (Some(_), _) => "broken",
        (None, true) => "paused",
        (None, false) => "active",
    };
    put("status", json!(status));
    if let Some(why) = schedule.broken {
        put("error_message", json!(why));
    }
    put("created", json!(schedule.created.to_rfc3339_micros()));
    if let Some(next) = schedule.next {
        put("next", json!(next.to_rfc3339_micros()));
    }
    let used = schedule.used;
    put(
        "used_today",
        json!({ "runs": used.runs, "packets": used.packets, "bytes": used.bytes }),
    );
    put("runs", schedule.runs.iter().map(run).collect());
    Value::Object(object)
}

/// The members of its captures, as they were asked for.
fn capture(capture: &ScheduledCapture) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("system", json!("magic-transit"));
    put("type", json!("full"));
    put("time_limit", wire::seconds(capture.limits.time));
    put("packet_limit", json!(capture.limits.packets));
    put("byte_limit", json!(capture.limits.bytes));
    put("colo_name", json!(capture.site.as_str()));
    put("destination_conf", json!(capture.destination));
    wire::put_filter(&mut object, &capture.sent_filter, capture.format);
    wire::put_extras(&mut object, capture.snaplen, capture.rotation, capture.privacy);
    object
}

fn trigger(trigger: &Trigger) -> Value {
    let mut object = Map::new();
    match trigger.on {
        TripsOn::Packet => drop(object.insert("on".to_owned(), json!("packet"))),
        TripsOn::Rate {
            unit,
            per_second,
            window,
        } => {
            object.insert("on".to_owned(), json!("rate"));
            let name = match unit {
                Unit::Packets => "packets_per_second",
                Unit::Bits => "bits_per_second",
            };
            object.insert(name.to_owned(), json!(per_second));
            object.insert("seconds".to_owned(), wire::seconds(window));
        }
    }
    wire::put_filter(&mut object, &trigger.sent_filter, Format::Pcap);
    Value::Object(object)
}

fn budget(budget: &Budget) -> Value {
    let mut object = Map::new();
    object.insert("runs".to_owned(), json!(budget.runs));
    for (name, most) in [("packets", budget.packets), ("bytes", budget.bytes)] {
        if let Some(most) = most {
            object.insert(name.to_owned(), json!(most));
        }
    }
    Value::Object(object)
}

/// What became of one time, or of several alike.
fn run(run: &Run) -> Value {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("due", json!(run.due.to_rfc3339_micros()));
    if let Some(cause) = &run.cause {
        put("cause", json!(cause));
    }
    match &run.outcome {
        RunOutcome::Began(began) => {
            put("outcome", json!("began"));
            put("pcap_id", json!(began.capture.to_string()));
            if let Some(Found {
                status,
                counts,
                message,
            }) = &began.found
            {
                put("status", json!(wire::status(*status)));
                put("packets_captured", json!(counts.packets));
                put("bytes_captured", json!(counts.bytes));
                if let Some(message) = message {
                    put("error_message", json!(message));
                }
            }
        }
        RunOutcome::Skipped { why, times, last_due } => {
            put("outcome", json!("skipped"));
            put("reason", json!(why));
            put("times", json!(times));
            put("last_due", json!(last_due.to_rfc3339_micros()));
        }
    }
    Value::Object(object)
}
