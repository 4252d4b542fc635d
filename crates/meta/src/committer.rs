//! The group committer: one thread that makes all who wait durable with one sync.
//!
//! It takes whatever is queued (at most 1,024 requests or 1 MiB), without waiting for more: while one group syncs, the
//! next one gathers, so groups grow with the load by themselves and a lone writer pays nothing for the grouping. It has
//! a thread of its own because an embedded engine blocks in the sync; the engine's futures are driven there too.

mod group;

use crate::engine::Engine;
use crate::limits::{GROUP_BYTES_MAX, GROUP_REQUESTS_MAX, QUEUE_BYTES_MAX, QUEUE_UNIT_BYTES};
use crate::rows::Rows;
use crate::{CommitterId, Error, Outcome, Request, Result, feed};
use group::{Decision, FeedCursor, Group};
use parking_lot::Mutex;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, oneshot};

/// The caller's side of the committer.
pub(crate) struct Committer {
    id: CommitterId,
    /// `None` only while dropping.
    queue: Option<UnboundedSender<Pending>>,
    /// Bounds the queue, in units of bytes; the channel itself is unbounded so that each request is counted once.
    room: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// A request in the queue.
struct Pending {
    request: Request,
    bytes: usize,
    reply: oneshot::Sender<Result<Outcome>>,
}

impl Pending {
    /// What the request counts in the queue.
    fn units(&self) -> u32 {
        units(self.bytes)
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(QUEUE_UNIT_BYTES).max(1)).unwrap_or(u32::MAX)
}

impl Committer {
    /// Starts the thread.
    pub(crate) fn start(engine: Arc<dyn Engine>, rows: Arc<Rows>, id: CommitterId) -> Result<Self> {
        let (queue, requests) = unbounded_channel();
        let room = Arc::new(Semaphore::new(QUEUE_BYTES_MAX / QUEUE_UNIT_BYTES));
        // Without drivers: parking is then a condition variable instead of a poll of the network.
        let executor = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| Error::io("starting the committer", error))?;
        let worker = Worker {
            engine,
            rows,
            id,
            requests,
            room: room.clone(),
            carried: None,
            feed: None,
        };
        let thread = std::thread::Builder::new()
            .name("meta-committer".into())
            .spawn(move || executor.block_on(worker.run()))
            .map_err(|error| Error::io("starting the committer", error))?;
        Ok(Self {
            id,
            queue: Some(queue),
            room,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) fn id(&self) -> CommitterId {
        self.id
    }

    /// Queues a request and waits for its fate; see [`crate::Meta::commit`].
    pub(crate) async fn commit(&self, request: Request) -> Result<Outcome> {
        let bytes = request.check()?;
        if request.is_empty() {
            return Ok(Outcome::Committed);
        }
        let room = self.room.acquire_many(units(bytes)).await.map_err(|_| Error::Closed)?;
        let (reply, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or(Error::Closed)?;
        queue
            .send(Pending { request, bytes, reply })
            .map_err(|_| Error::Closed)?;
        // From here the worker gives the room back.
        room.forget();
        answer.await.map_err(|_| Error::Closed)?
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.get_mut().take()
            && thread.join().is_err()
        {
            tracing::error!("the metadata committer had panicked");
        }
    }
}

/// The thread's side of the committer.
struct Worker {
    engine: Arc<dyn Engine>,
    /// What readers know, which has to be forgotten before it changes.
    rows: Arc<Rows>,
    id: CommitterId,
    requests: UnboundedReceiver<Pending>,
    room: Arc<Semaphore>,
    /// A request that did not fit into the last group.
    carried: Option<Pending>,
    /// The feed's last sequence; unknown at the start and after a failure, then it is read.
    feed: Option<FeedCursor>,
}

impl Worker {
    async fn run(mut self) {
        loop {
            let first = match self.carried.take() {
                Some(carried) => carried,
                None => match self.requests.recv().await {
                    Some(pending) => pending,
                    None => return,
                },
            };
            let group = self.gather(first);
            let units: u32 = group.iter().map(Pending::units).sum();
            self.commit(group).await;
            self.room.add_permits(units as usize);
        }
    }

    /// Takes what is queued, in order, until the group is full.
    fn gather(&mut self, first: Pending) -> Vec<Pending> {
        let mut bytes = first.bytes;
        let mut group = Vec::with_capacity(64);
        group.push(first);
        while group.len() < GROUP_REQUESTS_MAX {
            let Ok(next) = self.requests.try_recv() else { break };
            bytes += next.bytes;
            if bytes > GROUP_BYTES_MAX {
                self.carried = Some(next);
                break;
            }
            group.push(next);
        }
        group
    }

    /// Commits a group and tells everyone.
    async fn commit(&mut self, pending: Vec<Pending>) {
        let (requests, replies): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .map(|pending| (pending.request, pending.reply))
            .unzip();
        let verdicts = match self.settle(&requests).await {
            Ok(verdicts) => verdicts,
            Err(error) => {
                self.feed = None;
                tracing::warn!(%error, requests = requests.len(), "metadata commit failed");
                vec![Err(error); requests.len()]
            }
        };
        // A caller that is gone does not want to know.
        replies
            .into_iter()
            .zip(verdicts)
            .for_each(|(reply, verdict)| drop(reply.send(verdict)));
    }

    async fn settle(&mut self, requests: &[Request]) -> Result<Vec<Result<Outcome>>> {
        let group = Group::new(requests);
        let start = match self.feed {
            Some(cursor) => cursor,
            None if group.feeds() => {
                let head = self.engine.get_many(&[feed::head_key(self.id)]).await?.pop().flatten();
                FeedCursor::parse(self.id, head.as_ref())?
            }
            None => FeedCursor::unknown(self.id),
        };
        let mut decision = Decision::default();
        let mut closing = None;
        let mut decide = |read: &[Option<bytes::Bytes>]| {
            decision = group.decide(read, start);
            let batch = std::mem::take(&mut decision.batch);
            closing = Some(self.rows.close(&batch));
            batch
        };
        let committed = self.engine.commit(group.keys(), &mut decide).await;
        // Before anyone is told: who knows of the commit reads what it wrote.
        drop(closing);
        committed?;
        if group.feeds() {
            self.feed = Some(decision.feed.unwrap_or(start));
        }
        Ok(decision.verdicts)
    }
}

#[cfg(test)]
mod tests;
