//! What the captures of one account may come to in a day of UTC: their number, and their captured bytes (decision 0047).
//!
//! A capture is counted, with all that it may come to, in the commit that lets it in. What it came to instead is in its own record, and
//! whoever lets the next one in, or looks, takes it over from there. So its end changes nothing here, nobody who ends one waits for another
//! of the account, and a kill between the two has nothing to lose or to count twice.
//!
//! Not counted: streams, which keep nothing, and what was captured while there was no quota, which leaves no row here.

mod day;

use crate::agent::Limits;
use crate::budget::{Budget, Spent};
use crate::capture::{self, StoredCapture, StoredKind};
use crate::store::{self, Read};
use crate::{CaptureError, Captures, meter};
use baleen_meta::Request;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_types::{AccountId, CaptureId, Timestamp};
use bytes::Bytes;
use day::{SoFar, StoredDay};
use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// What the captures of one account may come to in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Their number, if that is limited.
    pub captures: Option<NonZeroU32>,
    /// The captured packet bytes of them all, if they are limited.
    pub bytes: Option<NonZeroU64>,
}

/// What the captures of an account have come to in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Today {
    /// What they may come to.
    pub quota: Quota,
    /// When the day ends.
    pub until: Timestamp,
    /// How many began.
    pub captures: u32,
    /// The captured bytes of those that do not capture any more.
    pub bytes: u64,
    /// What those that do may come to.
    pub held: u64,
}

/// What a capture gets.
pub(crate) struct Grant {
    /// Its limits: those that were wanted, or what is left of the day.
    pub(crate) limits: Limits,
    /// What counts it, for the commit that lets it in; nothing where there is no quota.
    pub(crate) commit: Request,
}

/// The day of an account, up to date.
struct Day {
    record: StoredDay,
    /// What is stored of it.
    bytes: Option<Bytes>,
    /// What those may come to that still capture.
    held: u64,
}

impl Quota {
    /// As what the arithmetic takes; none where there is no quota.
    fn budget(self) -> Option<Budget> {
        (self != Self::default()).then(|| Budget {
            runs: self.captures.map_or(u32::MAX, NonZeroU32::get),
            packets: None,
            bytes: self.bytes.map(NonZeroU64::get),
        })
    }
}

impl Captures {
    /// What the captures of an account have come to today; none where there is no quota.
    ///
    /// Shape: `GET pcaps/quota` (ours).
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn today(&self, account: AccountId) -> Result<Option<Today>, CaptureError> {
        if self.quota.budget().is_none() {
            return Ok(None);
        }
        let Day { record, held, .. } = self.day(account).await?;
        let used = record.used();
        Ok(Some(Today {
            quota: self.quota,
            until: end_of(used.day),
            captures: used.runs,
            bytes: used.bytes.saturating_sub(held),
            held,
        }))
    }

    /// Refuses what would not be let in, before it costs anything.
    ///
    /// # Errors
    /// `Quota`.
    pub(crate) async fn check_quota(
        &self,
        account: AccountId,
        wanted: Limits,
        longest: u32,
    ) -> Result<(), CaptureError> {
        let nobody = CaptureId::from_bytes([0; CaptureId::BYTES]);
        let granted = self.grant((account, nobody), wanted, longest).await;
        if let Err(CaptureError::Quota { .. }) = granted {
            meter::over_quota();
        }
        granted.map(drop)
    }

    /// What a capture gets that is to be let in, of which each packet has at most `longest` bytes. Its commit is conditional on what was read
    /// here, so of two that are let in at once the second asks again.
    ///
    /// # Errors
    /// `Quota` when nothing is left of the day.
    pub(crate) async fn grant(
        &self,
        (account, id): (AccountId, CaptureId),
        wanted: Limits,
        longest: u32,
    ) -> Result<Grant, CaptureError> {
        let Some(budget) = self.quota.budget() else {
            let commit = Request::new();
            return Ok(Grant { limits: wanted, commit });
        };
        let Day {
            mut record,
            bytes,
            held,
        } = self.day(account).await?;
        let used = record.used();
        // A few packets hold less than what a capture may come to by its bytes.
        let most = wanted.bytes.min(wanted.packets.saturating_mul(longest.into()));
        let granted = budget.grant(used, Limits { bytes: most, ..wanted });
        let granted = granted.map_err(|spent| {
            let left = end_of(used.day).since(self.parts.clock.now());
            refusal(spent, held, left)
        })?;
        record.begin(id, granted.bytes);
        let is_cut = granted.bytes < most;
        Ok(Grant {
            limits: Limits {
                bytes: if is_cut { granted.bytes } else { wanted.bytes },
                ..wanted
            },
            commit: Request::new()
                .unchanged(key(account), bytes)
                .put(key(account), store::encode(&record)?),
        })
    }

    /// Takes over what captures came to that are to be forgotten, for the commit that forgets them: nobody could tell afterwards.
    pub(crate) async fn settle_forgotten(
        &self,
        account: AccountId,
        forgotten: &HashMap<CaptureId, u64>,
    ) -> Result<Request, CaptureError> {
        if self.quota.budget().is_none() {
            return Ok(Request::new());
        }
        let Some(Read { mut record, bytes }) = store::read::<StoredDay>(&self.parts.meta, &key(account)).await? else {
            return Ok(Request::new());
        };
        if !record.open().iter().any(|id| forgotten.contains_key(id)) {
            return Ok(Request::new());
        }
        record.settle(|id| forgotten.get(&id).map_or(SoFar::Catching, |bytes| SoFar::Ended(*bytes)));
        let request = Request::new().unchanged(key(account), Some(bytes));
        Ok(request.put(key(account), store::encode(&record)?))
    }

    /// Reads the day of an account, and how far those of its captures are that had no end.
    async fn day(&self, account: AccountId) -> Result<Day, CaptureError> {
        let read = store::read::<StoredDay>(&self.parts.meta, &key(account)).await?;
        let (mut record, bytes) = read.map_or((StoredDay::default(), None), |read| (read.record, Some(read.bytes)));
        record.turn_to(self.parts.clock.now());
        let ids = record.open();
        let keys: Vec<_> = ids.iter().map(|id| capture::key(account, *id)).collect();
        let values = self.parts.meta.get_many(&keys).await?;
        let mut found = HashMap::with_capacity(ids.len());
        for (id, bytes) in ids.into_iter().zip(values) {
            // One that cannot be read keeps back what it holds, and no other capture.
            let read = bytes.and_then(|bytes| store::decode::<StoredCapture>(bytes).ok());
            found.insert(id, read.map_or(SoFar::Gone, |read| so_far(&read.record)));
        }
        let of = |id| found.get(&id).copied().unwrap_or(SoFar::Gone);
        record.settle(of);
        let held = record.granted(|id| of(id) == SoFar::Catching);
        Ok(Day { record, bytes, held })
    }
}

fn key(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::CaptureDay).u64(account.as_u64()).finish()
}

/// How far a capture is. One that a process left behind is as far as its record says until a start settles it.
fn so_far(record: &StoredCapture) -> SoFar {
    let bytes = record.counts().bytes;
    if record.status().is_terminal() {
        SoFar::Ended(bytes)
    } else if record.is_active() || record.kind == StoredKind::Sample {
        SoFar::Catching
    } else {
        SoFar::Caught(bytes)
    }
}

/// When a day ends, which is counted from 1970.
fn end_of(day: i64) -> Timestamp {
    Timestamp::from_secs(day.saturating_add(1).saturating_mul(DAY_SECONDS))
}

fn refusal(spent: Spent, held: u64, left: Duration) -> CaptureError {
    let midnight = "the next one can begin after midnight (UTC)";
    // Without what changes from one to the next: a schedule tells what is alike as one.
    let (why, is_held) = match spent {
        Spent::Runs(most) => (
            format!("this account may begin {most} captures a day, and has; {midnight}"),
            false,
        ),
        Spent::Packets(most) | Spent::Bytes(most) if held == 0 => (
            format!("the captures of this account may come to {most} bytes a day, and no more is left; {midnight}"),
            false,
        ),
        Spent::Packets(most) | Spent::Bytes(most) => (
            format!(
                "the captures of this account may come to {most} bytes a day, and those that run may need all that is left; {midnight}, or when \
                 one of them is over"
            ),
            true,
        ),
    };
    CaptureError::Quota {
        why,
        left: (!is_held).then_some(left),
    }
}
