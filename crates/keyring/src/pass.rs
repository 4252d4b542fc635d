//! A pass: goes through every record that holds something sealed, and seals anew what an older key sealed.
//!
//! Each record is written on the condition that it is as it was read, so a pass never undoes what somebody else writes, and
//! whoever changes a record meanwhile reads it again. So a pass may be cut anywhere, run twice at once, and run again.

use crate::kind::{SealedKind, Unsealable, Visitor};
use crate::limits::{ATTEMPTS_MAX, PAGE};
use crate::{Error, KindTally, Tally};
use baleen_meta::{Entry, Meta, Request, Scan};
use baleen_runtime::Entropy;
use baleen_sealing::Sealer;
use futures::future::join_all;

/// What became of one record.
enum Done {
    /// So many fields were sealed anew; 0 when nothing was to be done.
    Resealed(u64),
    /// A field does not open, or the record is damaged.
    Unopened,
    /// Others kept changing it.
    Left,
}

/// Makes one pass; `told` hears of the progress after each page.
pub(crate) async fn make(
    meta: &Meta,
    sealer: &Sealer,
    entropy: &dyn Entropy,
    kinds: &[SealedKind],
    mut told: impl FnMut(&Tally),
) -> Result<Tally, Error> {
    let mut tally = Tally::default();
    for kind in kinds {
        tally.kinds.push(KindTally::of(kind.name));
        let at = tally.kinds.len() - 1;
        let mut scan = Scan::prefix(&(kind.prefix)()).limit(PAGE);
        loop {
            let entries = meta.scan(scan.clone()).await?;
            let is_last = entries.len() < PAGE;
            let Some(last) = entries.last().map(|entry| entry.key.to_vec()) else {
                break;
            };
            // Together, so that they share a sync.
            let work = entries
                .into_iter()
                .map(|entry| record(meta, sealer, entropy, kind, entry));
            for done in join_all(work).await {
                tally.kinds[at].note(&done?);
            }
            told(&tally);
            if is_last {
                break;
            }
            scan = scan.after(last);
        }
    }
    Ok(tally)
}

async fn record(
    meta: &Meta,
    sealer: &Sealer,
    entropy: &dyn Entropy,
    kind: &SealedKind,
    mut entry: Entry,
) -> Result<Done, Error> {
    for _ in 0..ATTEMPTS_MAX {
        let mut visitor = Visitor::resealing(sealer, entropy);
        let anew = match (kind.visit)(&entry, &mut visitor) {
            Ok(Some(anew)) => anew,
            Ok(None) => return Ok(Done::Resealed(0)),
            Err(why) => return Ok(unopened(kind, &entry, &why)),
        };
        let request = Request::new()
            .unchanged(entry.key.to_vec(), Some(entry.value))
            .put(entry.key.to_vec(), anew);
        if meta.commit(request).await?.is_committed() {
            return Ok(Done::Resealed(visitor.changed));
        }
        entry.value = match meta.get(&entry.key).await? {
            Some(value) => value,
            None => return Ok(Done::Resealed(0)),
        };
    }
    Ok(Done::Left)
}

fn unopened(kind: &SealedKind, entry: &Entry, why: &Unsealable) -> Done {
    // A key holds ids and names, never a secret.
    let key = entry.key.escape_ascii().to_string();
    tracing::error!(kind = kind.name, key, %why, "a sealed secret cannot be sealed anew");
    Done::Unopened
}

impl KindTally {
    fn of(name: &'static str) -> Self {
        Self {
            name,
            records: 0,
            resealed: 0,
            unopened: 0,
            left: 0,
        }
    }

    fn note(&mut self, done: &Done) {
        self.records += 1;
        match done {
            Done::Resealed(fields) => self.resealed += fields,
            Done::Unopened => self.unopened += 1,
            Done::Left => self.left += 1,
        }
    }
}
