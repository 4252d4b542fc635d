//! What becomes of a time of a schedule.
//!
//! Order of things for one time of one schedule, and what a kill behind each leaves to the next pass:
//! 1. what its last capture caught is counted, and the schedule is moved to its next time, with the id that the capture will have
//!    (a capture that is not found then has not begun: the time is told as skipped, and is not used);
//! 2. the capture begins under that id (`begin.rs`; it is settled as every capture, see `recover.rs`);
//! 3. where it does not begin, the reason takes its place, or it is due again.

use super::keys::{NEVER, due_key, due_row, key};
use super::record::StoredSchedule;
use super::{BROKEN, ScheduleWitness, When};
use crate::agent::Limits;
use crate::capture::{self, StoredCapture};
use crate::limits::{COMMIT_ATTEMPTS_MAX, MISSED_COUNTED_MAX, SCHEDULE_LATE_MAX};
use crate::rooms::To;
use crate::site::Site;
use crate::store::{self, Change, Read};
use crate::{CaptureError, Captures};
use baleen_meta::Request;
use baleen_types::{AccountId, CaptureId, ScheduleId, Timestamp};
use std::sync::Arc;
use tracing::{error, info};

/// Why nothing began, where the schedule itself is no reason.
pub(super) const NOT_ALLOWED: &str = "the account may not act";
const MISSED: &str = "the server was not there at that time";
const LATE: &str = "the server had too much to do to look at it in time";
const LOST: &str = "the server ended unexpectedly before the capture began";

/// Why a capture is to begin now.
pub(super) struct Occasion {
    /// The time that has come, or that it is.
    pub(super) due_ns: i64,
    /// What set it off, if not the time.
    pub(super) cause: Option<String>,
}

impl Occasion {
    /// Whether it is too late. A minute is: at a pattern of each minute the next time is due then.
    pub(super) fn is_late(&self, now: Timestamp) -> bool {
        now.since(Timestamp::from_nanos(self.due_ns)) >= SCHEDULE_LATE_MAX
    }
}

/// What became of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// A capture began.
    Began,
    /// None did, and the reason is noted.
    Skipped,
    /// There is no place for a capture now, and still time for one.
    Waits,
    /// It is not due any more.
    Gone,
}

/// What is to become of a time.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Decision {
    Begin(Limits),
    Wait,
    Skip { missed: Missed, why: String },
}

/// Times that went by, from that on which is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Missed {
    times: u32,
    last_ns: i64,
}

impl Missed {
    const fn one(due_ns: i64) -> Self {
        Self {
            times: 1,
            last_ns: due_ns,
        }
    }
}

/// How it is with the last capture of a schedule.
pub(super) enum Settled {
    /// There is none, or it is counted.
    Done,
    /// It still catches.
    Going(CaptureId),
    /// It was to begin, and is not there: it is just beginning, or never did.
    Missing(CaptureId),
}

impl Captures {
    /// Deals with one time of one schedule.
    pub(super) async fn fire(
        self: &Arc<Self>,
        due_ns: i64,
        account: AccountId,
        slot: u8,
        witness: &Arc<dyn ScheduleWitness>,
    ) -> Result<Fate, CaptureError> {
        let occasion = Occasion { due_ns, cause: None };
        let is_due = |record: &StoredSchedule| record.due_ns == Some(due_ns);
        let fate = self.fire_on((account, slot), &occasion, is_due, witness).await?;
        if fate == Fate::Gone {
            // Its schedule is gone, with its account perhaps, or is due at another time.
            self.parts
                .meta
                .commit(Request::new().delete(due_key(due_ns, account, slot)))
                .await?;
        }
        Ok(fate)
    }

    /// Deals with a trigger that was set off.
    pub(super) async fn fire_triggered(
        self: &Arc<Self>,
        (account, slot, id): (AccountId, u8, ScheduleId),
        cause: String,
        witness: &Arc<dyn ScheduleWitness>,
    ) -> Result<(), CaptureError> {
        let occasion = Occasion {
            due_ns: self.parts.clock.now().as_nanos(),
            cause: Some(cause),
        };
        let is_due = |record: &StoredSchedule| record.id() == id && record.due_ns == Some(NEVER);
        self.fire_on((account, slot), &occasion, is_due, witness)
            .await
            .map(drop)
    }

    async fn fire_on(
        self: &Arc<Self>,
        (account, slot): (AccountId, u8),
        occasion: &Occasion,
        is_due: impl Fn(&StoredSchedule) -> bool + Send,
        witness: &Arc<dyn ScheduleWitness>,
    ) -> Result<Fate, CaptureError> {
        let (key, due_ns) = (key(account, slot), occasion.due_ns);
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let read = store::read::<StoredSchedule>(&self.parts.meta, &key).await?;
            let Some(Read { mut record, bytes }) = read.filter(|read| is_due(&read.record)) else {
                return Ok(Fate::Gone);
            };
            let Ok((when, _)) = record.opened(account) else {
                self.retire((account, slot, record.id()), due_ns).await?;
                return Ok(Fate::Skipped);
            };
            let now = self.parts.clock.now();
            let may_act = witness.may_act(account).await?;
            let going_on = match self.settle_schedule(account, &mut record).await? {
                Settled::Going(id) => Some(id),
                Settled::Missing(id) => {
                    record.note_lost(id, LOST);
                    None
                }
                Settled::Done => None,
            };
            record.set_used(record.used().on_day_of(now));
            let decision = if may_act {
                let is_here = |site: &Site| To::store(&*site.agent) == To::Store;
                let site = record.site().and_then(|site| self.parts.sites.find(&site, account));
                let is_full = site.as_ref().is_none_or(is_here) && self.rooms.is_full_for(account);
                self.decide(&record, &when, (occasion, now), (going_on, is_full))
            } else {
                Decision::Skip {
                    missed: Missed::one(due_ns),
                    why: NOT_ALLOWED.to_owned(),
                }
            };
            let id = CaptureId::from_bytes(self.parts.entropy.bytes());
            match &decision {
                Decision::Wait => return Ok(Fate::Waits),
                Decision::Begin(_) => record.note_begun(due_ns, occasion.cause.clone(), id),
                Decision::Skip { missed, why } => {
                    record.note_skipped(due_ns, missed.last_ns, missed.times, why.clone());
                }
            }
            let mut commit = Request::new().unchanged(key.clone(), Some(bytes));
            if let Some(due_ns) = record.due_ns {
                commit = commit.delete(due_key(due_ns, account, slot));
            }
            record.due_ns = self.next_of(&when, now).map(Timestamp::as_nanos);
            let commit = commit
                .put(key.clone(), store::encode(&record)?)
                .and(due_row(&record, account, slot));
            if !self.parts.meta.commit(commit).await?.is_committed() {
                continue;
            }
            let schedule = record.id();
            return match decision {
                Decision::Begin(limits) => {
                    let (of, capture) = ((account, slot), (id, limits));
                    self.begin_scheduled(&record, of, capture, occasion, witness).await
                }
                Decision::Skip { why, .. } => {
                    info!(%schedule, %account, why, "a schedule was due and began nothing");
                    Ok(Fate::Skipped)
                }
                Decision::Wait => Ok(Fate::Waits),
            };
        }
        Err(CaptureError::Contended)
    }

    /// Takes a schedule that cannot be read out of what is due, and says so in it.
    pub(super) async fn retire(
        &self,
        (account, slot, id): (AccountId, u8, ScheduleId),
        due_ns: i64,
    ) -> Result<(), CaptureError> {
        let retire = |record: &mut StoredSchedule| {
            if record.id() != id {
                return Ok(Change::Leave(false));
            }
            let Some(row_ns) = record.due_ns.take() else {
                return Ok(Change::Leave(false));
            };
            record.note_skipped(due_ns, due_ns, 1, BROKEN.to_owned());
            Ok(Change::Store(
                Request::new().delete(due_key(row_ns, account, slot)),
                true,
            ))
        };
        let (meta, missing) = (&self.parts.meta, || CaptureError::NoSuchSchedule);
        match store::update(meta, &key(account, slot), missing, retire).await {
            Ok((_, true)) => error!(schedule = %id, %account, "a schedule cannot be read any more, and begins nothing"),
            Ok((_, false)) | Err(CaptureError::NoSuchSchedule) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn decide(
        &self,
        record: &StoredSchedule,
        when: &When,
        (occasion, now): (&Occasion, Timestamp),
        (going_on, is_full): (Option<CaptureId>, bool),
    ) -> Decision {
        let due = Timestamp::from_nanos(occasion.due_ns);
        if occasion.is_late(now) {
            let missed = self.missed(when, due, now);
            let why = if self.has_passed_by_since(due) {
                LATE.to_owned()
            } else if missed.times < MISSED_COUNTED_MAX {
                MISSED.to_owned()
            } else {
                format!("{MISSED}, nor at many more than those which are counted")
            };
            return Decision::Skip { missed, why };
        }
        let missed = Missed::one(occasion.due_ns);
        let skip = |why| Decision::Skip { missed, why };
        if let Some(id) = going_on {
            return skip(format!("the capture {id} that it began before is not over"));
        }
        match record.budget().grant(record.used(), record.limits()) {
            // Without a commit for nothing, second by second.
            Ok(_) if is_full && occasion.may_wait(now) => Decision::Wait,
            Ok(limits) => Decision::Begin(limits),
            Err(spent) => skip(spent.to_string()),
        }
    }

    /// When a schedule that waits for this is due next.
    pub(super) fn next_of(&self, when: &When, now: Timestamp) -> Option<Timestamp> {
        match when {
            When::Cron(cron) => cron.next(now, self.schedule_minute),
            When::Trigger(_) => Some(Timestamp::from_nanos(NEVER)),
        }
    }

    /// The times that went by from `due` until `now`; they are counted up to [`MISSED_COUNTED_MAX`].
    fn missed(&self, when: &When, due: Timestamp, now: Timestamp) -> Missed {
        let mut times = 1;
        let mut last = due;
        while let Some(next) = self.next_of(when, last)
            && next <= now
            && times < MISSED_COUNTED_MAX
        {
            (last, times) = (next, times + 1);
        }
        if times == MISSED_COUNTED_MAX
            && let When::Cron(cron) = when
        {
            last = cron.last(now, self.schedule_minute).unwrap_or(last).max(last);
        }
        Missed {
            times,
            last_ns: last.as_nanos(),
        }
    }

    /// Counts what the last capture caught, if it is over.
    pub(super) async fn settle_schedule(
        &self,
        account: AccountId,
        record: &mut StoredSchedule,
    ) -> Result<Settled, CaptureError> {
        let Some(open) = record.open else {
            return Ok(Settled::Done);
        };
        let id = CaptureId::from_bytes(open.capture);
        Ok(
            match store::read::<StoredCapture>(&self.parts.meta, &capture::key(account, id)).await? {
                Some(found) if found.record.is_active() => Settled::Going(id),
                Some(found) => {
                    let mut used = record.used();
                    used.charge(open.day, found.record.all_counts());
                    record.set_used(used);
                    record.open = None;
                    Settled::Done
                }
                None => Settled::Missing(id),
            },
        )
    }
}
