//! Every limit of this crate, with its rule.

use std::time::Duration;

/// Days of one billing report (identity contract, section 4, RSListBillingData).
pub const REPORT_DAYS_MAX: u32 = 400;

/// How long the counters of a purged account are kept: as long as a report may reach back, so that its reseller can still
/// charge for its last days.
pub const KEPT_AFTER_PURGE: Duration = Duration::from_hours(24 * REPORT_DAYS_MAX as u64);

/// Minutes that a live report looks back (seed 004, "RSLiveBilling": "the last hour").
pub const LIVE_MINUTES: u32 = 60;

/// Newest minutes that it leaves out, the current one among them (seed 004: "Entries for the last two minutes are
/// omitted").
pub const LIVE_MINUTES_OMITTED: u32 = 2;

/// How often downloads that have ended are to be committed. A kill loses at most these; and they are there before a live
/// report could show their minute.
pub const FLUSH_PERIOD: Duration = Duration::from_secs(5);

/// How often minutes are to be folded into days.
pub const FOLD_PERIOD: Duration = Duration::from_secs(60);

/// Rows of one commit when folding or flushing: some 250 bytes each, so that a commit stays small beside the limit of 1 MiB.
pub(crate) const ROWS_PER_COMMIT_MAX: usize = 500;

const _: () = assert!(LIVE_MINUTES_OMITTED < LIVE_MINUTES);
const _: () = assert!(FLUSH_PERIOD.as_secs() * 2 < LIVE_MINUTES_OMITTED as u64 * 60);
