//! A capture that runs.

use super::outcome::{EndReason, InterfaceOutcome, Outcome};
use super::parts::Part;
use super::progress::{Counters, Progress};
use super::source::Description;
use super::writer::Writer;
use baleen_pcapfile::ng::Statistics;
use baleen_runtime::Clock;
use baleen_types::Timestamp;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What the reader threads share with each other and with the handles.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) started: Timestamp,
    pub(crate) started_monotonic: Duration,
    pub(crate) duration: Option<Duration>,
    pub(crate) flush_after: Option<Duration>,
    pub(crate) writer: Mutex<Writer>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) is_stopping: AtomicBool,
    /// When stopping was asked for.
    pub(crate) stopped_at: Mutex<Option<Timestamp>>,
    /// The first cause of the end.
    ended: Mutex<Option<EndReason>>,
    is_over: AtomicBool,
    wakers: Vec<Arc<dyn Fn() + Send + Sync>>,
    lanes: Mutex<Vec<Option<LaneEnd>>>,
    readers: AtomicUsize,
    outcome: Mutex<Option<oneshot::Sender<Outcome>>>,
}

/// What a reader thread leaves behind.
#[derive(Clone, Debug)]
pub(crate) struct LaneEnd {
    pub(crate) interface: InterfaceOutcome,
    pub(crate) statistics: Statistics,
}

pub(crate) struct Begin {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) duration: Option<Duration>,
    pub(crate) flush_after: Option<Duration>,
    pub(crate) writer: Writer,
    pub(crate) counters: Arc<Counters>,
    pub(crate) wakers: Vec<Arc<dyn Fn() + Send + Sync>>,
    pub(crate) outcome: oneshot::Sender<Outcome>,
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
            writer: Mutex::new(begin.writer),
            counters: begin.counters,
            is_stopping: AtomicBool::new(false),
            stopped_at: Mutex::new(None),
            ended: Mutex::new(None),
            is_over: AtomicBool::new(false),
            wakers: begin.wakers,
            lanes: Mutex::new(vec![None; readers]),
            readers: AtomicUsize::new(readers),
            outcome: Mutex::new(Some(begin.outcome)),
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

    /// Whether what is in the rings belongs into the file: not when a limit of the file is reached or nobody wants it.
    pub(crate) fn wants_rest(&self) -> bool {
        matches!(
            &*self.ended.lock(),
            None | Some(EndReason::TimeLimit | EndReason::Stopped | EndReason::InterfaceGone)
        )
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
        self.counters.read(self.elapsed(), self.duration)
    }

    /// Called by each reader at its end; the last one ends the file. `true` for that one.
    pub(crate) fn leave(&self, lane: usize, end: LaneEnd) -> bool {
        if let Some(place) = self.lanes.lock().get_mut(lane) {
            *place = Some(end);
        }
        self.readers.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// Ends the file and tells the outcome.
    pub(crate) fn conclude(&self) {
        let lanes: Vec<LaneEnd> = self.lanes.lock().iter().flatten().cloned().collect();
        let statistics: Vec<Statistics> = lanes.iter().map(|lane| lane.statistics).collect();
        let file = self.writer.lock().finish(&statistics);
        let ended = self.ended.lock().clone().unwrap_or(EndReason::InterfaceGone);
        let outcome = Outcome {
            ended,
            packets: file.packets,
            bytes: file.bytes,
            file_bytes: file.file_bytes,
            parts: file.parts,
            dropped: lanes.iter().map(|lane| lane.interface.dropped).sum(),
            started: self.started,
            elapsed: self.elapsed(),
            interfaces: lanes.into_iter().map(|lane| lane.interface).collect(),
        };
        if let Some(sender) = self.outcome.lock().take() {
            // Who has dropped the capture does not ask how it ended.
            let _ = sender.send(outcome);
        }
    }
}

/// Looks at a running capture and stops it, from anywhere; clonable.
#[derive(Clone)]
pub struct CaptureHandle {
    shared: Arc<Shared>,
}

impl CaptureHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// How far the capture is.
    pub fn progress(&self) -> Progress {
        self.shared.progress()
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

/// A capture that runs. Dropping it gives the capture up: the readers end, and nothing else comes of it.
#[derive(Debug)]
pub struct RunningCapture {
    parts: mpsc::Receiver<Part>,
    outcome: oneshot::Receiver<Outcome>,
    handle: CaptureHandle,
    interfaces: Vec<Description>,
}

impl RunningCapture {
    pub(crate) fn new(
        parts: mpsc::Receiver<Part>,
        outcome: oneshot::Receiver<Outcome>,
        handle: CaptureHandle,
        interfaces: Vec<Description>,
    ) -> Self {
        Self {
            parts,
            outcome,
            handle,
            interfaces,
        }
    }

    /// The next part in file order; `None` after the last one.
    ///
    /// # Cancel safety
    /// Safe: a part that was not returned is returned by the next call.
    pub async fn next_part(&mut self) -> Option<Part> {
        self.parts.recv().await
    }

    /// The same for a thread that may wait; not for asynchronous tasks.
    pub fn blocking_next_part(&mut self) -> Option<Part> {
        self.parts.blocking_recv()
    }

    /// How far the capture is.
    pub fn progress(&self) -> Progress {
        self.handle.progress()
    }

    /// Asks it to end; see [`CaptureHandle::stop`].
    pub fn stop(&self) {
        self.handle.stop();
    }

    /// A handle for another task.
    pub fn handle(&self) -> CaptureHandle {
        self.handle.clone()
    }

    /// The interfaces on which it captures.
    pub fn interfaces(&self) -> &[Description] {
        &self.interfaces
    }

    /// Waits for the end. Parts that were not taken are dropped, so take all of them first.
    pub async fn outcome(mut self) -> Outcome {
        while self.parts.recv().await.is_some() {}
        (&mut self.outcome).await.unwrap_or_else(|_| lost())
    }

    /// The same for a thread that may wait; not for asynchronous tasks.
    pub fn blocking_outcome(mut self) -> Outcome {
        while self.parts.blocking_recv().is_some() {}
        let (_, none) = oneshot::channel();
        let outcome = std::mem::replace(&mut self.outcome, none);
        outcome.blocking_recv().unwrap_or_else(|_| lost())
    }
}

impl Drop for RunningCapture {
    fn drop(&mut self) {
        self.parts.close();
        // A capture that has ended takes no notice of this.
        self.handle.shared.end(EndReason::Abandoned);
    }
}

/// The outcome of a capture whose threads died without telling one, which only a panic does.
fn lost() -> Outcome {
    Outcome {
        ended: EndReason::Failed("the capture threads died".to_owned()),
        packets: 0,
        bytes: 0,
        file_bytes: 0,
        parts: 0,
        dropped: 0,
        started: Timestamp::EPOCH,
        elapsed: Duration::ZERO,
        interfaces: Vec::new(),
    }
}
