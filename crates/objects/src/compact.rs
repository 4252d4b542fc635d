//! What a compaction is told, and what it did.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// How a compaction goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compact {
    /// Most bytes moved in a second, so that the disk is left to others; `None` moves as fast as the disk allows.
    pub bytes_per_second: Option<NonZeroU64>,
    /// How much of the segments may be free, in percent of what lives in them, before any is emptied.
    pub free_percent_max: u8,
}

impl Default for Compact {
    fn default() -> Self {
        Self {
            bytes_per_second: None,
            // More than the holes that best fit leaves, and not so much that half of a disk waits.
            free_percent_max: 10,
        }
    }
}

/// How far a compaction has come; to be looked at while it runs.
#[derive(Debug, Default)]
pub struct CompactProgress {
    bytes: AtomicU64,
}

impl CompactProgress {
    /// Bytes that were moved.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn moved(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Bodies, and parts of them, that are elsewhere now.
    pub moved: u64,
    /// Their bytes.
    pub moved_bytes: u64,
    /// Segments that are gone.
    pub segments: u64,
    /// Free bytes in the other segments that the file system has now.
    pub returned_bytes: u64,
    /// Bodies that were left where they are, because they are damaged.
    pub damaged: u64,
}
