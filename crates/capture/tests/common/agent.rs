//! An agent that does what the test says.

use async_trait::async_trait;
use baleen_agentwire::Estimate;
use baleen_capture::{
    Agent, AgentError, Catch, Counts, Ended, FollowError, Followed, Order, Past, PastQuery, Piece, Running, Seen,
    WatchOrder, Watching,
};
use baleen_runtime::Shutdown;
use baleen_types::{AgentId, LinkType};
use bytes::Bytes;
use futures::StreamExt as _;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Hands each capture that is begun to the test.
pub struct SimAgent {
    begun: mpsc::UnboundedSender<SimCatch>,
    refuse: Mutex<Option<String>>,
    panic: Mutex<bool>,
    links: Mutex<Vec<LinkType>>,
    is_away: Mutex<bool>,
    past: Mutex<Option<mpsc::UnboundedSender<Asked>>>,
    clock: Mutex<Option<Estimate>>,
    watches: Mutex<Option<mpsc::UnboundedSender<SimWatch>>>,
    buffers: Mutex<Option<usize>>,
    elsewhere: Mutex<Option<AgentId>>,
    is_slow: watch::Sender<bool>,
}

/// The test's side of a watch: it says what goes by.
#[derive(Clone)]
pub struct SimWatch {
    pub order: WatchOrder,
    state: Arc<Mutex<(Seen, Option<String>)>>,
}

impl SimWatch {
    pub fn see(&self, packets: u64, bytes: u64) {
        let mut state = self.state.lock();
        state.0.packets += packets;
        state.0.bytes += bytes;
    }

    pub fn break_off(&self, why: &str) {
        self.state.lock().1 = Some(why.to_owned());
    }

    /// Whether the service has given it back.
    pub fn is_over(&self) -> bool {
        Arc::strong_count(&self.state) == 1
    }
}

struct SimWatching(Arc<Mutex<(Seen, Option<String>)>>);

impl Watching for SimWatching {
    fn seen(&self) -> Seen {
        self.0.lock().0
    }

    fn trouble(&self) -> Option<String> {
        self.0.lock().1.clone()
    }
}

/// A question about what went by, which waits for the test's answer; unless it is dropped.
pub struct Asked {
    pub query: PastQuery,
    pub answer: oneshot::Sender<Result<Past, AgentError>>,
}

/// The test's side of a capture: it says what is caught and when it ends.
pub struct SimCatch {
    pub order: Order,
    pieces: mpsc::Sender<Piece>,
    state: Arc<SimState>,
}

struct SimState {
    counts: Mutex<Counts>,
    stop: Shutdown,
    watched: Mutex<Vec<mpsc::UnboundedSender<Bytes>>>,
    ended: watch::Sender<Option<Ended>>,
}

impl SimAgent {
    pub fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<SimCatch>) {
        let (begun, catches) = mpsc::unbounded_channel();
        (Self::into(begun), catches)
    }

    /// One of several whose captures come out in one place.
    pub fn into(begun: mpsc::UnboundedSender<SimCatch>) -> Arc<Self> {
        Arc::new(Self {
            begun,
            refuse: Mutex::new(None),
            panic: Mutex::new(false),
            links: Mutex::new(vec![LinkType::ETHERNET]),
            is_away: Mutex::new(false),
            past: Mutex::new(None),
            clock: Mutex::new(None),
            watches: Mutex::new(None),
            buffers: Mutex::new(None),
            elsewhere: Mutex::new(None),
            is_slow: watch::Sender::new(false),
        })
    }

    /// Makes its clock be so far before the server's.
    pub fn set_clock(&self, offset_ns: i64) {
        *self.clock.lock() = Some(Estimate {
            offset_ns,
            bound_ns: 1000,
        });
    }

    /// Makes the agent keep packets that go by, as the test says when it is asked.
    pub fn look_back(&self) -> mpsc::UnboundedReceiver<Asked> {
        let (ask, asked) = mpsc::unbounded_channel();
        *self.past.lock() = Some(ask);
        asked
    }

    /// Makes the agent watch, as the test says.
    pub fn watch(&self) -> mpsc::UnboundedReceiver<SimWatch> {
        let (begun, watches) = mpsc::unbounded_channel();
        *self.watches.lock() = Some(begun);
        watches
    }

    /// Makes the agent one that waits when so many pieces are not taken, so that they may go by the disk.
    pub fn set_buffers(&self, buffers: usize) {
        *self.buffers.lock() = Some(buffers);
    }

    /// Makes the agent not tell on what it captures, without which no filter is compiled, until it is made to.
    pub fn set_slow(&self, is_slow: bool) {
        self.is_slow.send_replace(is_slow);
    }

    /// Makes the agent one on another host.
    pub fn set_elsewhere(&self, is_elsewhere: bool) {
        *self.elsewhere.lock() = is_elsewhere.then(|| AgentId::from_bytes([9; 16]));
    }

    /// Makes the agent panic at the next capture.
    pub fn panic(&self) {
        *self.panic.lock() = true;
    }

    /// Cuts the agent off, or connects it again.
    pub fn set_away(&self, is_away: bool) {
        *self.is_away.lock() = is_away;
    }

    /// Makes the agent capture on links of these types.
    pub fn set_links(&self, links: &[LinkType]) {
        *self.links.lock() = links.to_vec();
    }

    /// Makes the agent refuse captures from now on.
    pub fn refuse(&self, why: &str) {
        *self.refuse.lock() = Some(why.to_owned());
    }
}

#[async_trait]
impl Agent for SimAgent {
    async fn links(&self) -> Vec<LinkType> {
        let mut slow = self.is_slow.subscribe();
        slow.wait_for(|is_slow| !is_slow).await.expect("the sender is in self");
        self.links.lock().clone()
    }

    fn clock(&self) -> Option<Estimate> {
        *self.clock.lock()
    }

    fn is_connected(&self) -> bool {
        !*self.is_away.lock()
    }

    fn buffers(&self) -> Option<usize> {
        *self.buffers.lock()
    }

    fn elsewhere(&self) -> Option<AgentId> {
        *self.elsewhere.lock()
    }

    fn looks_back(&self) -> bool {
        self.past.lock().is_some()
    }

    async fn look_back(&self, query: PastQuery) -> Result<Past, AgentError> {
        let ask = self.past.lock().clone().unwrap();
        let (answer, answered) = oneshot::channel();
        ask.send(Asked { query, answer }).ok().unwrap();
        // Dropped: as an internal error of the agent.
        answered.await.unwrap()
    }

    fn watches(&self) -> bool {
        self.watches.lock().is_some()
    }

    async fn watch(&self, order: WatchOrder) -> Result<Box<dyn Watching>, AgentError> {
        if let Some(why) = self.refuse.lock().clone() {
            return Err(AgentError(why));
        }
        let state = Arc::default();
        let watch = SimWatch {
            order,
            state: Arc::clone(&state),
        };
        self.watches.lock().as_ref().unwrap().send(watch).ok().unwrap();
        Ok(Box::new(SimWatching(state)))
    }

    async fn begin(&self, order: Order) -> Result<Catch, AgentError> {
        assert!(!*self.panic.lock(), "as the test wants it");
        if let Some(why) = self.refuse.lock().clone() {
            return Err(AgentError(why));
        }
        let (pieces, received) = mpsc::channel(1);
        let state = Arc::new(SimState {
            counts: Mutex::new(Counts::default()),
            stop: Shutdown::new(),
            watched: Mutex::new(Vec::new()),
            ended: watch::Sender::new(None),
        });
        let catch = SimCatch {
            order,
            pieces,
            state: Arc::clone(&state),
        };
        self.begun
            .send(catch)
            .map_err(|_| AgentError("the test is over".to_owned()))?;
        let stream = futures::stream::unfold(received, |mut received| async move {
            let piece = received.recv().await?;
            Some((piece, received))
        });
        Ok(Catch {
            pieces: stream.boxed(),
            interfaces: Some(1),
            running: state,
        })
    }
}

impl SimCatch {
    /// Delivers a part, with which the file holds what is counted by now; false when nobody takes parts any more.
    pub async fn part(&self, bytes: impl Into<Bytes>) -> bool {
        self.piece(bytes, false).await
    }

    /// The same; says whether it ends the file.
    pub async fn piece(&self, bytes: impl Into<Bytes>, ends_file: bool) -> bool {
        self.piece_of(0, bytes, ends_file).await
    }

    /// The same of one of several files.
    pub async fn piece_of(&self, file: u16, bytes: impl Into<Bytes>, ends_file: bool) -> bool {
        let piece = Piece {
            file,
            bytes: bytes.into(),
            ends_file,
            after: *self.state.counts.lock(),
        };
        self.pieces.send(piece).await.is_ok()
    }

    /// Gives this to all who follow.
    pub fn show(&self, bytes: &'static [u8]) {
        for watching in &*self.state.watched.lock() {
            let _ = watching.send(Bytes::from_static(bytes));
        }
    }

    pub fn counts(&self, packets: u64, bytes: u64) {
        *self.state.counts.lock() = Counts {
            packets,
            bytes,
            dropped: 0,
        };
    }

    /// Ends capturing; parts may still come.
    pub fn end(&self, trouble: Option<&str>) {
        self.end_with(trouble, None);
    }

    /// The same, with what the file lacks.
    pub fn end_with(&self, trouble: Option<&str>, missing: Option<&str>) {
        self.state.watched.lock().clear();
        self.state.ended.send_replace(Some(Ended {
            counts: *self.state.counts.lock(),
            trouble: trouble.map(str::to_owned),
            missing: missing.map(str::to_owned),
        }));
    }

    /// Waits until the service asks for the end.
    pub async fn stopped(&self) {
        tokio::time::timeout(super::PATIENCE, self.state.stop.stopping())
            .await
            .expect("the service asks for the end");
    }

    /// Ends capturing and delivers the last part.
    pub async fn finish(self, last: impl Into<Bytes>) {
        self.end(None);
        self.piece(last, true).await;
    }
}

#[async_trait]
impl Running for SimState {
    fn counts(&self) -> Counts {
        *self.counts.lock()
    }

    fn stop(&self) {
        self.stop.stop();
    }

    async fn follow(&self) -> Result<Followed, FollowError> {
        if self.ended.borrow().is_some() {
            return Err(FollowError::Over);
        }
        let (watching, mut watched) = mpsc::unbounded_channel();
        self.watched.lock().push(watching);
        Ok(futures::stream::poll_fn(move |context| watched.poll_recv(context))
            .map(Ok)
            .boxed())
    }

    async fn ended(&self) -> Ended {
        let mut ended = self.ended.subscribe();
        let value = ended.wait_for(Option::is_some).await.expect("the sender is in self");
        value.clone().expect("it was waited for")
    }
}
