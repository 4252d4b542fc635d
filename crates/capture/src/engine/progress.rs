//! Counts of a running capture, readable at any time.

use super::limits::BUFFER_WAIT;
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
    /// Whether packets wait in the kernel because the consumer holds every buffer, or takes long for what is written.
    pub is_stalled: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) packets: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) file_bytes: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) is_stalled: AtomicBool,
    /// Since when an outlet writes, in nanoseconds of the monotonic clock; 0 while it does not.
    pub(crate) writing_since: AtomicU64,
    /// Whether an outlet has failed: the capture is over with that.
    pub(crate) has_failed: AtomicBool,
    /// How many follow the capture.
    pub(crate) followers: Arc<AtomicUsize>,
}

impl Counters {
    /// The counts; each is exact, though they may be of slightly different instants.
    pub(crate) fn read(&self, now: Duration, elapsed: Duration, duration: Option<Duration>) -> Progress {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let since = get(&self.writing_since);
        let is_writing_long = since > 0 && now.saturating_sub(Duration::from_nanos(since)) >= BUFFER_WAIT;
        Progress {
            packets: get(&self.packets),
            bytes: get(&self.bytes),
            file_bytes: get(&self.file_bytes),
            dropped: get(&self.dropped),
            elapsed,
            remaining: duration.map(|limit| limit.saturating_sub(elapsed)),
            is_stalled: self.is_stalled.load(Ordering::Relaxed) || is_writing_long,
        }
    }
}
