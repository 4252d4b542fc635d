//! Schedules: full captures that begin by themselves, again and again, within what they may use in a day: at times, or when something
//! goes by that they wait for (`watch.rs`).
//!
//! A schedule is a request for a capture with what it waits for and a budget. A pass every second (`pass.rs`) begins what is due, as
//! a request of the account would; nothing else about its captures is different: they are in the account's list, take its one
//! turn, and are stopped and read as others are (decision 0039).
//!
//! Invariants:
//! * an account has at most so many schedules, by slots, and no two have one name: they are made one after the other;
//! * a time begins at most one capture, whatever is killed when: the commit that notes it moves the schedule to its next time, and
//!   a capture that was noted and did not begin is found out;
//! * the files of a day never have more than its budget, not by a packet: a capture gets what is left as its limit, and what it caught is
//!   counted before the next begins. What a killed server had caught and is in no file counts as far as that is known: its packets
//!   that were noted, which is done every five seconds, and none of its bytes;
//! * what is not begun is told with its reason, and is not made up for.

mod begin;
mod create;
mod cron;
mod fire;
mod keys;
mod manage;
mod pass;
mod record;
mod time;
mod told;
mod trigger;
mod watch;

pub(crate) use begin::Wanted;
pub use cron::Cron;
pub(crate) use pass::Passes;
pub use pass::{Fired, NotTaken, ScheduleWitness};
pub(crate) use time::Pace;
pub use trigger::{Trigger, TripsOn, Unit};
pub(crate) use watch::Watchers;

use crate::agent::{Format, Limits};
use crate::engine::Rotation;
use crate::limits::SCHEDULE_NAME_CHARS_MAX;
use crate::{Budget, Counts, CreateCapture, SentFilter, ShownPrivacy, Status, Used};
use baleen_types::{AccountId, CaptureId, Invalid, ScheduleId, SiteName, Timestamp};
use std::fmt;

/// Of one that an older release took, in a language that has changed since.
const BROKEN: &str = "what was stored of it cannot be read by this release any more; delete it and make it anew";

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
    /// What it waits for, if this release can read that.
    pub when: Option<When>,
    /// Why it begins nothing any more, if so.
    pub broken: Option<&'static str>,
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
