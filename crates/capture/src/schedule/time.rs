//! Times that were worked out by a clock which was wrong.
//!
//! A machine may begin with a clock that is years ahead, until it is set. What was moved on by then is due when nobody lives any more. So
//! at the first pass of a process, and whenever a pass is earlier than the one before it, what is due is worked out anew, where no clock
//! that was ahead by less than [`CLOCK_SET_BACK_MAX`] can have made it. A clock that is set back by less begins nothing twice.

use super::keys::{NEVER, all_due, due_at, due_key, due_row, in_due_key, key};
use super::record::StoredSchedule;
use crate::limits::{CLOCK_SET_BACK_MAX, SCHEDULE_LATE_MAX};
use crate::store::{self, Change};
use crate::{CaptureError, Captures};
use baleen_meta::{Request, Scan};
use baleen_types::{AccountId, Classify as _, Timestamp};
use tracing::{error, warn};

/// Entries that are read at once.
const PAGE: usize = 256;

/// When passes went by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Since when there was none that was a minute behind the one before it.
    since: Timestamp,
    last: Timestamp,
}

impl Captures {
    /// Sees to it that nothing is due by another clock than that of `now`, if that may be.
    pub(super) async fn keep_time(&self, now: Timestamp) -> Result<(), CaptureError> {
        let before = *self.pace.lock();
        if before.is_none_or(|pace| now < pace.last) {
            self.work_out_anew(now).await?;
        }
        let goes_on = before.filter(|pace| pace.last <= now && now.since(pace.last) <= SCHEDULE_LATE_MAX);
        *self.pace.lock() = Some(Pace {
            since: goes_on.map_or(now, |pace| pace.since),
            last: now,
        });
        Ok(())
    }

    /// Whether passes have gone by since then without a break: what was not looked at was not so because nobody was there.
    pub(super) fn has_passed_by_since(&self, then: Timestamp) -> bool {
        self.pace.lock().is_some_and(|pace| pace.since <= then)
    }

    async fn work_out_anew(&self, now: Timestamp) -> Result<(), CaptureError> {
        let late = now.plus(CLOCK_SET_BACK_MAX);
        let mut scan = Scan::prefix(&all_due())
            .after(due_at(late.as_nanos()))
            .limit(PAGE)
            .keys_only();
        loop {
            let page = self.parts.meta.scan(scan.clone()).await?;
            for entry in &page {
                let Ok((due_ns, account, slot)) = in_due_key(&entry.key) else {
                    error!("an entry of what is due cannot be read");
                    continue;
                };
                if due_ns == NEVER {
                    return Ok(());
                }
                match self.work_out_one((due_ns, account, slot), now).await {
                    // It is the only one that stays as it is.
                    Err(error) if !error.kind().is_transient() => {
                        error!(%account, slot, %error, "it cannot be looked whether a schedule is due by a clock that was wrong");
                    }
                    done => done?,
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE => scan = scan.after(last.key.to_vec()),
                _ => return Ok(()),
            }
        }
    }

    async fn work_out_one(
        &self,
        (due_ns, account, slot): (i64, AccountId, u8),
        now: Timestamp,
    ) -> Result<(), CaptureError> {
        let work_out = |record: &mut StoredSchedule| {
            let Ok(when) = record.when() else {
                return Ok(Change::Leave(None));
            };
            let latest = self.next_of(&when, now.plus(CLOCK_SET_BACK_MAX));
            let is_astray = latest.is_some_and(|latest| due_ns > latest.as_nanos());
            if record.due_ns != Some(due_ns) || !is_astray {
                return Ok(Change::Leave(None));
            }
            record.due_ns = self.next_of(&when, now).map(Timestamp::as_nanos);
            let further = Request::new().delete(due_key(due_ns, account, slot));
            Ok(Change::Store(
                further.and(due_row(record, account, slot)),
                Some(record.id()),
            ))
        };
        let key = key(account, slot);
        match store::update(&self.parts.meta, &key, || CaptureError::NoSuchSchedule, work_out).await {
            Ok((_, Some(schedule))) => {
                let due = Timestamp::from_nanos(due_ns);
                warn!(%schedule, %account, due = due.to_rfc3339_secs(), "a schedule was due by a clock that was wrong");
                Ok(())
            }
            Ok((_, None)) | Err(CaptureError::NoSuchSchedule) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
