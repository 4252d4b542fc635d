//! Beginning what is due.
//!
//! Order of things for one time of one schedule, and what a kill behind each leaves to the next pass:
//! 1. what its last capture caught is counted, and the schedule is moved to its next time, with the id that the capture will have
//!    (a capture that is not found then has not begun: the time is told as skipped, and is not used);
//! 2. the capture begins under that id (it is settled as every capture, see `recover.rs`);
//! 3. where it does not begin, the reason takes its place.

use super::keys::{NEVER, all_due, due_key, due_row, in_due_key, key};
use super::record::StoredSchedule;
use super::{BROKEN, When};
use crate::agent::Limits;
use crate::capture::{self, StoredCapture, StoredOrigin};
use crate::limits::{COMMIT_ATTEMPTS_MAX, MISSED_COUNTED_MAX, SCHEDULE_LATE_MAX};
use crate::store::{self, Change, Read};
use crate::{CaptureError, Captures};
use async_trait::async_trait;
use baleen_meta::{Request, Scan};
use baleen_types::{AccountId, CaptureId, ScheduleId, Timestamp, causes};
use futures::{StreamExt as _, stream};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tracing::{error, info};

/// Times that one pass looks at; the next one goes on a second later.
const PAGE: usize = 256;

/// Schedules that are looked at at once: one whose filter takes long to compile keeps the others waiting for no more than that.
const AT_ONCE: usize = 8;

/// Why nothing began, where the schedule itself is no reason.
const NOT_ALLOWED: &str = "the account may not act";
const MISSED: &str = "the server was not there at that time";
const LOST: &str = "the server ended unexpectedly before the capture began";

/// Who knows of accounts, and is told what begins.
#[async_trait]
pub trait ScheduleWitness: Send + Sync + 'static {
    /// Whether an account may act.
    ///
    /// # Errors
    /// It cannot be told now; the schedule stays due.
    async fn may_act(&self, account: AccountId) -> Result<bool, CaptureError>;

    /// A schedule of an account has begun a capture.
    async fn began(&self, account: AccountId, schedule: ScheduleId, capture: CaptureId);
}

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fired {
    /// Captures that began.
    pub began: u64,
    /// Schedules that were due and began none.
    pub skipped: u64,
}

impl fmt::Display for Fired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} captures begun; {} times skipped", self.began, self.skipped)
    }
}

/// Why a capture is to begin now.
struct Occasion {
    /// The time that has come, or that it is.
    due_ns: i64,
    /// What set it off, if not the time.
    cause: Option<String>,
}

/// What becomes of a time.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Decision {
    Begin(Limits),
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
    /// Begins the captures of the schedules that are due, and sees to it that those are watched for that wait for something. One that
    /// cannot be looked at keeps no other.
    ///
    /// # Errors
    /// Those of the metadata store, and of the witness.
    pub async fn run_schedules(self: &Arc<Self>, witness: &Arc<dyn ScheduleWitness>) -> Result<Fired, CaptureError> {
        self.keep_watchers(witness).await?;
        let now = self.parts.clock.now();
        self.keep_time(now).await?;
        let entries = self
            .parts
            .meta
            .scan(Scan::prefix(&all_due()).limit(PAGE).keys_only())
            .await?;
        let due = entries
            .iter()
            .map(|entry| in_due_key(&entry.key))
            .collect::<Result<Vec<_>, _>>()?;
        let due = due.into_iter().take_while(|(due_ns, ..)| *due_ns <= now.as_nanos());
        let (began, skipped) = (AtomicU64::new(0), AtomicU64::new(0));
        let outcomes: Vec<_> = stream::iter(due)
            .map(|(due_ns, account, slot)| async move { self.fire(due_ns, account, slot, witness).await })
            .buffer_unordered(AT_ONCE)
            .inspect(|outcome| match outcome {
                Ok(Some(true)) => drop(began.fetch_add(1, Ordering::Relaxed)),
                Ok(Some(false)) => drop(skipped.fetch_add(1, Ordering::Relaxed)),
                Ok(None) | Err(_) => {}
            })
            .collect()
            .await;
        outcomes.into_iter().try_for_each(|outcome| outcome.map(drop))?;
        Ok(Fired {
            began: began.into_inner(),
            skipped: skipped.into_inner(),
        })
    }

    /// Deals with one time of one schedule; whether a capture began, if it was due at all.
    async fn fire(
        self: &Arc<Self>,
        due_ns: i64,
        account: AccountId,
        slot: u8,
        witness: &Arc<dyn ScheduleWitness>,
    ) -> Result<Option<bool>, CaptureError> {
        let occasion = Occasion { due_ns, cause: None };
        let is_due = |record: &StoredSchedule| record.due_ns == Some(due_ns);
        let fired = self.fire_on((account, slot), &occasion, is_due, witness).await?;
        if fired.is_none() {
            // Its schedule is gone, with its account perhaps, or is due at another time.
            self.parts
                .meta
                .commit(Request::new().delete(due_key(due_ns, account, slot)))
                .await?;
        }
        Ok(fired)
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
    ) -> Result<Option<bool>, CaptureError> {
        let (key, due_ns) = (key(account, slot), occasion.due_ns);
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let read = store::read::<StoredSchedule>(&self.parts.meta, &key).await?;
            let Some(Read { mut record, bytes }) = read.filter(|read| is_due(&read.record)) else {
                return Ok(None);
            };
            let Ok((when, _)) = record.opened(account) else {
                self.retire((account, slot, record.id()), due_ns).await?;
                return Ok(Some(false));
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
                self.decide(&record, &when, (due_ns, now), going_on)
            } else {
                Decision::Skip {
                    missed: Missed::one(due_ns),
                    why: NOT_ALLOWED.to_owned(),
                }
            };
            let id = CaptureId::from_bytes(self.parts.entropy.bytes());
            match &decision {
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
                    let began = self
                        .begin_scheduled(&record, (account, slot), (id, limits), due_ns)
                        .await?;
                    if began {
                        witness.began(account, schedule, id).await;
                    }
                    Ok(Some(began))
                }
                Decision::Skip { why, .. } => {
                    info!(%schedule, %account, why, "a schedule was due and began nothing");
                    Ok(Some(false))
                }
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
                return Ok(Change::Leave(()));
            }
            let Some(row_ns) = record.due_ns.take() else {
                return Ok(Change::Leave(()));
            };
            record.note_skipped(due_ns, due_ns, 1, BROKEN.to_owned());
            Ok(Change::Store(Request::new().delete(due_key(row_ns, account, slot)), ()))
        };
        let (meta, missing) = (&self.parts.meta, || CaptureError::NoSuchSchedule);
        match store::update(meta, &key(account, slot), missing, retire).await {
            Ok(_) => error!(schedule = %id, %account, "a schedule cannot be read any more, and begins nothing"),
            Err(CaptureError::NoSuchSchedule) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn decide(
        &self,
        record: &StoredSchedule,
        when: &When,
        (due_ns, now): (i64, Timestamp),
        going_on: Option<CaptureId>,
    ) -> Decision {
        let due = Timestamp::from_nanos(due_ns);
        // A minute late is the next time of a pattern that is due each minute.
        if now.since(due) >= SCHEDULE_LATE_MAX {
            let missed = self.missed(when, due, now);
            let why = if missed.times < MISSED_COUNTED_MAX {
                MISSED.to_owned()
            } else {
                format!("{MISSED}, nor at many more than those which are counted")
            };
            return Decision::Skip { missed, why };
        }
        let missed = Missed::one(due_ns);
        let skip = |why| Decision::Skip { missed, why };
        if let Some(id) = going_on {
            return skip(format!("the capture {id} that it began before is not over"));
        }
        match record.budget().grant(record.used(), record.limits()) {
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

    /// Begins the capture that was noted; where it does not begin, the reason is noted in its place.
    async fn begin_scheduled(
        self: &Arc<Self>,
        record: &StoredSchedule,
        (account, slot): (AccountId, u8),
        (id, limits): (CaptureId, Limits),
        due_ns: i64,
    ) -> Result<bool, CaptureError> {
        let schedule = record.id();
        let begun = match record.request(account, limits) {
            Ok(request) => self.begin(request, id, StoredOrigin::Schedule).await,
            Err(damaged) => Err(damaged),
        };
        let Err(refused) = begun else {
            info!(%schedule, %account, capture = %id, "a schedule has begun a capture");
            return Ok(true);
        };
        if baleen_types::Classify::kind(&refused).is_ours() {
            error!(%schedule, %account, chain = causes(&refused), "a schedule could not begin its capture");
        }
        let why = refused.to_string();
        info!(%schedule, %account, why, "a schedule was due and began nothing");
        let note = |record: &mut StoredSchedule| {
            if record.id() != schedule {
                return Ok(Change::Leave(()));
            }
            record.take_back(id);
            record.note_skipped(due_ns, due_ns, 1, why.clone());
            Ok(Change::Store(Request::new(), ()))
        };
        match store::update(
            &self.parts.meta,
            &key(account, slot),
            || CaptureError::NoSuchSchedule,
            note,
        )
        .await
        {
            // Deleted meanwhile.
            Ok(_) | Err(CaptureError::NoSuchSchedule) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
