//! Digesting many bodies at one time on few threads.

use super::{Hasher, lanes::LANES};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Takes batches of bodies that come in and digests those that wait side by side: while one gang is at work the next
/// gathers, so that nobody waits for company, and the more there is to do the less each costs.
pub(crate) struct Gang {
    queue: Mutex<Queue>,
    workers_max: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    workers: usize,
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
            workers_max: std::thread::available_parallelism().map_or(1, usize::from),
        })
    }

    /// Lets a hasher take in a batch, and gives it back through what is returned. If the runtime ends before, it never comes.
    pub(crate) fn digest(self: &Arc<Self>, hasher: Hasher, batch: Vec<Bytes>) -> oneshot::Receiver<Hasher> {
        let (done, receiver) = oneshot::channel();
        let job = Job { hasher, batch, done };
        if job.hasher.is_slow() {
            tokio::task::spawn_blocking(move || work(vec![job]));
            return receiver;
        }
        let mut queue = self.queue.lock();
        queue.waiting.push_back(job);
        let is_one_more_needed = queue.workers == 0 || queue.waiting.len() >= LANES;
        if is_one_more_needed && queue.workers < self.workers_max {
            queue.workers += 1;
            drop(queue);
            let mut worker = Worker {
                gang: Arc::clone(self),
                is_counted: true,
            };
            tokio::task::spawn_blocking(move || {
                while let Some(gang) = worker.next() {
                    work(gang);
                }
            });
        }
        receiver
    }
}

/// One that works.
struct Worker {
    gang: Arc<Gang>,
    is_counted: bool,
}

impl Worker {
    /// The next gang. With `None` the worker is not counted any more, so that who comes a moment later gets a new one.
    fn next(&mut self) -> Option<Vec<Job>> {
        let mut queue = self.gang.queue.lock();
        let count = queue.waiting.len().min(LANES);
        if count == 0 {
            queue.workers -= 1;
            self.is_counted = false;
            return None;
        }
        Some(queue.waiting.drain(..count).collect())
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

fn work(gang: Vec<Job>) {
    let (mut batches, done): (Vec<_>, Vec<_>) = gang
        .into_iter()
        .map(|Job { hasher, batch, done }| ((hasher, batch), done))
        .unzip();
    Hasher::update_all(&mut batches);
    for ((hasher, _), done) in batches.into_iter().zip(done) {
        // Whose body broke off does not want it back.
        let _ = done.send(hasher);
    }
}

#[cfg(test)]
mod tests;
