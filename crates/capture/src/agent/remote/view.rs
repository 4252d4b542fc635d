//! Views: what agents on other hosts send of captures as they come, for who watches them.

use super::{RemoteAgents, order};
use crate::Counts;
use crate::agent::{Catch, Ended, Followed, Limits, Piece, Running};
use crate::engine::FollowError;
use crate::limits::{LIVE_END_PATIENCE, VIEW_END_PATIENCE, VIEW_PATIENCE};
use async_trait::async_trait;
use baleen_agentwire::{LIVE_VIEW, OrderId};
use baleen_fleet::OrderRefused;
use baleen_runtime::Clock;
use baleen_types::AgentId;
use bytes::Bytes;
use futures::StreamExt as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};

/// Which view of which agent's capture.
pub(super) type Key = (AgentId, OrderId, u32);

/// The way from who sends a view to who watches.
pub(super) type ToWatcher = mpsc::Sender<Said>;

/// The words of a capture that cannot be shown any more.
const CUT: &str = "the connection with the agent was cut";

/// Where the bytes of a view go as its agent sends them.
pub struct ViewSink(ToWatcher);

/// What comes of a view.
pub(super) enum Said {
    Bytes(Bytes),
    /// It is whole.
    End,
}

impl ViewSink {
    /// Hands bytes on when there is room for them; `false` when nobody watches any more. Cancel safe: nothing is handed on twice.
    pub async fn push(&self, bytes: Bytes) -> bool {
        self.0.send(Said::Bytes(bytes)).await.is_ok()
    }

    /// Waits until nobody watches any more. Cancel safe.
    pub async fn closed(&self) {
        self.0.closed().await;
    }

    /// All of it has come. What is dropped without this was cut off.
    pub async fn end(&self) {
        let _ = self.0.send(Said::End).await;
    }
}

/// A view that its agent is to send, and that is found until it does.
struct Expected {
    agents: Arc<RemoteAgents>,
    key: Key,
    bytes: mpsc::Receiver<Said>,
}

impl Expected {
    fn new(agents: &Arc<RemoteAgents>, key: Key) -> Self {
        let (to_watcher, bytes) = mpsc::channel(1);
        agents.views.lock().insert(key, to_watcher);
        Self {
            agents: Arc::clone(agents),
            key,
            bytes,
        }
    }

    /// What comes next; `None` when it is cut off, also because it did not begin in time.
    async fn next(&mut self, patience: impl Future<Output = ()>) -> Option<Said> {
        let begun = async {
            patience.await;
            // Whoever has begun takes the time that the watcher takes.
            if self.agents.views.lock().remove(&self.key).is_none() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            said = self.bytes.recv() => said,
            () = begun => None,
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        self.agents.views.lock().remove(&self.key);
    }
}

impl RemoteAgents {
    /// Takes up a view that an agent begins to send. `None` when nobody waits for it, or not any more, or it was begun before.
    pub fn view(&self, agent: AgentId, order: OrderId, view: u32) -> Option<ViewSink> {
        self.views.lock().remove(&(agent, order, view)).map(ViewSink)
    }

    /// What an agent catches of a capture from now on, when it has begun to send it.
    ///
    /// # Errors
    /// `Over`; `TooMany`; `Unable`, also of an agent of an older release; `Away` of one that is not linked, or does not begin in time.
    pub(super) async fn follow(
        self: &Arc<Self>,
        ordered: &baleen_fleet::Order,
        followers: &Arc<Semaphore>,
    ) -> Result<Followed, FollowError> {
        if ordered.status().ended.is_some() {
            return Err(FollowError::Over);
        }
        let place = Arc::clone(followers).try_acquire_owned();
        let place = place.map_err(|_| FollowError::TooMany)?;
        let view = self.next_view();
        let mut expected = Expected::new(self, (ordered.agent(), ordered.id, view));
        ordered.show(view).map_err(|refused| match refused {
            OrderRefused::TooOld => FollowError::Unable,
            OrderRefused::NotConnected(_) | OrderRefused::TooMany => FollowError::Away,
        })?;
        // A file has a head, which comes at once. What has none is of a capture that was over there.
        let head = match expected.next(self.clock.sleep(VIEW_PATIENCE)).await {
            Some(Said::Bytes(head)) => head,
            Some(Said::End) => return Err(FollowError::Over),
            None => return Err(FollowError::Away),
        };
        let rest = futures::stream::unfold(Some((expected, place)), |following| async move {
            let (mut expected, place) = following?;
            match expected.next(std::future::pending()).await {
                Some(Said::Bytes(bytes)) => Some((Ok(bytes), Some((expected, place)))),
                Some(Said::End) => None,
                None => Some((Err(io::Error::other(CUT)), None)),
            }
        });
        Ok(futures::stream::once(async { Ok(head) }).chain(rest).boxed())
    }

    fn next_view(&self) -> u32 {
        let mut last = self.last_view.lock();
        // Behind the one that a capture has of its own.
        *last = last.checked_add(1).unwrap_or(LIVE_VIEW + 1);
        *last
    }

    /// What is to be asked for before the capture is ordered whose packets are for somebody who watches.
    pub(super) fn expect_live(self: &Arc<Self>, agent: AgentId, order: OrderId) -> LiveView {
        LiveView(Expected::new(self, (agent, order, LIVE_VIEW)))
    }
}

/// The view that a capture has of its own.
pub(super) struct LiveView(Expected);

impl LiveView {
    /// The capture, which has begun.
    pub(super) fn catch(self, ordered: baleen_fleet::Order, limits: Limits, clock: &Arc<dyn Clock>) -> Catch {
        let interfaces = ordered.status().began.filter(|interfaces| *interfaces > 0);
        let running = Arc::new(LiveRunning {
            ordered,
            clock: Arc::clone(clock),
            overdue_at: watch::Sender::new(clock.monotonic() + limits.time + LIVE_END_PATIENCE),
            is_whole: watch::Sender::new(None),
        });
        let shown = Shown {
            expected: self.0,
            running: Arc::clone(&running),
        };
        let pieces = futures::stream::unfold(shown, |mut shown| async move {
            let bytes = shown.next().await?;
            let piece = Piece {
                file: 0,
                bytes,
                ends_file: false,
                // Nobody notes how far a file is that is nowhere.
                after: Counts::default(),
            };
            Some((piece, shown))
        });
        Catch {
            pieces: pieces.boxed(),
            interfaces,
            running,
        }
    }
}

/// The bytes on their way to who watches. Dropped, the capture is over.
struct Shown {
    expected: Expected,
    running: Arc<LiveRunning>,
}

impl Shown {
    async fn next(&mut self) -> Option<Bytes> {
        let running = &self.running;
        // An agent that cannot send anything says so by the end.
        let patience = async {
            running.ordered.until(|status| status.ended.is_some()).await;
            running.clock.sleep(VIEW_PATIENCE).await;
        };
        let said = tokio::select! {
            said = self.expected.next(patience) => said,
            () = running.is_overdue() => None,
        };
        match said {
            Some(Said::Bytes(bytes)) => return Some(bytes),
            Some(Said::End) => self.running.over(true),
            None => self.running.over(false),
        }
        None
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.running.over(false);
    }
}

struct LiveRunning {
    ordered: baleen_fleet::Order,
    clock: Arc<dyn Clock>,
    /// When it is given up though its agent sends on, by the clock that never goes back.
    overdue_at: watch::Sender<Duration>,
    /// Whether all of it was sent, when no more is.
    is_whole: watch::Sender<Option<bool>>,
}

impl LiveRunning {
    /// Waits until no more is taken of it, whatever its agent sends: since that is none any more, a while after somebody wanted the end or it
    /// was told, or when it should have come long ago.
    async fn is_overdue(&self) {
        let given_up = async {
            let status = self.ordered.until(|status| status.ended.is_some()).await;
            if status.ended.is_some_and(|ended| ended.parts != u32::MAX) {
                self.ends_within(LIVE_END_PATIENCE);
                std::future::pending::<()>().await;
            }
        };
        let too_late = async {
            let mut overdue_at = self.overdue_at.subscribe();
            loop {
                let left = overdue_at.borrow_and_update().saturating_sub(self.clock.monotonic());
                tokio::select! {
                    () = self.clock.sleep(left) => return,
                    // The sender lives as long as this does.
                    _ = overdue_at.changed() => {}
                }
            }
        };
        tokio::select! {
            () = given_up => {}
            () = too_late => {}
        }
    }

    /// Gives it up then at the latest.
    fn ends_within(&self, patience: Duration) {
        let latest = self.clock.monotonic() + patience;
        self.overdue_at
            .send_if_modified(|at| latest < *at && std::mem::replace(at, latest) != latest);
    }

    fn over(&self, is_whole: bool) {
        self.is_whole
            .send_if_modified(|known| known.is_none() && known.replace(is_whole).is_none());
    }
}

#[async_trait]
impl Running for LiveRunning {
    fn counts(&self) -> Counts {
        order::counts(self.ordered.status().counts)
    }

    fn stop(&self) {
        self.ends_within(VIEW_PATIENCE);
        self.ordered.stop();
    }

    async fn ended(&self) -> Ended {
        let mut is_whole = self.is_whole.subscribe();
        let is_whole = is_whole.wait_for(Option::is_some).await.ok().and_then(|seen| *seen);
        // The agent tells the end behind the last bytes; of what was cut off it tells it only when asked.
        self.ordered.stop();
        let told = tokio::select! {
            status = self.ordered.until(|status| status.ended.is_some()) => status.ended,
            () = self.clock.sleep(VIEW_END_PATIENCE) => None,
        };
        let trouble = told
            .as_ref()
            .and_then(|ended| ended.trouble.as_deref())
            .map(order::words);
        let cut = (is_whole != Some(true)).then(|| CUT.to_owned());
        Ended {
            counts: self.counts(),
            trouble: trouble.or(cut),
            missing: told.and_then(|ended| ended.missing).as_deref().map(order::words),
        }
    }
}
