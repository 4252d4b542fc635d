//! Tasks as this door writes them.

use baleen_capture::{Counts, Task, TaskAddress, TaskPage, TaskStatus};
use baleen_types::{CaptureId, Timestamp};
use serde_json::{Value, json};

/// A page of tasks (capture contract, B.2, "List").
pub(crate) fn page(limit: u64, offset: u64, page: &TaskPage) -> Value {
    let records: Vec<_> = page.tasks.iter().map(task).collect();
    json!({ "limit": limit, "offset": offset, "total": page.total, "records": records })
}

/// `IdObject` (seed 002, table 8).
pub(crate) fn id_and_name(id: &str, name: &str) -> Value {
    json!({ "id": id, "name": name })
}

/// `CaptureTaskVO` (capture contract, B.2).
fn task(task: &Task) -> Value {
    let spec = &task.spec;
    let address_type = |address: &TaskAddress| u8::from(address.is_v6);
    let mut object = json!({
        "task_id": uuid(task.id),
        "name": spec.name.as_str(),
        "status": status(task.status),
        "source_address": spec.source.address,
        "source_address_type": address_type(&spec.source),
        "dest_address": spec.destination.address,
        "dest_address_type": address_type(&spec.destination),
        "source_port": spec.source_port,
        "dest_port": spec.destination_port,
        "protocol": spec.protocol,
        "duration": spec.duration_minutes,
        "max_packets": spec.packets,
        "created_date": date(task.created),
        "modified_date": date(task.modified),
        "capture_size": size(task.counts),
        "remaining_days": task.days_left,
        "is_deleted": 0,
    });
    // Ours.
    if let Some(message) = &task.message {
        object["message"] = json!(message);
    }
    object
}

fn status(status: TaskStatus) -> u8 {
    match status {
        TaskStatus::Waiting => 0,
        TaskStatus::Finished => 1,
        TaskStatus::Running => 2,
        TaskStatus::Failed => 3,
        TaskStatus::Stopped => 4,
        TaskStatus::Stopping => 5,
    }
}

/// `YYYY/MM/DD hh:mm:ss` in UTC.
fn date(at: Timestamp) -> String {
    let at = at.to_datetime();
    let month = u8::from(at.month());
    let (hour, minute, second) = at.time().as_hms();
    format!(
        "{:04}/{month:02}/{:02} {hour:02}:{minute:02}:{second:02}",
        at.year(),
        at.day()
    )
}

/// What was caught, in whole kb or mb of 1024, begun ones as whole ones.
fn size(counts: Option<Counts>) -> String {
    match counts.map(|counts| counts.bytes.div_ceil(1024)) {
        None => "--".to_owned(),
        Some(kilobytes @ 0..1024) => format!("{kilobytes}kb"),
        Some(kilobytes) => format!("{}mb", kilobytes.div_ceil(1024)),
    }
}

/// The id of a task as a UUID.
pub(crate) fn uuid(id: CaptureId) -> String {
    let digits = id.to_string();
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}

/// Reads what [`uuid`] writes, also in capitals, and without any of its hyphens, as ids stand in the audit log and in the keys of files;
/// `None` for what is no id of ours.
pub(crate) fn parse_uuid(text: &str) -> Option<CaptureId> {
    let id = CaptureId::parse(&text.to_ascii_lowercase().replace('-', "")).ok()?;
    let is_spelled = |spelling: String| spelling.eq_ignore_ascii_case(text);
    (is_spelled(uuid(id)) || is_spelled(id.to_string())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids() {
        let text = "ebf891cd-2163-48a0-9963-6309f99dd3c4";
        let id = parse_uuid(text).unwrap();
        assert_eq!((uuid(id).as_str(), parse_uuid(&text.to_uppercase())), (text, Some(id)));
        assert_eq!(parse_uuid("EBF891cd216348a099636309f99dd3c4"), Some(id));
        for wrong in [
            "",
            "ebf891cd216348a099636309f99dd3c",
            "ebf891cd-2163-48a0-99636309f99dd3c4",
            "ebf891c-d2163-48a0-9963-6309f99dd3c4",
            "ebf891cd-2163-48a0-9963-6309f99dd3c",
            "gbf891cd-2163-48a0-9963-6309f99dd3c4",
            "{ebf891cd-2163-48a0-9963-6309f99dd3c4}",
            "ébf891cd-2163-48a0-9963-6309f99dd3c4",
        ] {
            assert_eq!(parse_uuid(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_are_whole() {
        for (bytes, expected) in [
            (None, "--"),
            (Some(0), "0kb"),
            (Some(1), "1kb"),
            (Some(1024), "1kb"),
            (Some(500 << 10), "500kb"),
            (Some((1 << 20) - 1024), "1023kb"),
            (Some((1 << 20) - 1), "1mb"),
            (Some(1 << 20), "1mb"),
            (Some((1 << 20) + 1), "2mb"),
            (Some(500 << 20), "500mb"),
            (Some(10 << 30), "10240mb"),
        ] {
            let counts = bytes.map(|bytes| Counts {
                bytes,
                ..Counts::default()
            });
            assert_eq!(size(counts), expected);
        }
    }

    #[test]
    fn dates_have_slashes() {
        assert_eq!(date(Timestamp::from_secs(1_767_323_045)), "2026/01/02 03:04:05");
    }
}
