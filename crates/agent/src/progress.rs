//! How far a part is that is being sent: it gives its turn to the next when all of it is handed over, and is given up when nothing goes.

use crate::limits::FRAME_BYTES;
use bytes::Bytes;
use futures::Stream;
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use tokio::sync::{Notify, OwnedSemaphorePermit};

/// Of one part. Dropped, nothing more of it is sent.
#[derive(Debug)]
pub(crate) struct Progress {
    turn: Mutex<Option<OwnedSemaphorePermit>>,
    moved: Notify,
}

impl Progress {
    /// Of a part whose turn it is.
    pub(crate) fn begin(turn: OwnedSemaphorePermit) -> Arc<Self> {
        Arc::new(Self {
            turn: Mutex::new(Some(turn)),
            moved: Notify::new(),
        })
    }

    /// Waits until more of it is on its way. Cancel safe.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }
}

/// Bytes in pieces that the connection takes when it has room for them, no more and no less.
pub(crate) fn frames(bytes: Bytes, progress: &Arc<Progress>) -> impl Stream<Item = Bytes> + Send + use<> {
    let from = (bytes, Arc::downgrade(progress));
    futures::stream::unfold(from, |(mut rest, progress): (Bytes, Weak<Progress>)| async move {
        let noted = progress.upgrade()?;
        if rest.is_empty() {
            return None;
        }
        let piece = rest.split_to(rest.len().min(FRAME_BYTES));
        noted.moved.notify_one();
        if rest.is_empty() {
            noted.turn.lock().take();
        }
        Some((piece, (rest, progress)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{FutureExt as _, StreamExt as _};
    use tokio::sync::Semaphore;

    #[test]
    fn a_part_has_its_turn_until_all_of_it_is_handed_over() {
        let turns = Arc::new(Semaphore::new(1));
        let take = || turns.clone().try_acquire_owned();
        for length in [1, FRAME_BYTES, FRAME_BYTES + 1, 5 * FRAME_BYTES] {
            let bytes: Bytes = (0..length).map(|at| at.to_le_bytes()[0]).collect();
            let progress = Progress::begin(take().unwrap());
            let mut frames = Box::pin(frames(bytes.clone(), &progress));
            let mut sent = Vec::new();
            while sent.len() < length {
                assert!(take().is_err() && progress.moved().now_or_never().is_none());
                let piece = frames.next().now_or_never().unwrap().unwrap();
                assert!(piece.len() <= FRAME_BYTES && progress.moved().now_or_never().is_some());
                sent.extend_from_slice(&piece);
            }
            assert!(sent == bytes && take().is_ok());
            assert_eq!(frames.next().now_or_never(), Some(None));
        }
    }

    #[test]
    fn what_is_given_up_gives_up_its_turn_and_is_sent_no_further() {
        let turns = Arc::new(Semaphore::new(1));
        let progress = Progress::begin(turns.clone().try_acquire_owned().unwrap());
        let mut frames = Box::pin(frames(vec![7; 3 * FRAME_BYTES].into(), &progress));
        assert!(frames.next().now_or_never().unwrap().is_some());
        drop(progress);
        assert_eq!(turns.available_permits(), 1);
        assert_eq!(frames.next().now_or_never(), Some(None));
    }
}
