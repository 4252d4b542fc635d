//! What an account has used: counters kept with the writes themselves, and the reports made of them.
//!
//! [`Usage::count`] turns a change of an object into counter adds for the commit of the object's own record, so that the
//! numbers are exact after a crash: they are there if and only if the change is. Two adds are all that a put pays. They go
//! to rows of one minute (table `UsageLive`); an hour later [`Usage::fold`] moves each row, in one commit, into its day's
//! (table `Usage`), so every event is in exactly one row at any time, and reports add up both tables.
//!
//! Used space at the end of a past day is not a snapshot that a task would have to take in time: it is what is stored now
//! less what was stored and plus what was deleted since. So it is exact also for a day at whose end the server was down.
//!
//! What is counted: *uploaded* is what puts and completed uploads made visible; *copied* is the same of copies inside the
//! store, kept apart since nothing was transferred; *deleted* is what deletions and overwrites removed. Parts that never
//! became an object are in none of them. *Downloaded* is what readers were given, counted when they end; it is committed in
//! batches, see [`Usage::flush`]: up to [`limits::FLUSH_PERIOD`] of downloads, and nothing else, is lost by a kill.
//!
//! Left out on purpose: how much there is now (`objects` has counters for that, and hands [`Totals`] in), and who may see
//! it.

mod day;
mod downloads;
mod error;
mod fold;
mod forget;
mod keys;
pub mod limits;
mod live;
mod report;
mod rows;

pub use day::Day;
pub use error::Error;
pub use live::LiveMinute;
pub use report::{Billing, BillingQuery, DayObjects, DaySpace, DayTransfer, Totals};

use baleen_meta::{Meta, Request};
use baleen_runtime::Clock;
use baleen_types::{AccountId, Timestamp};
use keys::{MinuteKey, What};
use std::sync::Arc;

/// What is counted how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Days that an object is charged at least: deleted before, it stays in the ghost space until then.
    pub minimum_stay_days: u32,
}

/// The counters.
pub struct Usage {
    settings: Settings,
    meta: Meta,
    clock: Arc<dyn Clock>,
    downloads: downloads::Pending,
}

/// A change of the object at one key: what it stores, and what it removes.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// Whose bucket it is.
    pub account: AccountId,
    /// Where the bucket's objects live.
    pub region: &'a str,
    /// The object that is there from now on.
    pub stored: Option<Stored>,
    /// The object that was there before.
    pub removed: Option<Removed>,
}

/// An object that is stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    /// Its size.
    pub bytes: u64,
    /// Where its bytes came from.
    pub source: Source,
}

/// Where bytes came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From a client, at once or in parts.
    Upload,
    /// From another object of this store.
    Copy,
}

/// An object that is removed.
#[derive(Clone, Copy, Debug)]
pub struct Removed {
    /// Its size.
    pub bytes: u64,
    /// When it was stored.
    pub made: Timestamp,
}

impl Usage {
    /// Sets the counters up; reads nothing.
    pub fn new(settings: Settings, meta: Meta, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            settings,
            meta,
            clock,
            downloads: downloads::Pending::default(),
        })
    }

    /// Adds to a request what its change counts, as of now. Adds never conflict.
    #[must_use]
    pub fn count(&self, mut request: Request, change: &Change<'_>) -> Request {
        let now = self.clock.now();
        let row = MinuteKey::at(change.account, now, change.region, self.meta.committer());
        let mut add = |what: What, delta: u64| {
            if delta > 0 {
                // Sizes are far below the end of an i64.
                let delta = i64::try_from(delta).unwrap_or(i64::MAX);
                request = std::mem::take(&mut request).add(row.of(what), delta);
            }
        };
        if let Some(stored) = change.stored {
            let (bytes, objects) = match stored.source {
                Source::Upload => (What::UploadBytes, What::UploadObjects),
                Source::Copy => (What::CopyBytes, What::CopyObjects),
            };
            add(bytes, stored.bytes);
            add(objects, 1);
        }
        if let Some(removed) = change.removed {
            add(What::DeleteBytes, removed.bytes);
            add(What::DeleteObjects, 1);
            request = self.count_ghost(request, change, removed, now);
        }
        request
    }

    /// A ghost comes on the day of its deletion and goes on the day on which it may: two adds, one of them to a day to come.
    fn count_ghost(&self, request: Request, change: &Change<'_>, removed: Removed, now: Timestamp) -> Request {
        let (today, until) = (
            Day::of(now),
            Day::of(removed.made).plus(self.settings.minimum_stay_days),
        );
        if until <= today || removed.bytes == 0 {
            return request;
        }
        let bytes = i64::try_from(removed.bytes).unwrap_or(i64::MAX);
        let key = |day| {
            let committer = self.meta.committer();
            keys::day_row(change.account, change.region, day, What::GhostBytes, committer)
        };
        request.add(key(today), bytes).add(key(until), -bytes)
    }
}

#[cfg(test)]
mod tests;
