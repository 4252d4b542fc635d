//! Digesting many bodies at one time on few threads.

use super::feed::{Feed, step};
use super::{Hasher, lanes::LANES};
use arrayvec::ArrayVec;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The longest that who comes first waits for company. A batch of a MiB takes 1.6 ms alone, and one of a body at 200 MiB/s comes
/// each 5 ms: so long nobody's body waits for its digest.
const PATIENCE: Duration = Duration::from_millis(2);

/// Whoever does not come again within so long is slow, and nobody waits for it.
const RECENT: Duration = Duration::from_millis(10);

/// Takes batches of bodies that come in and digests them side by side: who comes while others are at it joins them at the next
/// step, and who begins waits a moment for those that were there just now, for the more there is to do the less each costs.
/// (Were it to wait for the others to end, four uploads would fall into a batch alone and three together, by turns, for twice the
/// time of four together.)
pub(crate) struct Gang {
    queue: Mutex<Queue>,
    /// Told of each that comes.
    came: Condvar,
    workers_max: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    workers: usize,
    /// When hashers were given back, of as many bodies as have not come again since, the oldest first.
    given_back: VecDeque<Instant>,
}

impl Queue {
    fn push(&mut self, job: Job) {
        // Whose it is does not matter: it is the number that tells how many may come.
        self.given_back.pop_front();
        self.waiting.push_back(job);
    }

    fn give_back(&mut self, now: Instant) {
        if self.given_back.len() == LANES {
            self.given_back.pop_front();
        }
        self.given_back.push_back(now);
    }

    /// Whether there are lanes left for somebody who was here just now.
    fn is_more_expected(&mut self, now: Instant) -> bool {
        while self
            .given_back
            .pop_front_if(|given| now.saturating_duration_since(*given) > RECENT)
            .is_some()
        {}
        self.waiting.len() < LANES && !self.given_back.is_empty()
    }
}

struct Job {
    hasher: Hasher,
    batch: Vec<Bytes>,
    done: oneshot::Sender<Hasher>,
}

impl Gang {
    /// Makes one that works on as many threads as there are processors, if there are gangs for so many.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            queue: Mutex::default(),
            came: Condvar::new(),
            workers_max: std::thread::available_parallelism().map_or(1, usize::from),
        })
    }

    /// Lets a hasher take in a batch, and gives it back through what is returned. If the runtime ends before, it never comes.
    pub(crate) fn digest(self: &Arc<Self>, hasher: Hasher, batch: Vec<Bytes>) -> oneshot::Receiver<Hasher> {
        let (done, receiver) = oneshot::channel();
        let job = Job { hasher, batch, done };
        if job.hasher.is_slow() {
            tokio::task::spawn_blocking(move || job.work());
            return receiver;
        }
        let mut queue = self.queue.lock();
        queue.push(job);
        self.came.notify_one();
        let is_one_more_needed = queue.workers == 0 || queue.waiting.len() >= LANES;
        if is_one_more_needed && queue.workers < self.workers_max {
            queue.workers += 1;
            drop(queue);
            let worker = Worker {
                gang: Arc::clone(self),
                at_work: ArrayVec::new(),
                is_counted: true,
            };
            tokio::task::spawn_blocking(move || worker.work());
        }
        receiver
    }
}

impl Job {
    /// By itself.
    fn work(self) {
        let Self {
            mut hasher,
            batch,
            done,
        } = self;
        for piece in batch {
            hasher.update(&piece);
        }
        // Whose body broke off does not want it back.
        let _ = done.send(hasher);
    }
}

/// One that works.
struct Worker {
    gang: Arc<Gang>,
    at_work: ArrayVec<(Feed, oneshot::Sender<Hasher>), LANES>,
    is_counted: bool,
}

impl Worker {
    fn work(mut self) {
        while self.is_joined() {
            for place in step(self.at_work.iter_mut().map(|(feed, _)| feed)) {
                let (feed, done) = self.at_work.swap_remove(place);
                // Before the body can come again.
                self.gang.queue.lock().give_back(Instant::now());
                let _ = done.send(feed.into_hasher());
            }
        }
    }

    /// Lets those join who wait, as far as there are lanes; whether there is anybody. If not, the worker is not counted any more,
    /// so that who comes a moment later gets a new one.
    fn is_joined(&mut self) -> bool {
        let mut queue = self.gang.queue.lock();
        if self.at_work.is_empty() && !queue.waiting.is_empty() {
            let until = Instant::now() + PATIENCE;
            while queue.is_more_expected(Instant::now()) {
                if self.gang.came.wait_until(&mut queue, until).timed_out() {
                    break;
                }
            }
        }
        let count = queue.waiting.len().min(self.at_work.remaining_capacity());
        let joining = queue.waiting.drain(..count);
        self.at_work
            .extend(joining.map(|job| (Feed::new(job.hasher, job.batch), job.done)));
        if self.at_work.is_empty() {
            queue.workers -= 1;
            self.is_counted = false;
        }
        self.is_counted
    }
}

impl Drop for Worker {
    /// By a panic, or by the end of the runtime: nobody is left waiting for a worker that will not come.
    fn drop(&mut self) {
        if self.is_counted {
            let mut queue = self.gang.queue.lock();
            queue.workers -= 1;
            if queue.workers == 0 {
                queue.waiting.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests;
