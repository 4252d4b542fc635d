//! Captures and buckets as this door writes them.

use baleen_capture::{
    Capture, FileInfo, Format, Kind, Ownership, Proof, Rotation, SentFilter, ShownAgent, ShownPrivacy, Status,
};
use baleen_types::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The capture object (capture contract, A.2).
pub(crate) fn capture(capture: &Capture) -> Value {
    match capture.kind {
        Kind::Full => full(capture),
        Kind::Sample(until) => sample(capture, until),
    }
}

/// That of a sample. It has none of `colo_name`, `packets_captured`, `stop_requested` and `error_message`, by each of which the
/// vendor's SDK takes it for a full one, whose `offset_time` is a mere text.
fn sample(capture: &Capture, until: Timestamp) -> Value {
    let mut object = common(capture, "simple");
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("offset_time", json!(until.to_rfc3339_micros()));
    if capture.status.is_terminal() {
        put("packets_remaining", json!(0));
    } else {
        put("packets_remaining", json!(capture.limits.packets));
    }
    // Ours from here on.
    put("packets_sampled", json!(capture.counts.packets));
    put("bytes_captured", json!(capture.counts.bytes));
    if let Some(message) = &capture.message {
        put("message", json!(message));
    }
    if capture.status == Status::Success {
        put("bucket", json!(capture.destination.trim_start_matches("s3://")));
        put("object_key", json!(capture.object.as_str()));
    }
    Value::Object(object)
}

/// That of a full capture. Members without a value are left out: an empty
/// `stop_requested` makes the vendor's SDK fall back to another type.
fn full(capture: &Capture) -> Value {
    let mut object = common(capture, "full");
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("byte_limit", json!(capture.limits.bytes));
    put("colo_name", json!(capture.site.as_str()));
    put("destination_conf", json!(capture.destination));
    put("packets_captured", json!(capture.counts.packets));
    if let Some(message) = &capture.message {
        put("error_message", json!(message));
    }
    if let Some(at) = capture.stop_requested {
        put("stop_requested", json!(at.to_rfc3339_micros()));
    }
    // Ours from here on.
    put("bytes_captured", json!(capture.counts.bytes));
    put("packets_dropped", json!(capture.counts.dropped));
    put("object_key", json!(capture.object.as_str()));
    if let Some(left) = capture.time_left {
        put(
            "seconds_left",
            json!(left.as_secs() + u64::from(left.subsec_nanos() > 0)),
        );
    }
    if !capture.files.is_empty() {
        put("objects", capture.files.iter().map(file).collect());
    }
    if capture.is_scheduled {
        put("scheduled", json!(true));
    }
    put_extras(&mut object, capture.snaplen, capture.rotation, capture.privacy);
    Value::Object(object)
}

/// The members of ours that a full capture has where they were given.
pub(crate) fn put_extras(
    object: &mut Map<String, Value>,
    snaplen: Option<u32>,
    rotate: Rotation,
    privacy: Option<ShownPrivacy>,
) {
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    if let Some(bytes) = snaplen {
        put("snaplen", json!(bytes));
    }
    if rotate.is_some() {
        put("rotate", rotation(rotate));
    }
    if let Some(privacy) = privacy {
        put(
            "privacy",
            json!({
                "headers_only": privacy.headers_only,
                "zero_payload": privacy.zero_payload,
                "anonymise": privacy.anonymise,
            }),
        );
    }
}

fn rotation(rotation: Rotation) -> Value {
    let mut object = Map::new();
    if let Some(bytes) = rotation.bytes {
        object.insert("bytes".to_owned(), json!(bytes));
    }
    if let Some(every) = rotation.every {
        object.insert("seconds".to_owned(), seconds(every));
    }
    Value::Object(object)
}

/// One of several files, in the bucket.
fn file(file: &FileInfo) -> Value {
    json!({
        "object_key": file.object.as_str(),
        "packets_captured": file.packets,
        "bytes_captured": file.bytes,
        "size": file.file_bytes,
    })
}

/// What both kinds have.
fn common(capture: &Capture, kind: &str) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("id", json!(capture.id.to_string()));
    put("type", json!(kind));
    put("system", json!("magic-transit"));
    put("status", json!(status(capture.status)));
    put("submitted", json!(capture.submitted.to_rfc3339_micros()));
    put("time_limit", seconds(capture.limits.time));
    put("packet_limit", json!(capture.limits.packets));
    put_filter(&mut object, &capture.sent_filter, capture.format);
    object
}

/// The filter as it was sent, and the form of the file.
pub(crate) fn put_filter(object: &mut Map<String, Value>, sent: &SentFilter, format: Format) {
    let mut put = |name: &str, value: Value| {
        object.insert(name.to_owned(), value);
    };
    put("filter_v1", sent_tuple(sent));
    // Ours from here on.
    if sent.bidirectional {
        put("bidirectional", json!(true));
    }
    if let Some(expression) = &sent.expression {
        put("filter_expression", json!(expression));
    }
    if let Some(rules) = &sent.rules {
        put("filter_v2", json!(rules));
    }
    if format != Format::Pcap {
        put("format", json!(format.suffix()));
    }
}

/// A bucket with its proof (capture contract, A.3). Both spellings of the destination are written: the example of the
/// source pages has `destinaton_conf` (seed 000, "The response will look like"), the schema and the SDK the other.
pub(crate) fn ownership(ownership: &Ownership) -> Value {
    json!({
        "id": ownership.id.to_string(),
        "status": match ownership.proof {
            Proof::Pending => "pending",
            Proof::Failed => "failed",
            Proof::Success => "success",
        },
        "submitted": ownership.submitted.to_rfc3339_micros(),
        "validated": ownership.validated.map_or_else(String::new, Timestamp::to_rfc3339_micros),
        "destination_conf": ownership.destination,
        "destinaton_conf": ownership.destination,
        "filename": ownership.file_name,
    })
}

pub(crate) fn status(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Running => "running",
        Status::ConversionPending => "conversion_pending",
        Status::ConversionRunning => "conversion_running",
        Status::Success => "success",
        Status::Failed => "failed",
    }
}

/// The five-tuple as it was sent, `{}` when none was.
fn sent_tuple(sent: &SentFilter) -> Value {
    let sent = sent.tuple.as_deref();
    sent.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| json!({}))
}

/// Seconds as they are usually asked for: whole numbers without a fraction.
pub(crate) fn seconds(time: Duration) -> Value {
    if time.subsec_nanos() == 0 {
        json!(time.as_secs())
    } else {
        json!(time.as_secs_f64())
    }
}

/// An agent on another host (ours).
pub(crate) fn agent(agent: &ShownAgent) -> Value {
    let interfaces: Vec<Value> = agent
        .now
        .interfaces
        .iter()
        .map(|interface| json!({ "name": interface.name, "link_type": interface.link, "up": interface.is_up }))
        .collect();
    json!({
        "id": agent.info.id.to_string(),
        "name": agent.info.name,
        "site": agent.info.site,
        "groups": agent.info.groups,
        "enrolled": agent.info.enrolled.to_rfc3339_micros(),
        "certificate_until": agent.info.certificate_until.to_rfc3339_micros(),
        "connected": agent.now.is_connected,
        "release": agent.now.release,
        "interfaces": interfaces,
        "captures": agent.now.orders,
        "clock_offset_ns": agent.now.clock.map(|clock| clock.offset_ns),
        "clock_bound_ns": agent.now.clock.map(|clock| clock.bound_ns),
    })
}
