//! Parts that wait to be sent, between who catches and who sends.

use crate::part::PartHead;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use tokio::sync::Notify;

/// A part that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) head: PartHead,
    /// Its bytes, if they are in memory; else they are on disk.
    pub(crate) bytes: Option<Bytes>,
    is_on_disk: bool,
}

/// The parts of one order, in their order.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// Of these, how many are in memory alone.
    in_memory: usize,
    is_closed: bool,
    is_given_up: bool,
}

impl Queue {
    /// Adds one. What is on disk is read there when it is its turn.
    pub(crate) fn push(&self, head: PartHead, bytes: Bytes, is_on_disk: bool) {
        let mut state = self.state.lock();
        if state.is_given_up {
            return;
        }
        let bytes = (!is_on_disk).then_some(bytes);
        state.in_memory += usize::from(!is_on_disk);
        state.waiting.push_back(Waiting {
            head,
            bytes,
            is_on_disk,
        });
        drop(state);
        self.changed.notify_waiters();
    }

    /// One that a process before this one left on disk.
    pub(crate) fn push_from_disk(&self, head: PartHead) {
        self.state.lock().waiting.push_back(Waiting {
            head,
            bytes: None,
            is_on_disk: true,
        });
        self.changed.notify_waiters();
    }

    /// No more will be added.
    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_waiters();
    }

    /// The first, when there is one; `None` when none is left and none will come. Cancel safe: it stays until it is taken away.
    pub(crate) async fn first(&self) -> Option<Waiting> {
        self.until(|state| match state.waiting.front() {
            Some(first) => Some(Some(first.clone())),
            None if state.is_closed => Some(None),
            None => None,
        })
        .await
    }

    /// The number of the first that is there: so many are in the store.
    pub(crate) fn first_number(&self) -> Option<u32> {
        self.state.lock().waiting.front().map(|first| first.head.number)
    }

    /// How many are in memory alone.
    pub(crate) fn in_memory(&self) -> usize {
        self.state.lock().in_memory
    }

    /// Takes the first away.
    pub(crate) fn pop(&self) {
        let mut state = self.state.lock();
        if let Some(first) = state.waiting.pop_front() {
            state.in_memory -= usize::from(!first.is_on_disk);
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// Nothing of it can be sent: what waits and what comes is thrown away.
    pub(crate) fn give_up(&self) {
        *self.state.lock() = State {
            is_given_up: true,
            is_closed: true,
            ..State::default()
        };
        self.changed.notify_waiters();
    }

    /// Waits until no more than so many are in memory alone.
    pub(crate) async fn until_in_memory(&self, most: usize) {
        self.until(|state| (state.in_memory <= most).then_some(())).await;
    }

    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            let mut changed = std::pin::pin!(changed);
            // Heard of from here on, though it is not waited for yet.
            changed.as_mut().enable();
            if let Some(seen) = look(&mut self.state.lock()) {
                return seen;
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_capture::Counts;
    use futures::FutureExt as _;

    fn head(number: u32) -> PartHead {
        PartHead {
            number,
            length: 1,
            crc32c: 0,
            after: Counts::default(),
            ends_file: false,
        }
    }

    /// The number of the first and whether its bytes are in memory, or why there is none.
    fn first(queue: &Queue) -> Result<(u32, bool), &'static str> {
        let first = queue.first().now_or_never().ok_or("none yet")?;
        first
            .map(|first| (first.head.number, first.bytes.is_some()))
            .ok_or("none any more")
    }

    #[test]
    fn parts_go_in_their_order_and_what_is_on_disk_is_not_in_memory() {
        let queue = Queue::default();
        let bytes = Bytes::from_static(b"x");
        assert_eq!(first(&queue), Err("none yet"));
        queue.push(head(0), bytes.clone(), true);
        queue.push(head(1), bytes.clone(), true);
        queue.push(head(2), bytes.clone(), false);
        assert!(queue.until_in_memory(0).now_or_never().is_none());
        assert!(queue.until_in_memory(1).now_or_never().is_some());
        assert_eq!((first(&queue), queue.in_memory()), (Ok((0, false)), 1));
        queue.pop();
        assert_eq!(first(&queue), Ok((1, false)));
        queue.pop();
        assert_eq!(first(&queue), Ok((2, true)));
        queue.pop();
        assert!(queue.until_in_memory(0).now_or_never().is_some());
        assert_eq!(first(&queue), Err("none yet"));
        queue.close();
        assert_eq!(first(&queue), Err("none any more"));
        queue.pop();
    }

    #[test]
    fn what_is_given_up_holds_nobody() {
        let queue = Queue::default();
        for n in 0..3 {
            queue.push(head(n), Bytes::new(), false);
        }
        queue.give_up();
        queue.push(head(3), Bytes::new(), false);
        assert_eq!(first(&queue), Err("none any more"));
        assert!(queue.until_in_memory(0).now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let queue = Queue::default();
        let (seen, ()) = tokio::join!(queue.first(), async {
            tokio::task::yield_now().await;
            queue.push(head(7), Bytes::new(), true);
        });
        assert_eq!(seen.unwrap().head.number, 7);
    }
}
