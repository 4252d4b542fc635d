//! Folding minutes into days.

use crate::day::minute_of;
use crate::keys;
use crate::limits::{LIVE_MINUTES, ROWS_PER_COMMIT_MAX};
use crate::{Error, Usage};
use baleen_meta::{Entry, Request, Scan, counter};
use baleen_types::AccountId;
use std::ops::Bound;

impl Usage {
    /// Moves what is older than a live report looks into the rows of days; returns how many rows. Idempotent, and may stop
    /// anywhere: a row goes and its day's rows grow in one commit.
    ///
    /// Seeks from account to account, so what it costs are accounts and old rows, not the rows of the last hour.
    pub async fn fold(&self) -> Result<usize, Error> {
        let first_kept = minute_of(self.clock.now()).saturating_sub(LIVE_MINUTES);
        let mut rest = Scan::prefix(&keys::minutes().finish());
        let mut folded = 0;
        while let Some(first) = self.meta.scan(rest.clone().limit(1).keys_only()).await?.pop() {
            let number = keys::account_of_minute(&first.key)?;
            let account = AccountId::parse(&format!("{number:012}")).map_err(|_| baleen_meta::Error::MalformedKey {
                why: "usage of no account",
            })?;
            folded += self.fold_account(account, first_kept).await?;
            let Bound::Excluded(past) = baleen_meta::keys::prefix_range(&keys::minutes_of(account).finish()).1 else {
                break;
            };
            rest.range.0 = Bound::Included(past);
        }
        Ok(folded)
    }

    async fn fold_account(&self, account: AccountId, first_kept: u32) -> Result<usize, Error> {
        let rows = keys::minutes_of(account);
        let old = Scan::range(
            Bound::Included(rows.clone().finish()),
            Bound::Excluded(rows.u32(first_kept).finish()),
        );
        let mut next = old.clone().limit(ROWS_PER_COMMIT_MAX);
        let mut folded = 0;
        loop {
            let page = self.meta.scan(next).await?;
            let Some(last) = page.last() else { return Ok(folded) };
            let mut request = Request::new();
            for row in &page {
                request = request.and(fold_row(account, row)?);
            }
            // A conflict: somebody with a slow clock still adds here. The next pass takes it.
            if self.meta.commit(request).await?.is_committed() {
                folded += page.len();
            }
            next = old.clone().limit(ROWS_PER_COMMIT_MAX).after(last.key.to_vec());
        }
    }
}

fn fold_row(account: AccountId, row: &Entry) -> Result<Request, Error> {
    let key = keys::read_minute(&row.key)?;
    let mut left = counter::decode(&row.value)?;
    let day = keys::day_row(account, &key.region, key.day, key.what, key.committer);
    let mut request = Request::new()
        .unchanged(row.key.to_vec(), Some(row.value.clone()))
        .delete(row.key.to_vec());
    while left != 0 {
        // One add takes an i64 and a counter holds more; sums of a minute fit at once.
        let part = i64::try_from(left).unwrap_or(if left < 0 { i64::MIN } else { i64::MAX });
        request = request.add(day.clone(), part);
        left -= i128::from(part);
    }
    Ok(request)
}
