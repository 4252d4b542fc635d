//! A connection of an agent, and what is said on it.

use super::{OrderStatus, Seat, State};
use baleen_agentwire::limits::dropped_max;
use baleen_agentwire::{Begin, Counts, OrderId, Stamps, ToAgent, ToServer};
use baleen_runtime::Shutdown;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

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

/// A connection of an agent.
pub struct Attached {
    pub(super) seat: Arc<Seat>,
    pub(super) number: u64,
    pub(super) inbox: mpsc::Receiver<ToAgent>,
    pub(super) closed: Shutdown,
}

impl Attached {
    /// Whose connection it is.
    pub fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Whether the agent is away without this connection: it has no other, and was not removed.
    pub fn is_the_last(&self) -> bool {
        let state = self.seat.state.lock();
        let has_another = state.link.as_ref().is_some_and(|link| link.number != self.number);
        !has_another && !state.is_removed
    }

    /// Some bytes have come that may be a part of a word.
    pub fn hear(&self) {
        let now = self.seat.clock.monotonic();
        let mut state = self.seat.state.lock();
        if state.link.as_ref().is_some_and(|link| link.number == self.number) {
            state.presence.hear(now);
        }
    }

    /// How long it is until the agent is lost, unless something comes from it; nothing when it is.
    pub fn until_lost(&self) -> Duration {
        let now = self.seat.clock.monotonic();
        self.seat.state.lock().presence.until_lost(now)
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
        state.presence.hear(now);
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

impl Drop for Attached {
    fn drop(&mut self) {
        let mut state = self.seat.state.lock();
        if state.link.as_ref().is_some_and(|link| link.number == self.number) {
            state.presence.hear(self.seat.clock.monotonic());
            state.cut();
        }
    }
}

impl State {
    fn note(&mut self, id: OrderId, edit: impl FnOnce(&mut OrderStatus, &Begin)) {
        if let Some(ordered) = self.orders.get(&id) {
            ordered.status.send_modify(|status| edit(status, &ordered.job.begin));
        }
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
