//! Counts of a running capture, readable at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// How far a capture is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Packets in the file so far; never goes down.
    pub packets: u64,
    /// Bytes kept of them.
    pub bytes: u64,
    /// Bytes of the file so far, handed over or not.
    pub file_bytes: u64,
    /// Packets lost in the kernel.
    pub dropped: u64,
    /// Time since the start.
    pub elapsed: Duration,
    /// Time until the limit, if there is one.
    pub remaining: Option<Duration>,
    /// Whether packets wait in the kernel because the consumer holds every buffer.
    pub is_stalled: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) packets: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) file_bytes: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) is_stalled: AtomicBool,
    /// How many follow the capture.
    pub(crate) followers: Arc<AtomicUsize>,
}

impl Counters {
    /// The counts; each is exact, though they may be of slightly different instants.
    pub(crate) fn read(&self, elapsed: Duration, duration: Option<Duration>) -> Progress {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Progress {
            packets: get(&self.packets),
            bytes: get(&self.bytes),
            file_bytes: get(&self.file_bytes),
            dropped: get(&self.dropped),
            elapsed,
            remaining: duration.map(|limit| limit.saturating_sub(elapsed)),
            is_stalled: self.is_stalled.load(Ordering::Relaxed),
        }
    }
}
