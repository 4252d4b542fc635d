//! The place of one agent in this process, and what is said on its connection.

use crate::limits::OUTBOX_MAX;
use baleen_agentwire::limits::{LOST_AFTER, ORDERS_MAX, dropped_max};
use baleen_agentwire::{
    Begin, ClockFilter, Counts, Ended, Estimate, Hello, Interface, OrderId, PROTOCOL, Stamps, ToAgent, ToServer,
};
use baleen_runtime::{Clock, Shutdown};
use baleen_types::{AccountId, AgentId, SiteName};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// What an order is told of an agent that does not hold it any more.
const FORGOTTEN: &str = "the agent was restarted and lost the capture";
/// The same of one that did not come back.
const LOST: &str = "the agent was cut off and did not come back in time";
/// The same of one that is no agent any more.
const REMOVED: &str = "the agent was removed";

/// The place of an agent. It stays while the agent is enrolled, whether it is connected or not.
pub struct Seat {
    /// Which agent.
    pub id: AgentId,
    /// Whose.
    pub account: AccountId,
    /// Where it captures.
    pub site: SiteName,
    /// What else it answers to.
    pub groups: Vec<SiteName>,
    /// Whether all accounts may capture there, and not its own alone.
    pub is_shared: bool,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    link: Option<Link>,
    next_link: u64,
    orders: HashMap<OrderId, Ordered>,
    hello: Hello,
    clock: ClockFilter,
    free_bytes: u64,
    /// When it was last heard of, by the clock that never goes back.
    heard: Duration,
    /// When something of a part came, of whatever order.
    part_heard: Duration,
    /// Since when it is not there, while it is not.
    away_since: Option<Duration>,
    /// How long it was not there before, as a whole.
    away: Duration,
    is_removed: bool,
}

struct Link {
    number: u64,
    outbox: mpsc::Sender<ToAgent>,
    closed: Shutdown,
    /// Whether it has greeted.
    has_greeted: bool,
}

struct Ordered {
    begin: Begin,
    status: watch::Sender<OrderStatus>,
    stop_is_wanted: bool,
}

/// How far an order is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderStatus {
    /// From how many interfaces packets are taken, once they are.
    pub began: Option<u16>,
    /// Why they are not.
    pub refused: Option<String>,
    /// What was caught, as far as it was told.
    pub counts: Counts,
    /// The end.
    pub ended: Option<Ended>,
}

/// An agent that takes no orders now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the agent is not connected")]
pub struct NotConnected;

/// Why an order is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefused {
    /// There is nobody to ask.
    #[error(transparent)]
    NotConnected(#[from] NotConnected),
    /// It is at as many captures as an agent can be.
    #[error("the agent is at {ORDERS_MAX} captures, and can be at no more")]
    TooMany,
}

/// What an agent must not say, or not now. It is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Protocol {
    /// Something before the greeting.
    #[error("the agent did not greet first")]
    NoGreeting,
    /// A second greeting.
    #[error("the agent greeted twice")]
    GreetedTwice,
    /// A version that there is not.
    #[error("the agent speaks no version of the protocol that this server does")]
    Version,
    /// The connection has been replaced by another of the same agent.
    #[error("the agent has another connection")]
    Replaced,
}

/// What is known of an agent now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HowItIs {
    /// Whether it can be asked for something.
    pub is_connected: bool,
    /// The release of its program.
    pub release: String,
    /// Where it may capture.
    pub interfaces: Vec<Interface>,
    /// How far its clock is off.
    pub clock: Option<Estimate>,
    /// Space for what waits to be sent.
    pub free_bytes: u64,
    /// Captures that it is at.
    pub orders: usize,
}

impl Seat {
    pub(crate) fn new(
        (account, id): (AccountId, AgentId),
        (site, groups): (SiteName, Vec<SiteName>),
        is_shared: bool,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let now = clock.monotonic();
        Arc::new(Self {
            id,
            account,
            site,
            groups,
            is_shared,
            clock,
            state: Mutex::new(State {
                link: None,
                next_link: 0,
                orders: HashMap::new(),
                hello: Hello::default(),
                clock: ClockFilter::default(),
                free_bytes: 0,
                heard: Duration::ZERO,
                part_heard: Duration::ZERO,
                away_since: Some(now),
                away: Duration::ZERO,
                is_removed: false,
            }),
        })
    }

    /// Takes up a connection of the agent. One that it had before is closed: it is the agent's own, and older.
    ///
    /// # Errors
    /// `NotConnected` when it was removed meanwhile.
    pub fn attach(self: &Arc<Self>) -> Result<Attached, NotConnected> {
        let (outbox, inbox) = mpsc::channel(OUTBOX_MAX);
        let closed = Shutdown::new();
        let mut state = self.state.lock();
        if state.is_removed {
            return Err(NotConnected);
        }
        let number = state.next_link;
        state.next_link += 1;
        let heard = state.heard;
        // Until it has greeted.
        state.away_since.get_or_insert(heard);
        state.heard = self.clock.monotonic();
        let link = Link {
            number,
            outbox,
            closed: closed.clone(),
            has_greeted: false,
        };
        if let Some(before) = state.link.replace(link) {
            before.closed.stop();
        }
        drop(state);
        Ok(Attached {
            seat: Arc::clone(self),
            number,
            inbox,
            closed,
        })
    }

    /// Something of a part has come from the agent: while one makes its way over a slow line, words may wait behind it.
    pub fn hear_part(&self) {
        let now = self.clock.monotonic();
        let mut state = self.state.lock();
        state.part_heard = now;
        if state.link.as_ref().is_some_and(|link| link.has_greeted) {
            state.heard = now;
        }
    }

    /// Whether it can be asked to capture now.
    pub fn is_connected(&self) -> bool {
        let now = self.clock.monotonic();
        self.state.lock().is_connected(now)
    }

    /// What is known of it.
    pub fn how_it_is(&self) -> HowItIs {
        let now = self.clock.monotonic();
        let state = self.state.lock();
        HowItIs {
            is_connected: state.is_connected(now),
            release: state.hello.release.clone(),
            interfaces: state.hello.interfaces.clone(),
            clock: state.clock.estimate(),
            free_bytes: state.free_bytes,
            orders: state.orders.len(),
        }
    }

    /// Takes up an order that a process before this one gave, and that was begun: the agent is not told to forget it. From now on it is
    /// waited for as one that was cut off.
    ///
    /// # Errors
    /// `NotConnected` when the agent was removed, or has the order from this process; `TooMany`.
    pub fn adopt(self: &Arc<Self>, id: OrderId, begin: Begin) -> Result<Order, OrderRefused> {
        let mut state = self.state.lock();
        if state.is_removed || state.orders.contains_key(&id) {
            return Err(NotConnected.into());
        }
        if state.orders.len() >= ORDERS_MAX {
            return Err(OrderRefused::TooMany);
        }
        let (status, watched) = watch::channel(OrderStatus {
            began: Some(0),
            ..OrderStatus::default()
        });
        let ordered = Ordered {
            begin,
            status,
            stop_is_wanted: false,
        };
        state.orders.insert(id, ordered);
        state.heard = state.heard.max(self.clock.monotonic());
        Ok(Order {
            seat: Arc::clone(self),
            id,
            status: watched,
            is_left: AtomicBool::new(false),
        })
    }

    /// Orders a capture. It is the agent's until what is returned is dropped.
    ///
    /// # Errors
    /// `NotConnected` when there is nobody to ask; `TooMany`.
    pub fn order(self: &Arc<Self>, id: OrderId, begin: Begin) -> Result<Order, OrderRefused> {
        let now = self.clock.monotonic();
        let mut state = self.state.lock();
        if !state.is_connected(now) || state.orders.contains_key(&id) {
            return Err(NotConnected.into());
        }
        // An agent that held more could not say what it holds.
        if state.orders.len() >= ORDERS_MAX {
            return Err(OrderRefused::TooMany);
        }
        let (status, watched) = watch::channel(OrderStatus::default());
        let ordered = Ordered {
            begin: begin.clone(),
            status,
            stop_is_wanted: false,
        };
        state.orders.insert(id, ordered);
        state.send(ToAgent::Begin(id, begin));
        drop(state);
        Ok(Order {
            seat: Arc::clone(self),
            id,
            status: watched,
            is_left: AtomicBool::new(false),
        })
    }

    /// Gives up the orders of an agent that has been away for longer than it may.
    pub(crate) fn give_up_after(&self, away_max: Duration) {
        let now = self.clock.monotonic();
        let mut state = self.state.lock();
        if state
            .link
            .as_ref()
            .is_some_and(|_| now.saturating_sub(state.heard) >= LOST_AFTER)
        {
            // What is not heard of does not know that it is not: it comes back by another connection.
            state.cut();
        }
        if state.link.is_none() && now.saturating_sub(state.heard) >= away_max {
            state.end_all(LOST);
        }
    }

    /// Ends everything of an agent that is none any more.
    pub(crate) fn remove(&self) {
        let mut state = self.state.lock();
        state.is_removed = true;
        state.send(ToAgent::Bye {
            why: REMOVED.to_owned(),
            come_back: false,
        });
        state.cut();
        state.end_all(REMOVED);
    }
}

impl State {
    fn is_connected(&self, now: Duration) -> bool {
        self.link.as_ref().is_some_and(|link| link.has_greeted) && now.saturating_sub(self.heard) < LOST_AFTER
    }

    /// Says something to the agent. One that does not take what is said to it is cut off, and hears it when it is back.
    fn send(&mut self, message: ToAgent) {
        if let Some(link) = &self.link
            && link.outbox.try_send(message).is_err()
        {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if let Some(link) = self.link.take() {
            link.closed.stop();
            self.away_since.get_or_insert(self.heard);
        }
    }

    /// How long it was not there until now, as a whole.
    fn away(&self, now: Duration) -> Duration {
        let at_present = self.away_since.map(|since| now.saturating_sub(since));
        self.away + at_present.unwrap_or_default()
    }

    fn end_all(&mut self, why: &str) {
        for ordered in self.orders.values() {
            ordered.end(why);
        }
    }

    /// Says again what the agent may have missed, and forgets what it says it does not have.
    fn greet(&mut self, hello: Hello, now: Duration) {
        self.away = self.away(now);
        self.away_since = None;
        let held: Vec<OrderId> = hello.held.clone();
        self.hello = hello;
        let mut say = vec![ToAgent::Welcome {
            protocol: self.hello.protocol.min(PROTOCOL),
        }];
        say.extend(
            held.iter()
                .filter(|id| !self.orders.contains_key(id))
                .map(|id| ToAgent::Forget(*id)),
        );
        for (id, ordered) in &self.orders {
            let status = ordered.status.borrow().clone();
            if held.contains(id) {
                if ordered.stop_is_wanted {
                    say.push(ToAgent::Stop(*id));
                }
            } else if status.began.is_none() && status.refused.is_none() && status.ended.is_none() {
                say.push(ToAgent::Begin(*id, ordered.begin.clone()));
            } else {
                ordered.end(FORGOTTEN);
            }
        }
        for message in say {
            self.send(message);
        }
    }
}

impl Ordered {
    /// The end, unless there was one.
    fn end(&self, trouble: &str) {
        self.status.send_if_modified(|status| {
            if status.ended.is_some() || status.refused.is_some() {
                return false;
            }
            if status.began.is_none() {
                status.refused = Some(trouble.to_owned());
                return true;
            }
            status.ended = Some(Ended {
                counts: status.counts,
                parts: u32::MAX,
                trouble: Some(trouble.to_owned()),
                missing: None,
            });
            true
        });
    }
}

/// Counts that never go down, whatever is told.
fn at_least(counts: Counts, before: Counts) -> Counts {
    Counts {
        packets: counts.packets.max(before.packets),
        bytes: counts.bytes.max(before.bytes),
        dropped: counts.dropped.max(before.dropped),
    }
}

/// What can have been caught of an order, whatever is told: it goes into records and numbers of the whole server.
fn within(counts: Counts, begin: &Begin) -> Counts {
    Counts {
        packets: counts.packets.min(begin.packets),
        bytes: counts.bytes.min(begin.bytes),
        dropped: counts.dropped.min(dropped_max(begin.time_ms)),
    }
}

/// A connection of an agent.
pub struct Attached {
    seat: Arc<Seat>,
    number: u64,
    inbox: mpsc::Receiver<ToAgent>,
    closed: Shutdown,
}

impl Attached {
    /// Whose connection it is.
    pub fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Some bytes have come that may be a part of a word.
    pub fn hear(&self) {
        let now = self.seat.clock.monotonic();
        let mut state = self.seat.state.lock();
        if state.link.as_ref().is_some_and(|link| link.number == self.number) {
            state.heard = now;
        }
    }

    /// How long it is until the agent is lost, unless something comes from it; nothing when it is.
    pub fn until_lost(&self) -> Duration {
        let now = self.seat.clock.monotonic();
        (self.seat.state.lock().heard + LOST_AFTER).saturating_sub(now)
    }

    /// Takes what the agent said.
    ///
    /// # Errors
    /// `Protocol`: the connection is to be closed.
    pub fn take(&self, message: ToServer) -> Result<(), Protocol> {
        let now = self.seat.clock.monotonic();
        let wall = self.seat.clock.now().as_nanos();
        let mut state = self.seat.state.lock();
        let Some(link) = state.link.as_mut().filter(|link| link.number == self.number) else {
            return Err(Protocol::Replaced);
        };
        let greeted = std::mem::replace(&mut link.has_greeted, true);
        state.heard = now;
        match (message, greeted) {
            (ToServer::Hello(_), true) => return Err(Protocol::GreetedTwice),
            (ToServer::Hello(hello), false) if hello.protocol == 0 => {
                state.cut();
                return Err(Protocol::Version);
            }
            (ToServer::Hello(hello), false) => state.greet(hello, now),
            (_, false) => {
                state.cut();
                return Err(Protocol::NoGreeting);
            }
            (ToServer::Pong { t1, t2, t3 }, true) => state.clock.push(Stamps { t1, t2, t3, t4: wall }, now),
            (ToServer::Beat(beat), true) => {
                state.free_bytes = beat.free_bytes;
                for (id, counts) in beat.orders {
                    state.note(id, |status, begin| {
                        status.counts = at_least(within(counts, begin), status.counts);
                    });
                }
            }
            (ToServer::Refused { order, why }, true) => {
                state.note(order, |status, _| {
                    // What had begun cannot be refused any more.
                    if status.began.is_none() {
                        status.refused.get_or_insert(why);
                    }
                });
            }
            (ToServer::Began { order, interfaces }, true) => {
                state.note(order, |status, _| status.began = status.began.or(Some(interfaces)));
            }
            (ToServer::Ended(order, mut ended), true) => {
                state.note(order, |status, begin| {
                    ended.counts = within(ended.counts, begin);
                    status.counts = at_least(ended.counts, status.counts);
                    status.began = status.began.or(Some(0));
                    // What is told again counts when fewer parts can be delivered than was thought; what was given up here stays so.
                    let is_news = status
                        .ended
                        .as_ref()
                        .is_none_or(|known| known.parts != u32::MAX && ended.parts < known.parts);
                    if is_news {
                        status.ended = Some(ended);
                    }
                });
            }
        }
        Ok(())
    }

    /// Waits for what is to be said next. `None` when the connection is to be ended: all that was to be said was said. Cancel safe.
    pub async fn next(&mut self) -> Option<ToAgent> {
        tokio::select! {
            biased;
            message = self.inbox.recv() => message,
            () = self.closed.stopping() => None,
        }
    }
}

impl State {
    fn note(&mut self, id: OrderId, edit: impl FnOnce(&mut OrderStatus, &Begin)) {
        if let Some(ordered) = self.orders.get(&id) {
            ordered.status.send_modify(|status| edit(status, &ordered.begin));
        }
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let mut state = self.seat.state.lock();
        if state.link.as_ref().is_some_and(|link| link.number == self.number) {
            state.heard = self.seat.clock.monotonic();
            state.cut();
        }
    }
}

/// An order that an agent was given. Dropped, the agent forgets it.
pub struct Order {
    seat: Arc<Seat>,
    /// Which.
    pub id: OrderId,
    status: watch::Receiver<OrderStatus>,
    /// Whether another process will take it up.
    is_left: AtomicBool,
}

impl Order {
    /// How far it is.
    pub fn status(&self) -> OrderStatus {
        self.status.borrow().clone()
    }

    /// Waits until it is as far as `is_so` says. Cancel safe.
    pub async fn until(&self, is_so: impl FnMut(&OrderStatus) -> bool) -> OrderStatus {
        let mut status = self.status.clone();
        let seen = status.wait_for(is_so).await.map(|status| status.clone());
        // The sender lives as long as this does.
        seen.unwrap_or_else(|_| self.status())
    }

    /// Asks for the end. It is asked again when the agent comes back.
    pub fn stop(&self) {
        let mut state = self.seat.state.lock();
        let Some(ordered) = state.orders.get_mut(&self.id) else {
            return;
        };
        if !std::mem::replace(&mut ordered.stop_is_wanted, true) {
            state.send(ToAgent::Stop(self.id));
        }
    }

    /// Leaves it to the next process: the agent does not forget it, now or when it connects anew.
    pub fn leave(&self) {
        self.is_left.store(true, Ordering::Release);
    }

    /// How long its agent was not there, as a whole and until now. It never goes back, and it grows as long as the agent is away.
    pub fn away(&self) -> Duration {
        let now = self.seat.clock.monotonic();
        self.seat.state.lock().away(now)
    }

    /// When something of a part came from its agent, of this or another order, by the clock that never goes back.
    pub fn part_heard(&self) -> Duration {
        self.seat.state.lock().part_heard
    }

    /// The agent it was given to.
    pub fn agent(&self) -> AgentId {
        self.seat.id
    }
}

impl Drop for Order {
    fn drop(&mut self) {
        if self.is_left.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.seat.state.lock();
        state.orders.remove(&self.id);
        state.send(ToAgent::Forget(self.id));
    }
}

#[cfg(test)]
mod tests;
