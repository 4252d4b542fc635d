//! What became of the last times of a schedule.

use super::StoredSchedule;
use crate::capture::cut;
use crate::limits::RUNS_KEPT;
use baleen_types::CaptureId;
use serde::{Deserialize, Serialize};

/// A capture whose packets are still to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::schedule) struct StoredOpen {
    pub(in crate::schedule) capture: [u8; CaptureId::BYTES],
    pub(in crate::schedule) day: i64,
}

/// What became of one time, or of several alike behind each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::schedule) struct StoredRun {
    pub(in crate::schedule) due_ns: i64,
    /// What set it off, where that was not the time.
    pub(in crate::schedule) cause: Option<String>,
    pub(in crate::schedule) outcome: StoredOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::schedule) enum StoredOutcome {
    Began([u8; CaptureId::BYTES]),
    Skipped { why: String, times: u32, last_due_ns: i64 },
}

impl StoredSchedule {
    /// Notes that a capture begins, which counts for the day that the record is at.
    pub(in crate::schedule) fn note_begun(&mut self, due_ns: i64, cause: Option<String>, capture: CaptureId) {
        let (capture, day) = (*capture.as_bytes(), self.day);
        self.open = Some(StoredOpen { capture, day });
        self.used_runs = self.used_runs.saturating_add(1);
        self.push(StoredRun {
            due_ns,
            cause,
            outcome: StoredOutcome::Began(capture),
        });
    }

    /// Takes back that a capture began, which did not.
    pub(in crate::schedule) fn take_back(&mut self, capture: CaptureId) {
        let capture = *capture.as_bytes();
        if let Some(open) = self.open.take_if(|open| open.capture == capture)
            && open.day == self.day
        {
            self.used_runs = self.used_runs.saturating_sub(1);
        }
        self.runs.retain(|run| run.outcome != StoredOutcome::Began(capture));
    }

    /// Notes that a capture which was to begin never did.
    pub(in crate::schedule) fn note_lost(&mut self, capture: CaptureId, why: &str) {
        let outcome = StoredOutcome::Began(*capture.as_bytes());
        let due = self
            .runs
            .iter()
            .find(|run| run.outcome == outcome)
            .map(|run| run.due_ns);
        self.take_back(capture);
        if let Some(due_ns) = due {
            self.note_skipped(due_ns, due_ns, 1, why.to_owned());
        }
    }

    /// Notes that nothing was begun, `times` times from `due_ns` to `last_due_ns`. What is skipped again for the same reason is one
    /// entry, so that the captures before it stay in sight.
    pub(in crate::schedule) fn note_skipped(&mut self, due_ns: i64, last_due_ns: i64, more: u32, why: String) {
        let reason = cut(why);
        if let Some(StoredRun {
            outcome:
                StoredOutcome::Skipped {
                    why,
                    times,
                    last_due_ns: last,
                },
            ..
        }) = self.runs.last_mut()
            && *why == reason
        {
            *times = times.saturating_add(more);
            *last = last_due_ns;
            return;
        }
        self.push(StoredRun {
            due_ns,
            cause: None,
            outcome: StoredOutcome::Skipped {
                why: reason,
                times: more,
                last_due_ns,
            },
        });
    }

    fn push(&mut self, run: StoredRun) {
        if self.runs.len() >= RUNS_KEPT {
            self.runs.remove(0);
        }
        self.runs.push(run);
    }
}
