//! What a capture task is: as it is asked for, and as it is shown.

use super::{DAY, due};
use crate::capture::{StoredAddress, StoredCapture, StoredState};
use crate::limits::TASK_NAME_CHARS_MAX;
use crate::{CaptureError, CaptureFilter, Counts};
use baleen_types::{AccountId, CaptureId, Invalid, SiteName, Timestamp};
use std::fmt;

/// The name of a capture task: 1 to 255 characters of any kind (capture contract, B.2). Two that differ in case are two.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskName(String);

impl TaskName {
    /// Checks the length.
    ///
    /// ```
    /// use baleen_capture::TaskName;
    /// assert!(TaskName::parse("zhuabaotest").is_ok());
    /// assert!(TaskName::parse("").is_err());
    /// ```
    ///
    /// # Errors
    /// When it is empty or too long.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        // Bytes first, so that nobody's megabyte is counted through.
        if text.is_empty() || text.len() > 4 * TASK_NAME_CHARS_MAX || text.chars().count() > TASK_NAME_CHARS_MAX {
            let why = format!("1 to {TASK_NAME_CHARS_MAX} characters are expected");
            return Err(Invalid::new("name", why));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a capture task was asked for, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSpec {
    /// Its name.
    pub name: TaskName,
    /// How long it runs at the most, in minutes.
    pub duration_minutes: u32,
    /// How many packets it takes at the most.
    pub packets: u64,
    /// For how many days what it caught is kept.
    pub hold_days: u8,
    /// Where packets come from.
    pub source: TaskAddress,
    /// Where packets go to.
    pub destination: TaskAddress,
    /// The protocol's number, −1 for any.
    pub protocol: i16,
    /// Source ports; empty for any.
    pub source_port: String,
    /// Destination ports; empty for any.
    pub destination_port: String,
}

/// An address of a capture task, as it was sent; read by nobody but who asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskAddress {
    /// An address, a block or a range.
    pub address: String,
    /// Whether it is of IPv6.
    pub is_v6: bool,
}

/// A request for a capture task.
#[derive(Clone, Debug)]
pub struct CreateTask {
    /// For whom.
    pub account: AccountId,
    /// The site or group.
    pub instance: SiteName,
    /// What was asked for.
    pub spec: TaskSpec,
    /// The same addresses, protocol and ports, understood.
    pub filter: CaptureFilter,
}

/// A capture task as its account sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Its id.
    pub id: CaptureId,
    /// What was asked for.
    pub spec: TaskSpec,
    /// How far it is.
    pub status: TaskStatus,
    /// When it was asked for.
    pub created: Timestamp,
    /// When it last came to another status.
    pub modified: Timestamp,
    /// What was caught; none while nothing is known of it.
    pub counts: Option<Counts>,
    /// Days until it is forgotten, begun ones as whole ones.
    pub days_left: u64,
    /// Why it failed, or what is missing though it did not.
    pub message: Option<String>,
}

/// The life of a capture task (capture contract, B.2, `CaptureTaskVO`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskStatus {
    /// Accepted; the agent has not confirmed yet.
    Waiting,
    /// Packets are being taken, or are still on their way into the bucket.
    Running,
    /// Stop was asked for, and the file is not safe yet.
    Stopping,
    /// Stopped; the file is there.
    Stopped,
    /// Over by a limit; the file is there.
    Finished,
    /// There is no file.
    Failed,
}

/// A part of the list of tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskPage {
    /// How many there are.
    pub total: usize,
    /// Those that were asked for, newest first.
    pub tasks: Vec<Task>,
}

/// A task as its account sees it; `live` has what is newer than the record.
pub(super) fn show(
    record: &StoredCapture,
    id: CaptureId,
    now: Timestamp,
    live: Option<Counts>,
) -> Result<Task, CaptureError> {
    let task = record.task.as_ref().ok_or(CaptureError::Damaged("capture"))?;
    let address = |stored: &StoredAddress| TaskAddress {
        address: stored.address.clone(),
        is_v6: stored.address_type == 1,
    };
    let counts = record.counts().at_least(live.unwrap_or_default());
    let is_known = record.state != StoredState::Pending && record.started_ns.is_some();
    let left = due(record, task).map(|due| due.since(now).as_nanos().div_ceil(DAY.as_nanos()));
    Ok(Task {
        id,
        spec: TaskSpec {
            name: TaskName::parse(&task.name).map_err(|_| CaptureError::Damaged("capture"))?,
            duration_minutes: task.duration_minutes,
            packets: record.packet_limit,
            hold_days: task.hold_days,
            source: address(&task.source),
            destination: address(&task.destination),
            protocol: task.protocol,
            source_port: task.source_port.clone(),
            destination_port: task.destination_port.clone(),
        },
        status: status(record),
        created: Timestamp::from_nanos(record.submitted_ns),
        modified: Timestamp::from_nanos(record.modified_ns),
        counts: is_known.then_some(counts),
        days_left: left.map_or(task.hold_days.into(), |left| u64::try_from(left).unwrap_or(u64::MAX)),
        message: record.message.clone(),
    })
}

fn status(record: &StoredCapture) -> TaskStatus {
    let is_stopped = record.stop_requested_ns.is_some();
    match record.state {
        StoredState::Failed => TaskStatus::Failed,
        StoredState::Success if is_stopped => TaskStatus::Stopped,
        StoredState::Success => TaskStatus::Finished,
        _ if is_stopped => TaskStatus::Stopping,
        StoredState::Pending => TaskStatus::Waiting,
        StoredState::Running | StoredState::ConversionPending | StoredState::ConversionRunning => TaskStatus::Running,
    }
}
