//! Reading rows, page after page.

use crate::keys::{self, RowKey};
use crate::{Day, Error};
use baleen_meta::{Entry, Scan, Snapshot, counter};
use baleen_types::AccountId;
use std::ops::Bound;

/// Gives every entry of a range to `take`.
pub(crate) async fn each(
    snapshot: &Snapshot,
    scan: Scan,
    mut take: impl FnMut(&Entry) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut next = scan.clone();
    loop {
        let page = snapshot.scan(next).await?;
        page.iter().try_for_each(&mut take)?;
        let Some(last) = page.last() else { return Ok(()) };
        next = scan.clone().after(last.key.to_vec());
    }
}

/// Gives every row of an account from a day on to `take`: those of days, then those of minutes that are not folded yet. From
/// one snapshot, so that each event is in one of them.
pub(crate) async fn since(
    snapshot: &Snapshot,
    account: AccountId,
    from: Day,
    mut take: impl FnMut(&RowKey, i128),
) -> Result<(), Error> {
    let all = keys::days_of(account).finish();
    let mut rest = Scan::prefix(&all);
    // Region after region: to the first row that is left, to the day asked for, and past the region.
    while let Some(first) = snapshot.scan(rest.clone().limit(1).keys_only()).await?.pop() {
        let region = keys::read_day(&first.key)?.region;
        let rows = keys::days_of(account).text(&region);
        let (_, end) = baleen_meta::keys::prefix_range(&rows.clone().finish());
        let wanted = Scan::range(Bound::Included(rows.u32(from.0).finish()), end.clone());
        each(snapshot, wanted, |entry| {
            take(&keys::read_day(&entry.key)?, counter::decode(&entry.value)?);
            Ok(())
        })
        .await?;
        let Bound::Excluded(past) = end else { break };
        rest.range.0 = Bound::Included(past);
    }
    let minutes = Scan::prefix(&keys::minutes_of(account).finish());
    each(snapshot, minutes, |entry| {
        let key = keys::read_minute(&entry.key)?;
        if key.day >= from {
            take(&key, counter::decode(&entry.value)?);
        }
        Ok(())
    })
    .await
}
