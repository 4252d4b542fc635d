//! Agents on other hosts, each in its seat of the fleet: what is ordered from them, and the way their parts come in.
//!
//! The door of agents hands parts to [`RemoteAgents::deliver`]; the run of the capture takes them as it takes those of any agent. What an
//! agent may deliver is what was ordered from it, in its order and within its limits, and this is the one place where that is judged.

mod lane;
mod order;
mod view;

pub use lane::{Delivery, PartRefused, Verdict};
pub use view::ViewSink;

use super::{Agent, AgentError, Catch, Ended, Followed, Limits, Order, Running};
use crate::Counts;
use crate::engine::{FOLLOWERS_MAX, FollowError};
use crate::limits::{
    REMOTE_BEGIN_PATIENCE, REMOTE_LOOK_PERIOD, REMOTE_PART_BYTES, REMOTE_PATIENCE, REMOTE_TURN_PATIENCE,
};
use crate::site::{Accounts, Site};
use async_trait::async_trait;
use baleen_agentwire::{Estimate, OrderId};
use baleen_fleet::{Fleet, OrderStatus, Seat};
use baleen_runtime::Clock;
use baleen_types::{AgentId, CaptureId, LinkType};
use bytes::Bytes;
use futures::StreamExt as _;
use lane::{Lane, Taking};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};

/// The generation of an order: a capture is begun once. A server that finds one that another process had begun takes it up as it is.
pub(crate) const GENERATION: u32 = 1;

/// What a process before this one had of a capture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// Until when it may go on.
    pub(crate) limits: Limits,
    /// How long it has gone on.
    pub(crate) elapsed: Duration,
    /// Parts that are in the store.
    pub(crate) parts: u32,
    /// Their bytes.
    pub(crate) part_bytes: u64,
    /// What the file holds with them.
    pub(crate) after: Counts,
    /// Whether they are all.
    pub(crate) ends_file: bool,
}

/// The agents of a fleet.
pub struct RemoteAgents {
    fleet: Arc<Fleet>,
    clock: Arc<dyn Clock>,
    lanes: Mutex<HashMap<(AgentId, OrderId), Arc<Lane>>>,
    /// Views that agents are to send and have not begun.
    views: Mutex<HashMap<view::Key, view::ToWatcher>>,
    last_view: Mutex<u32>,
}

impl RemoteAgents {
    /// The agents of a fleet.
    pub fn new(fleet: Arc<Fleet>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            fleet,
            clock,
            lanes: Mutex::default(),
            views: Mutex::default(),
            last_view: Mutex::default(),
        })
    }

    /// Who they are.
    pub(crate) fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// Each agent as a site.
    pub(crate) fn sites(self: &Arc<Self>) -> Vec<Site> {
        let site = |seat: Arc<Seat>| Site {
            name: seat.site.clone(),
            groups: seat.groups.clone(),
            accounts: if seat.is_shared {
                Accounts::All
            } else {
                Accounts::Only(vec![seat.account])
            },
            agent: Arc::new(RemoteAgent {
                agents: Arc::clone(self),
                seat,
            }),
        };
        self.fleet.seats().into_iter().map(site).collect()
    }

    /// Whether a part would be taken, judged by what is said of it; so that nobody reads the bytes of one that would not.
    ///
    /// # Errors
    /// Why it would not.
    pub fn would_take(&self, delivery: &Delivery) -> Result<Verdict, PartRefused> {
        self.lane(delivery)?.judge(delivery)
    }

    /// Takes a part. It returns when the part is in the store and noted; the same part again waits for that, or is there already.
    ///
    /// # Errors
    /// Why it is not taken.
    ///
    /// # Cancel safety
    /// Safe: a part that is sent again is known by its number and checksum.
    pub async fn deliver(&self, delivery: &Delivery, bytes: Bytes) -> Result<(), PartRefused> {
        self.lane(delivery)?.deliver(delivery, bytes).await
    }

    /// Waits for a part that has come before, of which nothing is read again.
    ///
    /// # Errors
    /// Why it is not in the store; also when it has not come before.
    pub async fn deliver_again(&self, delivery: &Delivery) -> Result<(), PartRefused> {
        self.lane(delivery)?.deliver_again(delivery).await
    }

    /// Takes up a capture that a process before this one had begun at an agent. From here on its parts are taken, and its agent
    /// is not told to forget it; so it has to be done before agents come. `None` when there is no such agent any more.
    pub(crate) fn adopt(self: &Arc<Self>, agent: AgentId, capture: CaptureId, before: &Before) -> Option<Catch> {
        let seat = self.fleet.seat(agent)?;
        let id = order_of(capture);
        let (lane, parts) = Lane::resumed(before);
        let registered = Registered::new(self, (agent, id), lane);
        let ordered = seat.adopt(id, order::adopted(&before.limits)).ok()?;
        let left = before.limits.time.saturating_sub(before.elapsed);
        Some(self.catch(ordered, registered, (parts, before), left))
    }

    /// A capture that has begun, and may go on for so long.
    fn catch(
        self: &Arc<Self>,
        ordered: baleen_fleet::Order,
        registered: Registered,
        (parts, before): (lane::Parts, &Before),
        left: Duration,
    ) -> Catch {
        let interfaces = ordered.status().began.filter(|interfaces| *interfaces > 0);
        let running = Arc::new(RemoteRunning {
            overdue_at: self.clock.monotonic() + left + REMOTE_PATIENCE,
            away_before: ordered.away(),
            ordered,
            clock: Arc::clone(&self.clock),
            delivered: watch::Sender::new(None),
            agents: Arc::clone(self),
            followers: Arc::new(Semaphore::new(FOLLOWERS_MAX)),
            _registered: registered,
        });
        let taking = Taking::new(parts, Arc::clone(&running), before);
        let pieces = futures::stream::unfold(taking, |mut taking| async move {
            let piece = taking.next().await?;
            Some((piece, taking))
        });
        Catch {
            pieces: pieces.boxed(),
            interfaces,
            running,
        }
    }

    fn lane(&self, delivery: &Delivery) -> Result<Arc<Lane>, PartRefused> {
        let lanes = self.lanes.lock();
        // Another agent's capture is not there, as one that nobody has ordered.
        let lane = lanes.get(&(delivery.agent, delivery.order)).cloned();
        lane.ok_or(PartRefused::NotOrdered)
    }
}

struct RemoteAgent {
    agents: Arc<RemoteAgents>,
    seat: Arc<Seat>,
}

#[async_trait]
impl Agent for RemoteAgent {
    async fn links(&self) -> Vec<LinkType> {
        let interfaces = self.seat.how_it_is().interfaces;
        let mut links: Vec<_> = interfaces
            .iter()
            .map(|interface| LinkType::new(interface.link))
            .collect();
        links.sort_unstable();
        links.dedup();
        links
    }

    fn elsewhere(&self) -> Option<AgentId> {
        Some(self.seat.id)
    }

    fn is_connected(&self) -> bool {
        self.seat.is_connected()
    }

    fn clock(&self) -> Option<Estimate> {
        self.seat.how_it_is().clock
    }

    async fn interfaces(&self) -> Vec<String> {
        let interfaces = self.seat.how_it_is().interfaces.into_iter();
        interfaces.map(|interface| interface.name).collect()
    }

    async fn begin(&self, order: Order) -> Result<Catch, AgentError> {
        let id = order_of(order.capture);
        if order.is_live {
            let view = self.agents.expect_live(self.seat.id, id);
            let ordered = self.ordered(id, &order).await?;
            return Ok(view.catch(ordered, order.limits, &self.agents.clock));
        }
        let before = Before::nothing(order.limits);
        // Before the agent hears of it, so that no part comes too early.
        let (lane, parts) = Lane::resumed(&before);
        let registered = Registered::new(&self.agents, (self.seat.id, id), lane);
        let ordered = self.ordered(id, &order).await?;
        Ok(self
            .agents
            .catch(ordered, registered, (parts, &before), order.limits.time))
    }
}

impl RemoteAgent {
    /// Orders a capture, and waits until packets are being taken.
    async fn ordered(&self, id: OrderId, order: &Order) -> Result<baleen_fleet::Order, AgentError> {
        let ordered = self.seat.order(id, order::wire(order)?);
        let ordered = ordered.map_err(|refused| AgentError(refused.to_string()))?;
        let decided = |status: &OrderStatus| status.began.is_some() || status.refused.is_some();
        let status = tokio::select! {
            status = ordered.until(decided) => status,
            () = self.agents.clock.sleep(REMOTE_BEGIN_PATIENCE) => {
                return Err(AgentError("the agent did not begin in time".to_owned()));
            }
        };
        if let Some(why) = status.refused {
            return Err(AgentError(order::words(&why)));
        }
        Ok(ordered)
    }
}

impl Before {
    /// Of a capture that has not begun.
    fn nothing(limits: Limits) -> Self {
        Self {
            limits,
            elapsed: Duration::ZERO,
            parts: 0,
            part_bytes: 0,
            after: Counts::default(),
            ends_file: false,
        }
    }
}

/// A lane that is found by parts until it is dropped.
struct Registered {
    agents: Arc<RemoteAgents>,
    key: (AgentId, OrderId),
    lane: Arc<Lane>,
}

impl Registered {
    fn new(agents: &Arc<RemoteAgents>, key: (AgentId, OrderId), lane: Arc<Lane>) -> Self {
        agents.lanes.lock().insert(key, Arc::clone(&lane));
        Self {
            agents: Arc::clone(agents),
            key,
            lane,
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut lanes = self.agents.lanes.lock();
        // Not that of another run of the same order, which has taken its place.
        if lanes.get(&self.key).is_some_and(|lane| Arc::ptr_eq(lane, &self.lane)) {
            lanes.remove(&self.key);
        }
    }
}

/// A capture at an agent on another host.
struct RemoteRunning {
    ordered: baleen_fleet::Order,
    clock: Arc<dyn Clock>,
    /// When it is given up though the agent has not ended it, by the clock that never goes back; later by what the agent was away since.
    overdue_at: Duration,
    /// How long it had been away before.
    away_before: Duration,
    /// What was delivered, when no more will be.
    delivered: watch::Sender<Option<Delivered>>,
    agents: Arc<RemoteAgents>,
    /// Who may follow it.
    followers: Arc<Semaphore>,
    _registered: Registered,
}

/// What an agent has delivered of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Delivered {
    /// Whether that is all of it.
    is_whole: bool,
    /// What is in it.
    counts: Counts,
}

impl RemoteRunning {
    /// Waits until the agent has ended it, or should have long ago; `None` then.
    async fn end(&self) -> Option<OrderStatus> {
        tokio::select! {
            status = self.ordered.until(|status| status.ended.is_some()) => Some(status),
            () = self.there_until(self.overdue_at, self.away_before) => None,
        }
    }

    /// Waits until a time, and as much longer as the fleet says of an agent that had been away for `before`: how long one that is away is
    /// waited for, it alone decides.
    async fn there_until(&self, at: Duration, before: Duration) {
        loop {
            let at = at + self.ordered.excused(before);
            let left = at.saturating_sub(self.clock.monotonic());
            if left == Duration::ZERO {
                return;
            }
            // While it is away nothing is left of a short wait but as much again.
            self.clock.sleep(left.max(REMOTE_LOOK_PERIOD)).await;
        }
    }

    /// Waits until nothing is to be expected any more: the end is known, and nothing came for long. What comes of others counts, for a while.
    async fn given_up(&self) {
        if self.end().await.is_none() {
            return;
        }
        let (before, since) = (self.ordered.away(), self.clock.monotonic());
        let mut heard = since;
        loop {
            let until = (heard + REMOTE_PATIENCE).min(since + REMOTE_TURN_PATIENCE);
            self.there_until(until, before).await;
            let last = self.ordered.part_heard();
            if last <= heard || until == since + REMOTE_TURN_PATIENCE {
                return;
            }
            heard = last;
        }
    }

    fn deliver(&self, delivered: Delivered) {
        self.delivered
            .send_if_modified(|known| known.is_none() && known.replace(delivered).is_none());
    }
}

#[async_trait]
impl Running for RemoteRunning {
    fn counts(&self) -> Counts {
        order::counts(self.ordered.status().counts)
    }

    fn stop(&self) {
        self.ordered.stop();
    }

    fn leave(&self) {
        self.ordered.leave();
    }

    async fn follow(&self) -> Result<Followed, FollowError> {
        self.agents.follow(&self.ordered, &self.followers).await
    }

    /// When the file is whole or given up, too: what an agent says to have caught is not there yet, and may never be.
    async fn ended(&self) -> Ended {
        let has_ended = self.end().await.is_some();
        let mut delivered = self.delivered.subscribe();
        let delivered = delivered.wait_for(Option::is_some).await.ok().and_then(|seen| *seen);
        // As it was told last: that a part cannot be delivered is known later.
        let ended = self.ordered.status().ended.filter(|_| has_ended);
        let told = ended
            .as_ref()
            .and_then(|ended| ended.trouble.as_deref())
            .map(order::words);
        match (ended, delivered) {
            // What is in the file, and not what is said of it in passing.
            (Some(ended), Some(Delivered { is_whole: true, counts })) => Ended {
                counts,
                trouble: told,
                missing: ended.missing.as_deref().map(order::words),
            },
            (_, delivered) => Ended {
                counts: delivered.map(|delivered| delivered.counts).unwrap_or_default(),
                trouble: Some(told.unwrap_or_else(|| "the agent did not deliver all that it captured".to_owned())),
                missing: None,
            },
        }
    }
}

/// The order of a capture in an agent's words.
pub fn order_of(capture: CaptureId) -> OrderId {
    OrderId {
        capture: *capture.as_bytes(),
        generation: GENERATION,
    }
}

const _: () = assert!(REMOTE_PART_BYTES >= 5 << 20);

#[cfg(test)]
mod tests;
