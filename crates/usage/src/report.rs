//! Reports by days (RSListBillingData).

use crate::keys::{RowKey, What};
use crate::limits::REPORT_DAYS_MAX;
use crate::{Day, Error, Usage, rows};
use baleen_meta::Snapshot;
use baleen_types::{AccountId, Invalid, Timestamp};
use std::collections::BTreeMap;

/// Which days are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillingQuery {
    from: Day,
    till: Day,
}

impl BillingQuery {
    /// Days from one to another, both included.
    ///
    /// # Errors
    /// `Invalid` when the last is before the first, or there are more than [`REPORT_DAYS_MAX`].
    pub fn new(from: Day, till: Day) -> Result<Self, Invalid> {
        match from.through(till) {
            0 => Err(Invalid::new("days", "Till must not be before From")),
            1..=REPORT_DAYS_MAX => Ok(Self { from, till }),
            _ => Err(Invalid::new(
                "days",
                format!("at most {REPORT_DAYS_MAX} days are allowed"),
            )),
        }
    }
}

/// What an account has stored now, summed from the buckets' counters in the snapshot that the report reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A report; all lists newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Billing {
    /// What was transferred, by region; days and regions without any are left out.
    pub transfers: BTreeMap<String, Vec<DayTransfer>>,
    /// What was stored at the end of each day, or is now.
    pub space: Vec<DaySpace>,
    /// How many objects there were at the end of each day, or are now.
    pub objects: Vec<DayObjects>,
}

/// What was transferred in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayTransfer {
    /// The day.
    pub day: Day,
    /// Bytes of objects that were uploaded.
    pub upload_bytes: u64,
    /// Bytes that readers were given.
    pub download_bytes: u64,
    /// Bytes of objects that were deleted or overwritten.
    pub delete_bytes: u64,
}

/// What was stored at a day's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaySpace {
    /// The day.
    pub day: Day,
    /// Bytes of current objects.
    pub used_bytes: u64,
    /// Bytes that are charged though no object has them: deleted before their minimum stay.
    pub ghost_bytes: u64,
}

/// How many objects there were at a day's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayObjects {
    /// The day.
    pub day: Day,
    /// Their number.
    pub objects: u64,
}

impl Usage {
    /// Reports on days of an account that was made at `since`; days before it and days to come are left out.
    ///
    /// `totals` must come from `snapshot` too: then what is stored and what changed it belong to one moment.
    pub async fn billing(
        &self,
        snapshot: &Snapshot,
        account: AccountId,
        since: Timestamp,
        query: BillingQuery,
        totals: Totals,
    ) -> Result<Billing, Error> {
        let mut sheet = Sheet::new(query, totals);
        rows::since(snapshot, account, query.from, |key, count| sheet.add(key, count)).await?;
        Ok(sheet.close(Day::of(since), Day::of(self.clock.now())))
    }
}

/// The arithmetic of a report: rows in, report out.
pub(crate) struct Sheet {
    query: BillingQuery,
    totals: Totals,
    /// By day and region within the query.
    transfers: BTreeMap<String, BTreeMap<Day, Transfer>>,
    /// What changed, by day within the query.
    changes: BTreeMap<Day, Delta>,
    /// What changed in the days after it.
    later: Delta,
}

#[derive(Clone, Copy, Default)]
struct Transfer {
    upload: i128,
    download: i128,
    delete: i128,
}

/// By how much a day changed what is stored.
#[derive(Clone, Copy, Default)]
struct Delta {
    bytes: i128,
    objects: i128,
    ghost: i128,
}

impl Sheet {
    pub(crate) fn new(query: BillingQuery, totals: Totals) -> Self {
        Self {
            query,
            totals,
            transfers: BTreeMap::new(),
            changes: BTreeMap::new(),
            later: Delta::default(),
        }
    }

    /// Takes one row. Rows before the query say nothing: a report works back from now.
    pub(crate) fn add(&mut self, key: &RowKey, count: i128) {
        if key.day < self.query.from {
            return;
        }
        if key.day <= self.query.till {
            let transfer = |sheet: &mut Self, to: fn(&mut Transfer) -> &mut i128| {
                let days = sheet.transfers.entry(key.region.clone()).or_default();
                *to(days.entry(key.day).or_default()) += count;
            };
            match key.what {
                What::UploadBytes => transfer(self, |t| &mut t.upload),
                What::DownloadBytes => transfer(self, |t| &mut t.download),
                What::DeleteBytes => transfer(self, |t| &mut t.delete),
                What::UploadObjects | What::CopyBytes | What::CopyObjects | What::DeleteObjects | What::GhostBytes => {}
            }
        }
        let delta = if key.day > self.query.till {
            &mut self.later
        } else {
            self.changes.entry(key.day).or_default()
        };
        match key.what {
            What::UploadBytes | What::CopyBytes => delta.bytes += count,
            What::DeleteBytes => delta.bytes -= count,
            What::UploadObjects | What::CopyObjects => delta.objects += count,
            What::DeleteObjects => delta.objects -= count,
            What::GhostBytes => delta.ghost += count,
            What::DownloadBytes => {}
        }
    }

    /// Works back from now, day by day.
    pub(crate) fn close(self, since: Day, today: Day) -> Billing {
        let (first, last) = (self.query.from.max(since), self.query.till.min(today));
        let mut report = Billing::default();
        let mut at = Delta {
            bytes: i128::from(self.totals.bytes) - self.later.bytes,
            objects: i128::from(self.totals.objects) - self.later.objects,
            // Every ghost goes in the end, so that all days together come to nothing.
            ghost: -self.later.ghost,
        };
        for number in (self.query.from.0..=self.query.till.0).rev() {
            let day = Day(number);
            if (first..=last).contains(&day) {
                report.space.push(DaySpace {
                    day,
                    used_bytes: whole(at.bytes),
                    ghost_bytes: whole(at.ghost),
                });
                report.objects.push(DayObjects {
                    day,
                    objects: whole(at.objects),
                });
            }
            if let Some(change) = self.changes.get(&day) {
                at.bytes -= change.bytes;
                at.objects -= change.objects;
                at.ghost -= change.ghost;
            }
        }
        for (region, days) in self.transfers {
            let is_shown = |(day, t): &(Day, Transfer)| {
                (first..=last).contains(day) && (t.upload, t.download, t.delete) != (0, 0, 0)
            };
            let shown = days.into_iter().rev().filter(is_shown).map(|(day, t)| DayTransfer {
                day,
                upload_bytes: whole(t.upload),
                download_bytes: whole(t.download),
                delete_bytes: whole(t.delete),
            });
            let shown: Vec<_> = shown.collect();
            if !shown.is_empty() {
                report.transfers.insert(region, shown);
            }
        }
        report
    }
}

/// A sum as a report shows it. Below zero it comes only when the clock was set back over a day's end: an object was then
/// deleted on an earlier day than it was stored.
fn whole(sum: i128) -> u64 {
    u64::try_from(sum.max(0)).unwrap_or(u64::MAX)
}
