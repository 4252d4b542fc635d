//! A capture that runs.

use super::follow::{FollowError, Following};
use super::outcome::{EndReason, InterfaceOutcome, Outcome};
use super::parts::Part;
use super::progress::{Counters, Progress};
use super::source::{Counters as Counted, Description};
use super::writer::Writer;
use baleen_pcapfile::ng::Statistics;
use baleen_runtime::Clock;
use baleen_types::Timestamp;
use futures::Stream;
use parking_lot::{Condvar, Mutex};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// What the reader threads share with each other and with the handles.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: Timestamp,
    pub(crate) started_monotonic: Duration,
    pub(crate) duration: Option<Duration>,
    pub(crate) flush_after: Option<Duration>,
    /// How long a file lasts, if others follow it by time.
    pub(crate) turn_every: Option<Duration>,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) is_stopping: AtomicBool,
    /// When stopping was asked for.
    pub(crate) stopped_at: Mutex<Option<Timestamp>>,
    /// The first cause of the end.
    ended: Mutex<Option<EndReason>>,
    is_over: AtomicBool,
    /// Nobody takes the parts any more, whyever the capture ends.
    is_abandoned: AtomicBool,
    wakers: Vec<Arc<dyn Fn() + Send + Sync>>,
    interfaces: Vec<Description>,
    sums: Vec<Sums>,
    ends: Mutex<Vec<ReaderEnd>>,
    readers: AtomicUsize,
    outcome: Mutex<Option<Outcome>>,
    /// The outcome is there: for threads, and for tasks.
    told: Condvar,
    told_tasks: Notify,
}

/// What all rings of one interface have counted.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    accepted: AtomicU64,
    dropped: AtomicU64,
}

impl Sums {
    /// What one of them has counted since it last said.
    pub(crate) fn add(&self, more: Counted) {
        self.accepted.fetch_add(more.accepted, Ordering::Relaxed);
        self.dropped.fetch_add(more.dropped, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Counted {
        Counted {
            accepted: self.accepted.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }
}

/// Which packets a reader thread takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Of which interface.
    pub(crate) lane: usize,
    /// Whether it is the one that speaks for the interface, of those of its rings.
    pub(crate) leads: bool,
}

/// What a reader thread leaves behind.
#[derive(Clone, Debug)]
pub(crate) struct ReaderEnd {
    pub(crate) place: Place,
    pub(crate) is_gone: bool,
    /// The interface's as of then, but for what is known when all have ended; `None` of one that died.
    pub(crate) statistics: Option<Statistics>,
}

pub(crate) struct Begin {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) duration: Option<Duration>,
    pub(crate) flush_after: Option<Duration>,
    pub(crate) turn_every: Option<Duration>,
    pub(crate) writer: Writer,
    pub(crate) counters: Arc<Counters>,
    pub(crate) interfaces: Vec<Description>,
    pub(crate) wakers: Vec<Arc<dyn Fn() + Send + Sync>>,
}

impl Shared {
    pub(crate) fn new(begin: Begin) -> Self {
        let readers = begin.wakers.len();
        Self {
            started: begin.clock.now(),
            started_monotonic: begin.clock.monotonic(),
            clock: begin.clock,
            duration: begin.duration,
            flush_after: begin.flush_after,
            turn_every: begin.turn_every,
            writer: Mutex::new(begin.writer),
            counters: begin.counters,
            is_stopping: AtomicBool::new(false),
            stopped_at: Mutex::new(None),
            ended: Mutex::new(None),
            is_over: AtomicBool::new(false),
            is_abandoned: AtomicBool::new(false),
            wakers: begin.wakers,
            sums: begin.interfaces.iter().map(|_| Sums::default()).collect(),
            interfaces: begin.interfaces,
            ends: Mutex::new(Vec::with_capacity(readers)),
            readers: AtomicUsize::new(readers),
            outcome: Mutex::new(None),
            told: Condvar::new(),
            told_tasks: Notify::new(),
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.started_monotonic)
    }

    /// Notes why the capture ends, if it does not end already, and calls the readers.
    pub(crate) fn end(&self, reason: EndReason) {
        self.ended.lock().get_or_insert(reason);
        self.is_over.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Whether the capture is over for a reader; notes the reason when it is the first to see it.
    pub(crate) fn is_due(&self) -> bool {
        if self.is_over() {
            return true;
        }
        if self.counters.has_failed.load(Ordering::Acquire) {
            self.end(EndReason::Abandoned);
            return true;
        }
        if self.is_stopping.load(Ordering::Acquire) {
            self.end(EndReason::Stopped);
            return true;
        }
        if self.duration.is_some_and(|limit| self.elapsed() >= limit) {
            self.end(EndReason::TimeLimit);
            return true;
        }
        false
    }

    /// Whether what is in the rings belongs into the file: not when a limit of the file is reached or nobody wants it.
    pub(crate) fn wants_rest(&self) -> bool {
        !self.is_abandoned.load(Ordering::Acquire)
            && matches!(
                &*self.ended.lock(),
                None | Some(EndReason::TimeLimit | EndReason::Stopped | EndReason::InterfaceGone)
            )
    }

    /// Called when nobody takes the parts any more. A capture that has ended keeps its reason.
    pub(crate) fn abandon(&self) {
        self.is_abandoned.store(true, Ordering::Release);
        self.end(EndReason::Abandoned);
    }

    pub(crate) fn stop(&self) {
        self.stopped_at.lock().get_or_insert_with(|| self.clock.now());
        self.is_stopping.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        for waker in &self.wakers {
            waker();
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        self.counters
            .read(self.clock.monotonic(), self.elapsed(), self.duration)
    }

    /// What the rings of an interface have counted.
    pub(crate) fn sums(&self, lane: usize) -> Option<&Sums> {
        self.sums.get(lane)
    }

    /// Called for a reader that died, which only a panic does.
    pub(crate) fn abort(&self, place: Place) {
        self.end(EndReason::Failed("a capture thread died".to_owned()));
        self.leave(ReaderEnd {
            place,
            is_gone: false,
            statistics: None,
        });
    }

    /// Called by each reader at its end; the last one ends the file.
    pub(crate) fn leave(&self, end: ReaderEnd) {
        self.ends.lock().push(end);
        if self.readers.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.conclude();
        }
    }

    /// The end of one interface, of those of its readers.
    fn end_of(&self, lane: usize, ends: &[ReaderEnd]) -> (InterfaceOutcome, Statistics) {
        let Counted { accepted, dropped } = self.sums.get(lane).map(Sums::read).unwrap_or_default();
        let written = self.writer.lock().written(lane);
        let ends = || ends.iter().filter(|end| end.place.lane == lane);
        let interface = &self.interfaces[lane];
        let outcome = InterfaceOutcome {
            name: interface.name.clone(),
            link: interface.link,
            accepted,
            dropped,
            written,
            is_gone: ends().any(|end| end.is_gone),
        };
        let leader = ends().find(|end| end.place.leads).and_then(|end| end.statistics);
        let end_nanos = ends().filter_map(|end| end.statistics?.end_nanos).max();
        let statistics = match leader {
            Some(known) => Statistics {
                end_nanos,
                accepted: Some(accepted),
                os_dropped: Some(dropped),
                delivered: Some(written),
                ..known
            },
            None => Statistics {
                interface: u32::try_from(lane).unwrap_or(u32::MAX),
                ..Statistics::default()
            },
        };
        (outcome, statistics)
    }

    /// Ends the file and tells the outcome.
    fn conclude(&self) {
        let ends = std::mem::take(&mut *self.ends.lock());
        let lanes = (0..self.interfaces.len()).map(|lane| self.end_of(lane, &ends));
        let (interfaces, statistics): (Vec<InterfaceOutcome>, Vec<Statistics>) = lanes.unzip();
        // Settled before the last part is sent: who takes it may leave at once, which is no abandonment.
        let ended = self.ended.lock().get_or_insert(EndReason::InterfaceGone).clone();
        // Before what is written last is flushed: that is no time of the capture.
        let elapsed = self.elapsed();
        let file = self.writer.lock().finish(&statistics);
        let outcome = Outcome {
            ended,
            packets: file.packets,
            bytes: file.bytes,
            file_bytes: file.file_bytes,
            files: file.files,
            parts: file.parts,
            dropped: interfaces.iter().map(|interface| interface.dropped).sum(),
            started: self.started,
            elapsed,
            interfaces,
        };
        self.outcome.lock().get_or_insert(outcome);
        self.told.notify_all();
        self.told_tasks.notify_waiters();
    }
}

/// Looks at a running capture and stops it, from anywhere; clonable.
#[derive(Clone)]
pub struct CaptureHandle {
    shared: Arc<Shared>,
}

impl CaptureHandle {
    /// How far the capture is.
    pub fn progress(&self) -> Progress {
        self.shared.progress()
    }

    /// Follows it: the records that come from now on, as a file, until its end.
    ///
    /// # Errors
    /// When it is over, or as many follow it as may.
    pub fn follow(&self) -> Result<Following, FollowError> {
        let following = self.shared.writer.lock().follow();
        // Who waits for packets for long looks round sooner from now on.
        self.shared.wake();
        following
    }

    /// Waits for the end. The last part is on its way then, and may still have to be taken.
    ///
    /// # Cancel safety
    /// Safe, and may be called again.
    pub async fn ended(&self) -> Outcome {
        loop {
            let told = self.shared.told_tasks.notified();
            if let Some(outcome) = self.shared.outcome.lock().clone() {
                return outcome;
            }
            told.await;
        }
    }

    /// The same for a thread that may wait; not for asynchronous tasks.
    pub fn blocking_ended(&self) -> Outcome {
        let mut outcome = self.shared.outcome.lock();
        loop {
            if let Some(outcome) = outcome.clone() {
                return outcome;
            }
            self.shared.told.wait(&mut outcome);
        }
    }

    /// Asks it to end: packets that came before this are still written, later ones are not. Asking again does nothing.
    pub fn stop(&self) {
        self.shared.stop();
    }
}

impl fmt::Debug for CaptureHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureHandle")
            .field("progress", &self.progress())
            .finish()
    }
}

/// The parts of the files, in order. Dropping this gives the capture up: the readers end, and nothing else comes of it.
pub struct Parts {
    receiver: mpsc::Receiver<Part>,
    shared: Arc<Shared>,
}

impl Parts {
    /// The next part; `None` after the last one.
    ///
    /// # Cancel safety
    /// Safe: a part that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Part> {
        self.receiver.recv().await
    }

    /// How many wait to be taken.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.receiver.len()
    }

    #[cfg(test)]
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// The same for a thread that may wait; not for asynchronous tasks.
    pub fn blocking_next(&mut self) -> Option<Part> {
        self.receiver.blocking_recv()
    }
}

impl Stream for Parts {
    type Item = Part;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Part>> {
        self.receiver.poll_recv(context)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.receiver.close();
        self.shared.abandon();
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// A capture that runs.
#[derive(Debug)]
pub struct RunningCapture {
    /// What it writes. Dropped with this, which gives the capture up.
    pub parts: Parts,
    handle: CaptureHandle,
    interfaces: Vec<Description>,
}

impl RunningCapture {
    pub(crate) fn new(receiver: mpsc::Receiver<Part>, shared: Arc<Shared>, interfaces: Vec<Description>) -> Self {
        Self {
            parts: Parts {
                receiver,
                shared: Arc::clone(&shared),
            },
            handle: CaptureHandle { shared },
            interfaces,
        }
    }

    /// A handle to look at it and to stop it.
    pub fn handle(&self) -> CaptureHandle {
        self.handle.clone()
    }

    /// The interfaces on which it captures.
    pub fn interfaces(&self) -> &[Description] {
        &self.interfaces
    }

    /// Takes it apart, for an owner of the parts and another of the rest.
    pub fn split(self) -> (Parts, CaptureHandle) {
        (self.parts, self.handle)
    }
}
