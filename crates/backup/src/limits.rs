//! Every limit of this crate, with its rule.

/// Rows that are read of the keyspace at a time; a value has at most 64 KiB.
pub(crate) const ROWS_AT_ONCE: usize = 512;

/// Bytes of rows in one block, which is checked as a whole. Ours; a row more may be in it.
pub(crate) const BLOCK_BYTES: usize = 256 << 10;

/// Bytes of one file of rows. Ours: few files, and none too long for any file system.
pub(crate) const FILE_BYTES: u64 = 1 << 30;

/// A block that says it is longer is damage.
pub(crate) const BLOCK_BYTES_MAX: usize = 2 * BLOCK_BYTES + baleen_meta::VALUE_BYTES_MAX + baleen_meta::KEY_BYTES_MAX;

/// Extents that are copied at once: enough that a disk has always something to do.
pub(crate) const COPIES_AT_ONCE: usize = 8;

/// Extents, and their bytes, that share one flush of the backup's file system.
pub(crate) const BATCH_EXTENTS: usize = 1024;
pub(crate) const BATCH_BYTES: u64 = 256 << 20;

/// Damaged extents with which a backup is still made. With more of them something else is wrong, and a backup of what is left
/// might push out one that is whole.
pub const DAMAGED_MAX: usize = 1000;

/// Extents of which a pass over the folder remembers that they are needed: 16 MiB of memory.
pub(crate) const NEEDED_AT_ONCE: u64 = 1_000_000;

/// Bytes of rows in one commit of a restore.
pub(crate) const COMMIT_BYTES: usize = 512 << 10;

const _: () = assert!(COMMIT_BYTES * 3 / 2 < baleen_meta::REQUEST_BYTES_MAX);
