//! The place of one agent in this process.

mod attached;
mod order;
mod presence;

pub use attached::{Attached, Protocol};
pub use order::Order;

use crate::limits::OUTBOX_MAX;
use baleen_agentwire::limits::ORDERS_MAX;
use baleen_agentwire::{ClockFilter, Counts, Ended, Estimate, Hello, Interface, Job, OrderId, PROTOCOL, ToAgent};
use baleen_runtime::{Clock, Shutdown};
use baleen_types::{AccountId, AgentId, SiteName};
use parking_lot::Mutex;
use presence::Presence;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// What an order is told of an agent that does not hold it any more.
const FORGOTTEN: &str = "the agent was restarted and lost the capture";
/// The same of one that did not come back.
const LOST: &str = "the agent was cut off and did not come back in time";
/// The same of one that is no agent any more.
const REMOVED: &str = "the agent was removed";

/// What who asked is told of an agent whose release has no words for what is wanted.
const TOO_OLD: &str = "the release of the agent is too old for what is asked of it; update the program there";

/// The place of an agent. It stays while the agent is enrolled, whether it is connected or not.
pub struct Seat {
    /// Which agent.
    pub id: AgentId,
    /// Whose.
    pub account: AccountId,
    /// What its host calls it.
    pub name: String,
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
    presence: Presence,
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
    job: Job,
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
    /// Its program is of a release that does not know how to do it.
    #[error("{TOO_OLD}")]
    TooOld,
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
        name: String,
        (site, groups): (SiteName, Vec<SiteName>),
        is_shared: bool,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let now = clock.monotonic();
        Arc::new(Self {
            id,
            account,
            name,
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
                presence: Presence::away_since(now),
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
        state.presence.link(self.clock.monotonic());
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
        self.state.lock().presence.hear_part(self.clock.monotonic());
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
    pub fn adopt(self: &Arc<Self>, id: OrderId, job: Job) -> Result<Order, OrderRefused> {
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
            job,
            status,
            stop_is_wanted: false,
        };
        state.orders.insert(id, ordered);
        state.presence.wait_anew(self.clock.monotonic());
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
    /// `NotConnected` when there is nobody to ask; `TooMany`; `TooOld`.
    pub fn order(self: &Arc<Self>, id: OrderId, job: Job) -> Result<Order, OrderRefused> {
        let now = self.clock.monotonic();
        let mut state = self.state.lock();
        if !state.is_connected(now) || state.orders.contains_key(&id) {
            return Err(NotConnected.into());
        }
        // An agent that held more could not say what it holds.
        if state.orders.len() >= ORDERS_MAX {
            return Err(OrderRefused::TooMany);
        }
        if job.protocol() > state.hello.protocol {
            return Err(OrderRefused::TooOld);
        }
        let (status, watched) = watch::channel(OrderStatus::default());
        let asked = job.asked(id);
        let ordered = Ordered {
            job,
            status,
            stop_is_wanted: false,
        };
        state.orders.insert(id, ordered);
        state.send(asked);
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
        if state.link.is_some() && state.presence.until_lost(now).is_zero() {
            // What is not heard of does not know that it is not: it comes back by another connection.
            state.cut();
        }
        if state.presence.is_lost(now, away_max) {
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
        self.link.as_ref().is_some_and(|link| link.has_greeted) && !self.presence.until_lost(now).is_zero()
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
            self.presence.leave();
        }
    }

    fn end_all(&mut self, why: &str) {
        for ordered in self.orders.values() {
            ordered.end(why);
        }
    }

    /// Says again what the agent may have missed, and forgets what it says it does not have.
    fn greet(&mut self, hello: Hello, now: Duration) {
        self.presence.greet(now);
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
                // It may have come back as an older release.
                if ordered.job.protocol() > self.hello.protocol {
                    ordered.end(TOO_OLD);
                } else {
                    say.push(ordered.job.asked(*id));
                }
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

#[cfg(test)]
mod tests;
