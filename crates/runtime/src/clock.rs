//! Time.

use baleen_types::Timestamp;
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Tells the time and waits.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, which may be set back; for records, file stamps and expiry.
    fn now(&self) -> Timestamp;

    /// The time since some fixed instant, which never goes back; for limits and timeouts.
    fn monotonic(&self) -> Duration;

    /// Waits for `duration` of monotonic time.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time begins now.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now() })
    }
}

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the system clock"
    )]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::EPOCH.plus(since)
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A clock that stands until a test moves it.
#[derive(Debug)]
pub struct ManualClock {
    state: Mutex<ManualState>,
}

#[derive(Debug)]
struct ManualState {
    now: Timestamp,
    monotonic: Duration,
    sleepers: Vec<(Duration, oneshot::Sender<()>)>,
}

impl ManualClock {
    /// A clock standing at `now`.
    pub fn new(now: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(ManualState {
                now,
                monotonic: Duration::ZERO,
                sleepers: Vec::new(),
            }),
        })
    }

    /// Moves both times forward and wakes who has slept long enough.
    pub fn advance(&self, by: Duration) {
        let mut state = self.state.lock();
        state.now = state.now.plus(by);
        state.monotonic += by;
        let reached = state.monotonic;
        for (_, sleeper) in state.sleepers.extract_if(.., |(due, _)| *due <= reached) {
            // Who dropped the sleep is not there to be woken.
            let _ = sleeper.send(());
        }
    }

    /// Sets the time of day, forward or back, as an administrator or NTP might; monotonic time stands.
    pub fn set(&self, now: Timestamp) {
        self.state.lock().now = now;
    }

    /// How many are asleep; lets a test wait until the code under test waits.
    pub fn sleepers(&self) -> usize {
        self.state
            .lock()
            .sleepers
            .iter()
            .filter(|(_, sleeper)| !sleeper.is_closed())
            .count()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state.lock().now
    }

    fn monotonic(&self) -> Duration {
        self.state.lock().monotonic
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        if duration.is_zero() {
            return Box::pin(std::future::ready(()));
        }
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state.lock();
        let due = state.monotonic + duration;
        state.sleepers.push((due, sender));
        Box::pin(async move {
            // The sender lives in the clock that `self` borrows, so it can only answer.
            let _ = receiver.await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_manual_clock_wakes_in_time() {
        let clock = ManualClock::new(Timestamp::from_secs(100));
        let sleeper = clock.sleep(Duration::from_secs(5));
        clock.advance(Duration::from_secs(4));
        assert_eq!(clock.sleepers(), 1);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.sleepers(), 0);
        sleeper.await;
        assert_eq!(clock.now(), Timestamp::from_secs(105));
        clock.set(Timestamp::EPOCH);
        assert_eq!(
            (clock.now(), clock.monotonic()),
            (Timestamp::EPOCH, Duration::from_secs(5))
        );
    }
}
