//! Repeating what may succeed the second time.

use baleen_runtime::{Clock, Entropy};
use std::time::Duration;

use crate::Error;
use crate::limits::{PART_PATIENCE, RETRY_AFTER_MAX};

/// How often and with what pauses a request is repeated after a transient error.
#[derive(Clone, Copy, Debug)]
pub struct RetrySettings {
    /// Tries in all; 1 means no repetition.
    pub attempts: u32,
    /// The pause before the first repetition is drawn from zero to this; each further one from twice as much.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How long the tries of one part of an upload go on, whatever their number, but two at least: what was captured is
    /// lost with it. `None`: as often as anything else.
    pub part_patience: Option<Duration>,
}

impl Default for RetrySettings {
    /// Five tries over up to three seconds: outlasts the restart of a store's node, and a capture's buffers hold that.
    fn default() -> Self {
        Self {
            attempts: 5,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(5),
            part_patience: Some(PART_PATIENCE),
        }
    }
}

/// The tries of one request.
pub(crate) struct Retry<'a> {
    settings: RetrySettings,
    clock: &'a dyn Clock,
    entropy: &'a dyn Entropy,
    tries: u32,
    /// From when on a failure is the last, instead of by number.
    until: Option<Duration>,
}

/// Tries of a request that is bounded by time, see [`RetrySettings::part_patience`].
const TIMED_TRIES_MIN: u32 = 2;

impl<'a> Retry<'a> {
    pub(crate) fn new(settings: RetrySettings, clock: &'a dyn Clock, entropy: &'a dyn Entropy) -> Self {
        Self {
            settings,
            clock,
            entropy,
            tries: 0,
            until: None,
        }
    }

    /// Bounds the tries by time, if the settings say so.
    pub(crate) fn of_a_part(mut self) -> Self {
        self.until = self
            .settings
            .part_patience
            .map(|patience| self.clock.monotonic() + patience);
        self
    }

    fn is_used_up(&self) -> bool {
        match self.until {
            None => self.tries >= self.settings.attempts,
            Some(until) => self.tries >= TIMED_TRIES_MIN && self.clock.monotonic() >= until,
        }
    }

    /// Takes note of a failed try and waits before the next one, at least for what the store asked for.
    ///
    /// # Errors
    /// The given error itself, when it is not transient or the tries are used up.
    pub(crate) async fn after(&mut self, failed: Failed) -> Result<(), Error> {
        self.tries += 1;
        let Failed { error, retry_after } = failed;
        if !error.is_transient() || self.is_used_up() {
            return Err(error);
        }
        let pause = self.pause().max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX));
        tracing::debug!(tries = self.tries, pause_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX), %error, "request to a store is repeated");
        self.clock.sleep(pause).await;
        Ok(())
    }

    /// "Full jitter": clients that were refused together do not come back together.
    fn pause(&self) -> Duration {
        let doublings = (self.tries - 1).min(16);
        let longest = self
            .settings
            .first_pause
            .saturating_mul(1 << doublings)
            .min(self.settings.longest_pause);
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.entropy.number() % nanos.saturating_add(1).max(1))
    }
}

/// One failed try.
#[derive(Clone)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    /// What the store asked to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self {
            error,
            retry_after: None,
        }
    }
}
