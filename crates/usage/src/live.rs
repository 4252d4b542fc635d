//! The last hour by minutes (RSLiveBilling).

use crate::day::{minute_of, minute_start};
use crate::keys::{self, What};
use crate::limits::{LIVE_MINUTES, LIVE_MINUTES_OMITTED};
use crate::rows::each;
use crate::{Error, Usage};
use baleen_meta::{Scan, counter};
use baleen_types::{AccountId, Timestamp};
use std::collections::BTreeMap;
use std::ops::Bound;

/// What happened in one minute, over all regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveMinute {
    /// When it begins.
    pub date: Timestamp,
    /// Bytes of objects that were uploaded.
    pub uploaded_bytes: u64,
    /// Objects that were uploaded.
    pub uploaded_objects: u64,
    /// Bytes of objects that were deleted or overwritten.
    pub deleted_bytes: u64,
    /// Objects that were deleted or overwritten.
    pub deleted_objects: u64,
}

impl Usage {
    /// The minutes of the last hour without the last two, newest first; idle ones are left out.
    pub async fn live(&self, account: AccountId) -> Result<Vec<LiveMinute>, Error> {
        let now = minute_of(self.clock.now());
        // The hour ends with the current minute.
        let (first, end) = (
            now.saturating_sub(LIVE_MINUTES - 1),
            now.saturating_sub(LIVE_MINUTES_OMITTED - 1),
        );
        let rows = keys::minutes_of(account);
        let scan = Scan::range(
            Bound::Included(rows.clone().u32(first).finish()),
            Bound::Excluded(rows.u32(end).finish()),
        );
        let mut minutes: BTreeMap<u32, LiveMinute> = BTreeMap::new();
        each(&self.meta.snapshot().await?, scan, |entry| {
            let key = keys::read_minute(&entry.key)?;
            let count = u64::try_from(counter::decode(&entry.value)?).unwrap_or(0);
            let Some(minute) = key.minute else { return Ok(()) };
            let empty = || LiveMinute {
                date: minute_start(minute),
                uploaded_bytes: 0,
                uploaded_objects: 0,
                deleted_bytes: 0,
                deleted_objects: 0,
            };
            let sum = match key.what {
                What::UploadBytes => &mut minutes.entry(minute).or_insert_with(empty).uploaded_bytes,
                What::UploadObjects => &mut minutes.entry(minute).or_insert_with(empty).uploaded_objects,
                What::DeleteBytes => &mut minutes.entry(minute).or_insert_with(empty).deleted_bytes,
                What::DeleteObjects => &mut minutes.entry(minute).or_insert_with(empty).deleted_objects,
                What::CopyBytes | What::CopyObjects | What::DownloadBytes | What::GhostBytes => return Ok(()),
            };
            *sum = sum.saturating_add(count);
            Ok(())
        })
        .await?;
        Ok(minutes.into_values().rev().collect())
    }
}
