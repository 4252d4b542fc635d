//! How a store is asked again while it cannot, and what ends that before it can.
//!
//! The one place for it, since whoever waits for a store has to hear the same: that the server stops, and that the destination was deleted from
//! its account's list, after which nothing is sent there any more.

use crate::limits::{FINISH_PATIENCE, FINISH_PAUSE_MAX, SPOOL_PAUSE, STORE_PAUSE};
use crate::live::Live;
use crate::run::Failure;
use crate::sink::SinkError;
use crate::{CaptureError, Captures};
use baleen_runtime::Shutdown;
use baleen_types::{CaptureId, Classify as _};
use std::fmt::Display;
use std::future::pending;
use std::time::Duration;
use tracing::warn;

/// The pauses between tries.
pub(crate) struct Patience<'a> {
    captures: &'a Captures,
    heeds: Heeds<'a>,
    /// The first pause, and the longest: they double.
    pauses: (Duration, Duration),
    pause: Duration,
    left: Duration,
    since: Duration,
    /// Whether a try has failed.
    has_waited: bool,
    /// Whether our own store with a full disk is waited for.
    waits_for_disk: bool,
}

/// What ends waiting, besides that it takes too long.
#[derive(Clone, Copy)]
struct Heeds<'a> {
    stopping: &'a Shutdown,
    at_stop: AtStop,
    /// The capture, if its destination may be deleted meanwhile.
    live: Option<&'a Live>,
}

/// What a stop of the server means to who waits for a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtStop {
    /// The next start does it.
    Leave,
    /// The next start can do it, and a store that takes things is given so long for each of them.
    LeaveAfter(Duration),
    /// What is not stored goes with this process, or somebody else decides.
    Stay,
}

/// How a pause ended.
pub(crate) enum Waited {
    /// Try again.
    Elapsed,
    /// It took too long altogether.
    Exhausted,
    /// The server stops, or there is nowhere to put it any more.
    Interrupted(Failure),
}

/// Why a store did not do something.
pub(crate) trait Refused: Display + Into<Failure> {
    /// Whether it may do it later; with our own disk full that is up to the operator.
    fn is_passing(&self, waits_for_disk: bool) -> bool;
}

impl Refused for SinkError {
    fn is_passing(&self, waits_for_disk: bool) -> bool {
        self.kind().is_transient() && (waits_for_disk || !self.is_full_here())
    }
}

impl Refused for CaptureError {
    fn is_passing(&self, _: bool) -> bool {
        self.kind().is_transient()
    }
}

impl Refused for Failure {
    fn is_passing(&self, _: bool) -> bool {
        matches!(self, Self::Transient(_))
    }
}

impl<'a> Patience<'a> {
    /// With what is left to be finished: the next start goes on.
    pub(crate) fn new(captures: &'a Captures) -> Self {
        Self::of(captures, FINISH_PATIENCE)
    }

    /// So much of it.
    pub(crate) fn of(captures: &'a Captures, left: Duration) -> Self {
        Self {
            captures,
            heeds: Heeds {
                stopping: captures.parts.supervisor.shutdown(),
                at_stop: AtStop::Leave,
                live: None,
            },
            pauses: (STORE_PAUSE, FINISH_PAUSE_MAX),
            pause: STORE_PAUSE,
            left,
            since: captures.parts.clock.monotonic(),
            has_waited: false,
            waits_for_disk: true,
        }
    }

    /// With something that is being caught: it is asked for soon again, and what is caught meanwhile waits.
    pub(crate) fn while_catching(captures: &'a Captures, left: Duration, at_stop: AtStop) -> Self {
        let patience = Self::of(captures, left);
        Self {
            heeds: Heeds {
                at_stop,
                ..patience.heeds
            },
            pauses: (SPOOL_PAUSE, SPOOL_PAUSE),
            pause: SPOOL_PAUSE,
            waits_for_disk: false,
            ..patience
        }
    }

    /// Ends when the destination of this capture is deleted.
    pub(crate) fn heeding(mut self, live: Option<&'a Live>) -> Self {
        self.heeds.live = live;
        self
    }

    /// Whether that is so by now.
    pub(crate) fn is_forsaken(&self) -> bool {
        self.heeds.live.is_some_and(Live::is_forsaken)
    }

    /// Whether what was asked for last was given up since it took too long.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.has_waited && self.left.is_zero()
    }

    /// What is left of it, for something else: work that went well at once takes nothing of it.
    pub(crate) fn left(&self) -> Duration {
        if self.has_waited {
            self.left
                .saturating_sub(self.captures.parts.clock.monotonic().saturating_sub(self.since))
        } else {
            self.left
        }
    }

    /// Asks a store again and again while it cannot.
    ///
    /// # Errors
    /// What it answered last; `Stopping` and `forsaken` as soon as they are so, whatever is on its way.
    pub(crate) async fn ask<T, E: Refused, F>(
        &mut self,
        id: CaptureId,
        what: &'static str,
        ask: impl Fn() -> F,
    ) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, E>>,
    {
        // What was asked for before has its own pauses behind it.
        (self.left, self.since) = (self.left(), self.captures.parts.clock.monotonic());
        (self.pause, self.has_waited) = (self.pauses.0, false);
        let mut interruption = std::pin::pin!(self.heeds.interruption(self.captures));
        loop {
            let asked = tokio::select! {
                biased;
                asked = ask() => asked,
                failure = &mut interruption => return Err(failure),
            };
            let refused = match asked {
                Ok(answer) => return Ok(answer),
                Err(refused) if !refused.is_passing(self.waits_for_disk) => return Err(refused.into()),
                Err(refused) => refused,
            };
            let Some(pause) = self.next_pause() else {
                return Err(Failure::Final(refused.into().message()));
            };
            warn!(capture = %id, what, error = %refused, "a store cannot do yet what it is asked for");
            tokio::select! {
                biased;
                failure = &mut interruption => return Err(failure),
                () = self.captures.parts.clock.sleep(pause) => {}
            }
        }
    }

    /// Waits before something is tried again.
    pub(crate) async fn wait(&mut self) -> Waited {
        let Some(pause) = self.next_pause() else {
            return Waited::Exhausted;
        };
        match self.unless_interrupted(self.captures.parts.clock.sleep(pause)).await {
            Ok(()) => Waited::Elapsed,
            Err(failure) => Waited::Interrupted(failure),
        }
    }

    /// Waits for something else that is needed.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub(crate) async fn unless_interrupted<T>(&self, work: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            failure = self.heeds.interruption(self.captures) => Err(failure),
            done = work => Ok(done),
        }
    }

    /// None when it took too long.
    fn next_pause(&mut self) -> Option<Duration> {
        self.has_waited = true;
        // Tries count too: one that hangs takes longer than the pause behind it.
        if self.left() < self.pause {
            self.left = Duration::ZERO;
            return None;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(self.pauses.1);
        Some(pause)
    }
}

impl Heeds<'_> {
    async fn interruption(self, captures: &Captures) -> Failure {
        let forsaken = async {
            match self.live {
                Some(live) => live.forsaken().await,
                None => pending().await,
            }
        };
        let stopping = async {
            match self.at_stop {
                AtStop::Leave => self.stopping.stopping().await,
                AtStop::LeaveAfter(grace) => {
                    self.stopping.stopping().await;
                    captures.parts.clock.sleep(grace).await;
                }
                AtStop::Stay => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = forsaken => Failure::forsaken(),
            () = stopping => Failure::Stopping,
        }
    }
}
