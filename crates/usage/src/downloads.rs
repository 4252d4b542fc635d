//! Downloads: counted when a reader ends, committed in batches, because a commit for each would cost more than the read.

use crate::keys::{MinuteKey, What};
use crate::limits::ROWS_PER_COMMIT_MAX;
use crate::{Error, Usage};
use baleen_meta::Request;
use baleen_types::AccountId;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Bytes that were given to readers and are not committed yet, by account and region. Bounded by the accounts that read
/// within one flush.
#[derive(Default)]
pub(crate) struct Pending(Mutex<HashMap<AccountId, ByRegion>>);

/// Few, so that looking through them beats hashing.
type ByRegion = Vec<(Box<str>, u64)>;

impl Pending {
    fn add(&self, account: AccountId, region: &str, bytes: u64) {
        let mut pending = self.0.lock();
        let regions = pending.entry(account).or_default();
        match regions.iter_mut().find(|(known, _)| &**known == region) {
            Some((_, sum)) => *sum = sum.saturating_add(bytes),
            None => regions.push((region.into(), bytes)),
        }
    }

    fn take(&self) -> Vec<(AccountId, Box<str>, u64)> {
        let pending = std::mem::take(&mut *self.0.lock());
        let rows = |(account, regions): (AccountId, ByRegion)| {
            regions.into_iter().map(move |(region, bytes)| (account, region, bytes))
        };
        pending.into_iter().flat_map(rows).collect()
    }
}

impl Usage {
    /// Notes what a reader of an account's object was given; to be called once, when it ends. Costs no commit.
    pub fn downloaded(&self, account: AccountId, region: &str, bytes: u64) {
        if bytes > 0 {
            self.downloads.add(account, region, bytes);
        }
    }

    /// Commits what was downloaded since the last flush; to be called every [`crate::limits::FLUSH_PERIOD`], and once more
    /// when nothing is served any more.
    ///
    /// # Errors
    /// When the store refuses: what was not written is kept for the next flush.
    pub async fn flush(&self) -> Result<(), Error> {
        let mut rows = self.downloads.take();
        while !rows.is_empty() {
            let batch = rows.split_off(rows.len().saturating_sub(ROWS_PER_COMMIT_MAX));
            if let Err(error) = self.commit_downloads(&batch).await {
                // One in doubt may have been written: better lost than charged twice.
                let doubtful = matches!(error, baleen_meta::Error::InDoubt { .. });
                let kept = rows.iter().chain(batch.iter().filter(|_| !doubtful));
                kept.for_each(|(account, region, bytes)| self.downloads.add(*account, region, *bytes));
                return Err(error.into());
            }
        }
        Ok(())
    }

    async fn commit_downloads(&self, rows: &[(AccountId, Box<str>, u64)]) -> Result<(), baleen_meta::Error> {
        let (now, committer) = (self.clock.now(), self.meta.committer());
        let mut request = Request::new();
        for (account, region, bytes) in rows {
            let key = MinuteKey::at(*account, now, region, committer).of(What::DownloadBytes);
            request = request.add(key, i64::try_from(*bytes).unwrap_or(i64::MAX));
        }
        self.meta.commit(request).await.map(drop)
    }
}
