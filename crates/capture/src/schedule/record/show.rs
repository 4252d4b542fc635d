//! A schedule as its account sees it.

use super::runs::{StoredOutcome, StoredRun};
use super::{StoredSchedule, damaged};
use crate::CaptureError;
use crate::capture::StoredRotation;
use crate::privacy::ShownPrivacy;
use crate::schedule::keys::NEVER;
use crate::schedule::{BROKEN, Began, Outcome, Run, Schedule, ScheduleName, ScheduledCapture};
use baleen_types::{AccountId, CaptureId, SiteName, Timestamp};

impl StoredSchedule {
    /// The schedule as its account sees it; what became of its captures is told by those.
    pub(in crate::schedule) fn show(&self, account: AccountId, now: Timestamp) -> Result<Schedule, CaptureError> {
        let at = Timestamp::from_nanos;
        let show = |run: &StoredRun| Run {
            due: at(run.due_ns),
            cause: run.cause.clone(),
            outcome: match &run.outcome {
                StoredOutcome::Began(id) => Outcome::Began(Began {
                    capture: CaptureId::from_bytes(*id),
                    found: None,
                }),
                StoredOutcome::Skipped {
                    why,
                    times,
                    last_due_ns,
                } => Outcome::Skipped {
                    why: why.clone(),
                    times: *times,
                    last_due: at(*last_due_ns),
                },
            },
        };
        Ok(Schedule {
            id: self.id(),
            account,
            name: ScheduleName::parse(&self.name).map_err(|_| damaged())?,
            broken: self.opened(account).err().map(|_| BROKEN),
            when: self.when().ok(),
            budget: self.budget(),
            used: self.used().on_day_of(now),
            capture: ScheduledCapture {
                site: SiteName::parse(&self.site).map_err(|_| damaged())?,
                destination: self.destination.clone(),
                limits: self.limits(),
                sent_filter: self.sent_filter(),
                format: self.format(),
                snaplen: self.snaplen,
                rotation: self.rotation.map(StoredRotation::show).unwrap_or_default(),
                privacy: self.mask.as_ref().map(ShownPrivacy::from),
            },
            is_paused: self.is_paused,
            created: at(self.created_ns),
            next: self.due_ns.filter(|due_ns| *due_ns != NEVER).map(at),
            runs: self.runs.iter().rev().map(show).collect(),
        })
    }
}
