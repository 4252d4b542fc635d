//! Limits of the store: fixed from the first day to what every engine we may want takes, so that none can be outgrown.

/// Longest key in bytes: a worst-case escaped 1,024-byte object key (2,048) with table tag, ids, version and terminator.
///
/// PostgreSQL's B-tree takes 2,704 bytes and FoundationDB 10,000, so both remain possible.
pub const KEY_BYTES_MAX: usize = 2_048 + 256;

/// Largest value in bytes; larger things are paged by their owner or belong into `blob`.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;

/// Most bytes of one request. The largest that there is ends an upload of 10,000 sealed parts, each with a checksum: 1.3 MiB.
pub const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Most bytes of a group of requests which share a sync, unless one alone has more.
pub(crate) const GROUP_BYTES_MAX: usize = 1024 * 1024;

/// What one operation counts in addition to its key and value, so that many tiny ones are bounded too.
pub(crate) const OPERATION_OVERHEAD_BYTES: usize = 16;

/// Most requests that share one sync. More gains nothing: the sync is already a thousandth of each.
pub(crate) const GROUP_REQUESTS_MAX: usize = 1024;

/// Most bytes of requests that wait for the committer; whoever comes later waits outside, holding its own request.
pub(crate) const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Unit in which the queue is accounted, also the least that a request counts; so at most 16,384 requests are queued.
pub(crate) const QUEUE_UNIT_BYTES: usize = 1024;

/// Most entries that one scan returns, whatever was asked for: a page, never a table.
pub const SCAN_ENTRIES_MAX: usize = 10_000;

/// Memory for rows as they were last read. With those that ask for the same again, as of one bucket or one small object, a little
/// does much; for the rest there is the engine's own cache of blocks.
pub(crate) const ROW_CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Largest row that is kept there: one with a small object's body in it.
pub(crate) const CACHED_ROW_BYTES_MAX: usize = 8 * 1024;

/// Keys of a prefix that are removed in one commit, each with at most [`REMOVED_HANGING_MAX`] others.
pub(crate) const REMOVED_AT_ONCE: usize = 100;

/// Most further keys that may go with one of a prefix that is removed.
pub const REMOVED_HANGING_MAX: usize = 3;

const _: () = assert!(
    REMOVED_AT_ONCE * (1 + REMOVED_HANGING_MAX) * (KEY_BYTES_MAX + OPERATION_OVERHEAD_BYTES) <= REQUEST_BYTES_MAX
);
const _: () = assert!(GROUP_BYTES_MAX <= REQUEST_BYTES_MAX && REQUEST_BYTES_MAX <= QUEUE_BYTES_MAX);
