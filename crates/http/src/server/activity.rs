//! What goes on over one connection of HTTP/2.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{BoxError, ResponseBody};

/// Why a connection is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    /// Nothing was asked for a while.
    Idle,
    /// Somebody does not take the answer that it asked for.
    Unread,
}

/// The requests of one connection that are at work, and the answers whose client was last to move. A body that is asked for more
/// has room to send; one that is not asked has a client that does not take what it was given.
#[derive(Clone)]
pub(super) struct Activity(Arc<Mutex<State>>);

struct State {
    next: u64,
    /// By request; since when its client has to take something, if it has.
    open: HashMap<u64, Option<Instant>>,
    idle_since: Instant,
}

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            next: 0,
            open: HashMap::new(),
            idle_since: Instant::now(),
        })))
    }

    /// Notes a request, until what is returned is dropped.
    pub(super) fn begin(&self) -> Open {
        let mut state = self.0.lock();
        let number = state.next;
        state.next += 1;
        state.open.insert(number, None);
        Open {
            number,
            activity: self.clone(),
        }
    }

    fn judge(&self, idle_max: Duration, unread_max: Duration) -> Option<Overdue> {
        let state = self.0.lock();
        if state.open.is_empty() {
            return (state.idle_since.elapsed() >= idle_max).then_some(Overdue::Idle);
        }
        let is_unread = |since: &Option<Instant>| since.is_some_and(|since| since.elapsed() >= unread_max);
        state.open.values().any(is_unread).then_some(Overdue::Unread)
    }

    /// Resolves when the connection has been idle, or an answer unread, for too long.
    pub(super) async fn overdue(&self, idle_max: Duration, unread_max: Duration) -> Overdue {
        // Four looks, so that it is too late by a quarter at most.
        let every = (idle_max.min(unread_max) / 4).max(Duration::from_millis(1));
        loop {
            tokio::time::sleep(every).await;
            if let Some(overdue) = self.judge(idle_max, unread_max) {
                return overdue;
            }
        }
    }
}

/// One request at work.
pub(super) struct Open {
    number: u64,
    activity: Activity,
}

impl Open {
    fn waits_for_client(&self, waits: bool) {
        let since = waits.then(Instant::now);
        if let Some(open) = self.activity.0.lock().open.get_mut(&self.number) {
            *open = since;
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.activity.0.lock();
        state.open.remove(&self.number);
        if state.open.is_empty() {
            state.idle_since = Instant::now();
        }
    }
}

/// An answer whose progress is noted.
pub(super) struct Watched {
    inner: ResponseBody,
    open: Open,
}

impl Watched {
    pub(super) fn new(inner: ResponseBody, open: Open) -> Self {
        open.waits_for_client(true);
        Self { inner, open }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        // Without a frame it is us who are waited for.
        self.open.waits_for_client(frame.is_ready());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(60);
    const UNREAD: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_overdue() {
        let activity = Activity::new();
        let judge = || activity.judge(IDLE, UNREAD);
        assert_eq!(judge(), None);
        tokio::time::advance(IDLE).await;
        assert_eq!(judge(), Some(Overdue::Idle));

        // A request at work is neither, however long it takes.
        let open = activity.begin();
        tokio::time::advance(IDLE * 2).await;
        assert_eq!(judge(), None);
        // Its answer is, when it is not asked for.
        let mut body = Watched::new(ResponseBody::full("x"), open);
        tokio::time::advance(UNREAD).await;
        assert_eq!(judge(), Some(Overdue::Unread));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_ready());
        assert_eq!(judge(), None);
        tokio::time::advance(UNREAD).await;
        assert_eq!(judge(), Some(Overdue::Unread));
        // Idle counts from the end of the last request.
        drop(body);
        assert_eq!(judge(), None);
        tokio::time::advance(IDLE).await;
        assert_eq!(judge(), Some(Overdue::Idle));
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_has_nothing_yet_is_waited_for() {
        let activity = Activity::new();
        let silent =
            http_body_util::StreamBody::new(futures::stream::pending::<Result<Frame<Bytes>, std::io::Error>>());
        let mut body = Watched::new(ResponseBody::boxed(silent), activity.begin());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(Pin::new(&mut body).poll_frame(&mut cx).is_pending());
        tokio::time::advance(UNREAD * 100).await;
        assert_eq!(activity.judge(IDLE, UNREAD), None);
    }
}
