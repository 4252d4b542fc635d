//! What a compaction of the store is told, and what it did.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How a compaction goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compact {
    /// Most bytes read in a second, so that the disk is left to others; `None` goes as fast as the disk allows. Who commits
    /// never waits for it: the pace is given up before that.
    pub bytes_per_second: Option<NonZeroU64>,
    /// How much may be dead, in percent, before anything is written anew.
    pub free_percent_max: u8,
}

/// How far a compaction has come; to be looked at while it runs.
#[derive(Debug, Default)]
pub struct CompactProgress {
    rows: AtomicU64,
    stopped: AtomicBool,
}

impl CompactProgress {
    /// Rows that were looked at; some are looked at twice.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Asks a compaction to end soon. What it has written so far is removed when nobody has a snapshot any more.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    pub(crate) fn row(&self) {
        self.rows.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Whether rows were written anew; else little enough was dead, or somebody would have waited for it.
    pub rewritten: bool,
    /// Bytes that the file system has back.
    pub returned_bytes: u64,
}

/// What the store holds, and what it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Rows.
    pub rows: u64,
    /// The bytes of their keys and values.
    pub live_bytes: u64,
    /// What the store's files take of the file system.
    pub allocated_bytes: u64,
    /// How much of that is the journal.
    pub journal_bytes: u64,
}
