//! Leaving the disk to others.

use baleen_blob::Paced;
use baleen_runtime::{Clock, Shutdown};
use parking_lot::Mutex;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

/// Time without work that is made up for. Of more the disk would be taken for as long, at any speed.
const CREDIT: Duration = Duration::from_secs(1);

/// Lets background work pass so many bytes in a second.
pub(super) struct Pace {
    clock: Arc<dyn Clock>,
    bytes_per_second: Option<NonZeroU64>,
    /// When it is time for all that was let pass.
    due: Mutex<Duration>,
}

impl Pace {
    pub(super) fn new(clock: &Arc<dyn Clock>, bytes_per_second: Option<NonZeroU64>) -> Self {
        Self {
            clock: Arc::clone(clock),
            bytes_per_second,
            due: Mutex::new(clock.monotonic()),
        }
    }

    /// Counts bytes, and waits until it was time for them.
    pub(super) async fn pass(&self, bytes: u64) {
        let Some(rate) = self.bytes_per_second else { return };
        let now = self.clock.monotonic();
        let early = {
            let mut due = self.due.lock();
            let takes = Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / rate);
            *due = (*due).max(now.saturating_sub(CREDIT)).saturating_add(takes);
            due.saturating_sub(now)
        };
        if !early.is_zero() {
            self.clock.sleep(early).await;
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

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_runtime::ManualClock;
    use baleen_types::Timestamp;
    use futures::FutureExt as _;

    /// At 1000 bytes in a second, steps of milliseconds without work and then bytes: until when they have to wait.
    #[tokio::test]
    async fn no_more_than_a_second_without_work_is_made_up_for() {
        for (steps, waits) in [
            (vec![(0, 500), (0, 500)], vec![500, 1000]),
            (vec![(500, 500), (0, 1)], vec![0, 1]),
            (vec![(1000, 1000), (0, 1)], vec![0, 1]),
            (vec![(3_600_000, 1000), (0, 1), (0, 999)], vec![0, 1, 1000]),
            (vec![(3_600_000, 600), (3_600_000, 1500)], vec![0, 500]),
            (vec![(0, 2000), (1500, 100)], vec![2000, 600]),
        ] {
            let manual = ManualClock::new(Timestamp::EPOCH);
            let clock: Arc<dyn Clock> = manual.clone();
            let pace = Pace::new(&clock, NonZeroU64::new(1000));
            for ((idle, bytes), wait) in steps.iter().zip(waits) {
                manual.advance(Duration::from_millis(*idle));
                let mut passing = std::pin::pin!(pace.pass(*bytes));
                let is_let = passing.as_mut().now_or_never().is_some();
                let due = pace.due.lock().saturating_sub(clock.monotonic());
                assert_eq!((is_let, due), (wait == 0, Duration::from_millis(wait)), "{steps:?}");
            }
        }
    }
}
