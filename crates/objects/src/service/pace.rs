//! Leaving the disk to others.

use baleen_blob::Paced;
use baleen_runtime::{Clock, Shutdown};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Lets background work pass so many bytes in a second, on the average since its begin.
pub(super) struct Pace {
    clock: Arc<dyn Clock>,
    bytes_per_second: Option<NonZeroU64>,
    begun: Duration,
    passed: AtomicU64,
}

impl Pace {
    pub(super) fn new(clock: &Arc<dyn Clock>, bytes_per_second: Option<NonZeroU64>) -> Self {
        Self {
            clock: Arc::clone(clock),
            bytes_per_second,
            begun: clock.monotonic(),
            passed: AtomicU64::new(0),
        }
    }

    /// Counts bytes, and waits until it was time for them.
    pub(super) async fn pass(&self, bytes: u64) {
        let passed = self.passed.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if let Some(rate) = self.bytes_per_second {
            let due = Duration::from_millis(passed.saturating_mul(1000) / rate);
            let early = due.saturating_sub(self.clock.monotonic().saturating_sub(self.begun));
            if !early.is_zero() {
                self.clock.sleep(early).await;
            }
        }
    }
}

/// A pace that nobody waits for once the store is to stop.
pub(super) struct StoppedPace {
    pub(super) pace: Pace,
    pub(super) stop: Shutdown,
}

impl Paced for StoppedPace {
    async fn pass(&self, bytes: u64) {
        tokio::select! {
            () = self.pace.pass(bytes) => {}
            () = self.stop.stopping() => {}
        }
    }
}
