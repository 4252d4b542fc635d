//! Times that were worked out by a clock which was wrong.
//!
//! A machine may begin with a clock that is years ahead, until it is set. What was moved on by then is due when nobody lives any more. So
//! at the first pass of a process, and whenever a pass is earlier than the one before it, what is due is worked out anew, where no clock
//! that was ahead by less than [`CLOCK_SET_BACK_MAX`] can have made it. A clock that is set back by less begins nothing twice.

use super::keys::{NEVER, all_due, due_at, due_key, due_row, in_due_key, key};
use super::record::StoredSchedule;
use crate::limits::CLOCK_SET_BACK_MAX;
use crate::store::{self, Change};
use crate::{CaptureError, Captures};
use baleen_meta::{Request, Scan};
use baleen_types::{AccountId, Timestamp};
use tracing::warn;

/// Entries that are read at once.
const PAGE: usize = 256;

impl Captures {
    /// Sees to it that nothing is due by another clock than that of `now`, if that may be.
    pub(super) async fn keep_time(&self, now: Timestamp) -> Result<(), CaptureError> {
        let last = *self.last_pass.lock();
        if last.is_none_or(|last| now < last) {
            self.work_out_anew(now).await?;
        }
        *self.last_pass.lock() = Some(now);
        Ok(())
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
                let (due_ns, account, slot) = in_due_key(&entry.key)?;
                if due_ns == NEVER {
                    return Ok(());
                }
                self.work_out_one((due_ns, account, slot), now).await?;
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
