//! Schedules: full captures that begin by themselves, again and again, within what they may use in a day: at times, or when something
//! goes by that they wait for (`watch.rs`).
//!
//! A schedule is a request for a capture with what it waits for and a budget. A pass every second (`fire.rs`) begins what is due, as
//! a request of the account would; nothing else about its captures is different: they are in the account's list, take its one
//! turn, and are stopped and read as others are (decision 0039).
//!
//! Invariants:
//! * an account has at most so many schedules, by slots, and no two have one name: they are made one after the other;
//! * a time begins at most one capture, whatever is killed when: the commit that notes it moves the schedule to its next time, and
//!   a capture that was noted and did not begin is found out;
//! * a budget is never passed, not by a packet: a capture gets what is left as its limit, and what it caught is counted before the
//!   next begins;
//! * what is not begun is told with its reason, and is not made up for.

mod budget;
mod cron;
mod fire;
mod record;
mod trigger;
mod watch;

pub use budget::{Budget, Used};
pub use cron::Cron;
pub use fire::{Fired, ScheduleWitness};
pub use trigger::{Trigger, TripsOn, Unit};
pub(crate) use watch::Watchers;

use crate::agent::{Format, Limits};
use crate::capture::{self, StoredCapture};
use crate::engine::Rotation;
use crate::limits::{
    BUDGET_PACKETS_MAX, BUDGET_RUNS_MAX, REPEATED_WITHIN, SCHEDULE_NAME_CHARS_MAX, SCHEDULES_PER_ACCOUNT_MAX,
    TRIGGERS_PER_ACCOUNT_MAX, WATCHERS_MAX,
};
use crate::privacy::Anonymise;
use crate::store::{self, Change, Read};
use crate::tasks::{CaptureFilter, check_files, check_limits, check_sent_filter};
use crate::{CaptureError, Captures, Counts, CreateCapture, Limited, SentFilter, ShownPrivacy, Status};
use baleen_meta::{Outcome as Committed, Request, SCAN_ENTRIES_MAX, Scan};
use baleen_types::{AccountId, CaptureId, Invalid, ScheduleId, SiteName, Timestamp};
use bytes::Bytes;
use record::{NEVER, StoredSchedule, at_never, due_key, key, of_account, slot_in_key};
use std::fmt;
use std::sync::Arc;
use tracing::info;

/// The name of a schedule: 1 to 64 characters, none of them a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleName(String);

impl ScheduleName {
    /// Reads a name.
    ///
    /// ```
    /// use baleen_capture::ScheduleName;
    /// assert!(ScheduleName::parse("every night").is_ok());
    /// assert!(ScheduleName::parse("").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let is_short = (1..=SCHEDULE_NAME_CHARS_MAX).contains(&text.chars().count());
        if !is_short || text.chars().any(char::is_control) {
            let why = format!("1 to {SCHEDULE_NAME_CHARS_MAX} characters are expected, without control characters");
            return Err(Invalid::new("name", why));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a schedule waits for.
#[derive(Clone, Debug)]
pub enum When {
    /// Times.
    Cron(Cron),
    /// Something that goes by.
    Trigger(Trigger),
}

/// A request for a schedule.
#[derive(Clone, Debug)]
pub struct CreateSchedule {
    /// Its name, which no other of the account has.
    pub name: ScheduleName,
    /// What it waits for.
    pub when: When,
    /// What it may use in a day.
    pub budget: Budget,
    /// The captures that it begins, and for whom.
    pub capture: CreateCapture,
}

/// A schedule as its account sees it.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// Whose it is.
    pub account: AccountId,
    /// Its name.
    pub name: ScheduleName,
    /// What it waits for.
    pub when: When,
    /// What it may use in a day.
    pub budget: Budget,
    /// What it has used today.
    pub used: Used,
    /// The captures that it begins.
    pub capture: ScheduledCapture,
    /// Whether it begins nothing for now.
    pub is_paused: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it is due next, if that is a time.
    pub next: Option<Timestamp>,
    /// What became of its last times, the newest first.
    pub runs: Vec<Run>,
}

/// What the captures of a schedule are asked for with.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduledCapture {
    /// The site or group.
    pub site: SiteName,
    /// The destination as it was sent, without access keys.
    pub destination: String,
    /// When one ends at the latest.
    pub limits: Limits,
    /// The filter as the door received it.
    pub sent_filter: SentFilter,
    /// The form of the files.
    pub format: Format,
    /// The most bytes kept of a packet, if not all.
    pub snaplen: Option<u32>,
    /// When a further file begins, if at all.
    pub rotation: Rotation,
    /// What of packets is not kept as it was, if anything.
    pub privacy: Option<ShownPrivacy>,
}

/// What became of one time of a schedule, or of several alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The time, or the first of them.
    pub due: Timestamp,
    /// What set it off, where that was not the time.
    pub cause: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
}

/// See [`Run`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A capture began.
    Began(Began),
    /// Nothing did.
    Skipped {
        /// Why.
        why: String,
        /// So many times behind each other.
        times: u32,
        /// The last of them.
        last_due: Timestamp,
    },
}

/// A capture of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Began {
    /// Which.
    pub capture: CaptureId,
    /// How far it is, where one schedule is asked for.
    pub found: Option<Found>,
}

/// How far a capture of a schedule is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its status.
    pub status: Status,
    /// What it caught.
    pub counts: Counts,
    /// Its message.
    pub message: Option<String>,
}

/// Refuses a filter with names in it: they would be looked up whenever a capture begins, and for as long as who answers for them likes,
/// which would keep the schedules of all others waiting.
fn check_no_lookup(filter: &CaptureFilter) -> Result<(), CaptureError> {
    match filter {
        CaptureFilter::Expression(text) => baleen_filter::check_no_names(text).map_err(CaptureError::Filter),
        CaptureFilter::All | CaptureFilter::Tuple(_) | CaptureFilter::Rules(_) => Ok(()),
    }
}

impl Captures {
    /// Makes a schedule.
    ///
    /// Shape: `POST pcaps/schedules` (ours): that of a full capture, with `name`, `cron` and `budget`.
    ///
    /// # Errors
    /// Those of a request for a capture that would never be good: `Limit`, `Filter`, `FilterAtSite`, `NoSite`, `NotProven`;
    /// `ScheduleNameTaken`, unless the client says that it repeats, and made that one by the same bytes a moment ago;
    /// `TooManySchedules`.
    ///
    /// # Cancel safety
    /// Safe: once begun, the work goes on without the caller, whose repetition finds the schedule.
    pub async fn create_schedule(self: &Arc<Self>, request: CreateSchedule) -> Result<Schedule, CaptureError> {
        check(&request)?;
        let (account, site) = (request.capture.account, &request.capture.site);
        // It may be away just now.
        let site = self.parts.sites.find(site, account);
        let site = site.ok_or_else(|| CaptureError::NoSite(request.capture.site.clone()))?;
        check_files(&request.capture, &site)?;
        self.proven(account, &request.capture.destination).await?;
        check_no_lookup(&request.capture.filter)?;
        self.compile(request.capture.filter.clone(), &site).await?;
        if let When::Trigger(trigger) = &request.when {
            trigger.on.check(&trigger.filter)?;
            check_sent_filter(&trigger.sent_filter)?;
            watch::check_site(&site)?;
            let compiled = match check_no_lookup(&trigger.filter) {
                Ok(()) => self.compile(trigger.filter.clone(), &site).await.map(drop),
                named => named,
            };
            // Told apart from the filter of the captures.
            compiled.map_err(|error| match error {
                CaptureError::Filter(_) | CaptureError::FilterAtSite { .. } => CaptureError::Limit {
                    of: Limited::Trigger,
                    why: error.to_string(),
                },
                other => other,
            })?;
        }
        let captures = Arc::clone(self);
        let work = async move { captures.add_schedule(request).await };
        let made = self.schedule_turns.run(account.as_u64(), work).await;
        made.map_err(CaptureError::Task)?
    }

    async fn add_schedule(&self, request: CreateSchedule) -> Result<Schedule, CaptureError> {
        let (account, now) = (request.capture.account, self.parts.clock.now());
        let kept = self.stored_schedules(account).await?;
        if let Some((_, same)) = kept.iter().find(|(_, kept)| kept.record.name == request.name.as_str()) {
            let (same, asked) = (&same.record, request.capture.asked);
            let age = now.since(Timestamp::from_nanos(same.created_ns));
            if asked.is_repeated && same.asked_sha256 == asked.sha256 && age < REPEATED_WITHIN {
                return same.show(account, now);
            }
            return Err(CaptureError::ScheduleNameTaken);
        }
        let is_free = |slot: &u8| kept.iter().all(|(taken, _)| taken != slot);
        let limit = SCHEDULES_PER_ACCOUNT_MAX;
        let slot = (0..limit).find(is_free);
        let slot = slot.ok_or(CaptureError::TooManySchedules { limit })?;
        if let When::Trigger(_) = &request.when {
            let triggers = kept.iter().filter(|(_, kept)| kept.record.is_trigger()).count();
            self.check_watchers(triggers).await?;
        }
        let (_, proof) = self.proven(account, &request.capture.destination).await?;
        let id = ScheduleId::from_bytes(self.parts.entropy.bytes());
        let what = (&request.name, &request.when, request.budget);
        let mut record = StoredSchedule::new(id, what, &request.capture, &proof.record.destination()?, now);
        let due = self.next_of(&request.when, now);
        record.due_ns = due.map(Timestamp::as_nanos);
        let key = key(account, slot);
        let commit = Request::new()
            .absent(key.clone())
            .put(key, store::encode(&record)?)
            .and(due_row(&record, account, slot));
        match self.parts.meta.commit(commit).await? {
            Committed::Committed => {
                info!(schedule = %id, %account, "schedule made");
                record.show(account, now)
            }
            Committed::Conflict { .. } => Err(CaptureError::Contended),
        }
    }

    /// The schedules of an account, in the order of their slots.
    ///
    /// Shape: `GET pcaps/schedules` (ours).
    pub async fn schedules(&self, account: AccountId) -> Result<Vec<Schedule>, CaptureError> {
        let now = self.parts.clock.now();
        let mut shown = Vec::new();
        for (_, mut kept) in self.stored_schedules(account).await? {
            self.settle_schedule(account, &mut kept.record).await?;
            shown.push(kept.record.show(account, now)?);
        }
        shown.sort_by_key(|schedule| schedule.created);
        Ok(shown)
    }

    /// One schedule, with what became of its captures.
    ///
    /// Shape: `GET pcaps/schedules/{id}` (ours).
    ///
    /// # Errors
    /// `NoSuchSchedule`.
    pub async fn schedule(&self, account: AccountId, id: ScheduleId) -> Result<Schedule, CaptureError> {
        let (_, mut kept) = self.stored_schedule(account, id).await?;
        // What it has used is told now; the next pass that finds it due stores it.
        self.settle_schedule(account, &mut kept.record).await?;
        let mut shown = kept.record.show(account, self.parts.clock.now())?;
        for run in &mut shown.runs {
            if let Outcome::Began(began) = &mut run.outcome {
                began.found = self.found(account, began.capture).await?;
            }
        }
        Ok(shown)
    }

    async fn found(&self, account: AccountId, id: CaptureId) -> Result<Option<Found>, CaptureError> {
        // Before the record, as with one capture.
        let live = self.live.counts(id).unwrap_or_default();
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(account, id)).await?;
        Ok(read.map(|Read { record, .. }| Found {
            status: record.status(),
            counts: record.counts().at_least(live),
            message: record.message,
        }))
    }

    /// Lets a schedule begin nothing, or go on from now; what it was made before is no error. A capture under way goes on.
    ///
    /// Shape: `PUT pcaps/schedules/{id}/pause` and `resume` (ours).
    ///
    /// # Errors
    /// `NoSuchSchedule`.
    pub async fn pause_schedule(
        &self,
        account: AccountId,
        id: ScheduleId,
        is_paused: bool,
    ) -> Result<Schedule, CaptureError> {
        let (slot, kept) = self.stored_schedule(account, id).await?;
        let (now, when) = (self.parts.clock.now(), kept.record.when()?);
        if kept.record.is_trigger() && kept.record.is_paused && !is_paused {
            self.check_watchers(0).await?;
        }
        let change = |record: &mut StoredSchedule| {
            if record.id() != id {
                return Err(CaptureError::NoSuchSchedule);
            }
            if record.is_paused == is_paused {
                return Ok(Change::Leave(()));
            }
            let mut further = Request::new();
            if let Some(due_ns) = record.due_ns.take() {
                further = further.delete(due_key(due_ns, account, slot));
            }
            record.is_paused = is_paused;
            if !is_paused {
                record.due_ns = self.next_of(&when, now).map(Timestamp::as_nanos);
            }
            Ok(Change::Store(further.and(due_row(record, account, slot)), ()))
        };
        let missing = || CaptureError::NoSuchSchedule;
        let (record, ()) = store::update(&self.parts.meta, &key(account, slot), missing, change).await?;
        info!(schedule = %id, %account, is_paused, "schedule paused or resumed");
        record.show(account, now)
    }

    /// Forgets a schedule; a capture under way goes on, and those that it began stay.
    ///
    /// Shape: `DELETE pcaps/schedules/{id}` (ours).
    ///
    /// # Errors
    /// `NoSuchSchedule`.
    pub async fn delete_schedule(&self, account: AccountId, id: ScheduleId) -> Result<(), CaptureError> {
        for _ in 0..crate::limits::COMMIT_ATTEMPTS_MAX {
            let (slot, Read { record, bytes }) = self.stored_schedule(account, id).await?;
            let key = key(account, slot);
            let mut request = Request::new().unchanged(key.clone(), Some(bytes)).delete(key);
            if let Some(due_ns) = record.due_ns {
                request = request.delete(due_key(due_ns, account, slot));
            }
            if self.parts.meta.commit(request).await?.is_committed() {
                info!(schedule = %id, %account, "schedule deleted");
                return Ok(());
            }
        }
        Err(CaptureError::Contended)
    }

    /// Refuses one more trigger than an account, or this server, watches for.
    async fn check_watchers(&self, of_account: usize) -> Result<(), CaptureError> {
        let scan = Scan::prefix(&at_never()).limit(WATCHERS_MAX).keys_only();
        if self.parts.meta.scan(scan).await?.len() >= WATCHERS_MAX {
            return Err(CaptureError::TooManyTriggers {
                whose: "this server watches for",
                limit: WATCHERS_MAX,
            });
        }
        if of_account >= TRIGGERS_PER_ACCOUNT_MAX {
            return Err(CaptureError::TooManyTriggers {
                whose: "an account has",
                limit: TRIGGERS_PER_ACCOUNT_MAX,
            });
        }
        Ok(())
    }

    async fn stored_schedules(&self, account: AccountId) -> Result<Vec<(u8, Read<StoredSchedule>)>, CaptureError> {
        let scan = Scan::prefix(&of_account(account)).limit(SCAN_ENTRIES_MAX);
        let entries = self.parts.meta.scan(scan).await?;
        let decode = |entry: baleen_meta::Entry| Ok((slot_in_key(&entry.key)?, store::decode(entry.value)?));
        entries.into_iter().map(decode).collect()
    }

    async fn stored_schedule(
        &self,
        account: AccountId,
        id: ScheduleId,
    ) -> Result<(u8, Read<StoredSchedule>), CaptureError> {
        let kept = self.stored_schedules(account).await?;
        let found = kept.into_iter().find(|(_, kept)| kept.record.id() == id);
        found.ok_or(CaptureError::NoSuchSchedule)
    }

    /// When a schedule that waits for this is due next.
    fn next_of(&self, when: &When, now: Timestamp) -> Option<Timestamp> {
        match when {
            When::Cron(cron) => cron.next(now, self.schedule_minute),
            When::Trigger(_) => Some(Timestamp::from_nanos(NEVER)),
        }
    }
}

/// The entry by which a pass finds a schedule.
fn due_row(record: &StoredSchedule, account: AccountId, slot: u8) -> Request {
    match record.due_ns {
        Some(due_ns) => Request::new().put(due_key(due_ns, account, slot), Bytes::copy_from_slice(&record.id)),
        None => Request::new(),
    }
}

fn check(request: &CreateSchedule) -> Result<(), CaptureError> {
    let refuse = |of, why| Err(CaptureError::Limit { of, why });
    check_limits(&request.capture)?;
    let Budget { runs, packets, bytes } = request.budget;
    if !(1..=BUDGET_RUNS_MAX).contains(&runs) {
        return refuse(
            Limited::Budget,
            format!("1 to {BUDGET_RUNS_MAX} captures a day are possible"),
        );
    }
    if [packets, bytes]
        .into_iter()
        .flatten()
        .any(|most| !(1..=BUDGET_PACKETS_MAX).contains(&most))
    {
        let why = format!("1 to {BUDGET_PACKETS_MAX} packets and bytes a day are possible");
        return refuse(Limited::Budget, why);
    }
    // A record of it would be a key at rest, for as long as the schedule lives.
    if matches!(request.capture.privacy.anonymise, Anonymise::Under(_)) {
        let why = "a schedule keeps no key: without one each of its captures has a key of its own, which nobody knows";
        return refuse(Limited::AddressKey, why.to_owned());
    }
    Ok(())
}
