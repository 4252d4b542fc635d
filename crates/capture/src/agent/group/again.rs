//! What is staged is read again while the disk does not give it.

use super::merged::Job;
use super::sealed_file::Reading;
use crate::Counts;
use crate::limits::{FINISH_PAUSE_MAX, SPOOL_PATIENCE, STORE_PAUSE};
use crate::sealed::is_torn;
use baleen_runtime::Clock;
use baleen_types::CaptureId;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

/// The tries of one thing: a disk that is away for a moment costs a moment and nothing else.
pub(super) struct Tries<'a> {
    clock: &'a dyn Clock,
    capture: CaptureId,
    pause: Duration,
    until: Duration,
}

impl<'a> Tries<'a> {
    pub(super) fn new(clock: &'a dyn Clock, capture: CaptureId) -> Self {
        Self {
            clock,
            capture,
            pause: STORE_PAUSE,
            until: clock.monotonic().saturating_add(SPOOL_PATIENCE),
        }
    }

    /// Whether no further one comes behind this one.
    pub(super) fn are_over(&self) -> bool {
        self.clock.monotonic() >= self.until
    }

    /// Waits before the next one, behind one that went wrong like this; whether that is of use.
    pub(super) async fn wait(&mut self, error: &io::Error) -> bool {
        if is_torn(error) || self.are_over() {
            return false;
        }
        warn!(capture = %self.capture, %error, "what sites delivered cannot be read just now from this machine's disk");
        self.clock.sleep(self.pause).await;
        self.pause = (self.pause * 2).min(FINISH_PAUSE_MAX);
        true
    }
}

/// Counts what a file will hold. What cannot be read as long as it is tried is missing, as what is damaged.
pub(super) async fn count(job: &Arc<Job>, clock: &dyn Clock, capture: CaptureId) -> io::Result<Counts> {
    let mut tries = Tries::new(clock, capture);
    loop {
        let reading = if tries.are_over() {
            Reading::FirstAtLast
        } else {
            Reading::First
        };
        let job = Arc::clone(job);
        match unless_broken_off(tokio::task::spawn_blocking(move || job.count(reading)).await) {
            Err(error) if tries.wait(&error).await => {}
            // A long try may have begun before the end and failed behind it: the last one is always one that takes what there is.
            Err(error) if reading == Reading::First && !is_torn(&error) => {}
            counted => return counted,
        }
    }
}

/// That work was broken off is no matter of the disk: it would be so again.
pub(super) fn unless_broken_off<T>(done: Result<io::Result<T>, tokio::task::JoinError>) -> io::Result<T> {
    done.unwrap_or_else(|broken_off| Err(io::Error::new(io::ErrorKind::InvalidData, broken_off)))
}
