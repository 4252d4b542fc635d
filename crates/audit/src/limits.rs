//! Every limit of the audit log, with its reason.

use std::time::Duration;

use baleen_meta::REQUEST_BYTES_MAX;

/// Events that wait for the writer. Who changed something waits for a place; of the rest, what finds none is left out and
/// counted.
pub const QUEUE_EVENTS_MAX: usize = 1024;

/// Entries in one commit.
pub const COMMIT_ENTRIES_MAX: usize = 64;

/// Most bytes that the resource takes in a line; a longer one is cut, and says so. An ARN with a key of 1,024 bytes fits.
pub const RESOURCE_BYTES_MAX: usize = 4096;

/// Most bytes of an entry: the resource, the ARNs of two users with their paths (512 characters each), a statement's id, and
/// what has a fixed size.
pub const ENTRY_BYTES_MAX: usize = 12 << 10;

/// Most bytes of a statement's id.
pub const STATEMENT_BYTES_MAX: usize = 256;

/// Refused requests that an account's log takes at once, and within one [`REFUSALS_PERIOD`] from then on. Enough to see
/// who is trying what; a flood shows as a number.
pub const REFUSALS_MAX: u32 = 30;

/// See [`REFUSALS_MAX`].
pub const REFUSALS_PERIOD: Duration = Duration::from_mins(1);

/// Accounts whose refusals are counted in memory; the one that was quiet the longest is forgotten.
pub const REFUSED_ACCOUNTS_MAX: usize = 10_000;

/// Tries of a commit whose account another writer or the clean-up has touched meanwhile.
pub const COMMIT_TRIES_MAX: usize = 16;

/// Most entries of a page.
pub const PAGE_ENTRIES_MAX: usize = 1000;

/// Entries of an export that are in memory at once.
pub const EXPORT_PIECE_ENTRIES: usize = 200;

/// Entries that are looked at for one page, so that a filter which fits nothing ends too; the page says where to go on.
pub const PAGE_SCANNED_MAX: usize = 10_000;

/// Entries that are read, or removed, at once.
pub const STEP_ENTRIES: usize = 500;

// An entry with the key, the share of the head, and what the store counts for each.
const _: () = assert!(COMMIT_ENTRIES_MAX * (ENTRY_BYTES_MAX + 512) <= REQUEST_BYTES_MAX);
const _: () = assert!(ENTRY_BYTES_MAX < baleen_meta::VALUE_BYTES_MAX && RESOURCE_BYTES_MAX < ENTRY_BYTES_MAX);
