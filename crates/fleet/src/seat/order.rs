//! An order as it is held by who gave it.

use super::{NotConnected, OrderRefused, OrderStatus, Seat};
use baleen_agentwire::{OrderId, ToAgent, VIEWS_SINCE};
use baleen_types::AgentId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// An order that an agent was given. Dropped, the agent forgets it.
pub struct Order {
    pub(super) seat: Arc<Seat>,
    /// Which.
    pub id: OrderId,
    pub(super) status: watch::Receiver<OrderStatus>,
    /// Whether another process will take it up.
    pub(super) is_left: AtomicBool,
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

    /// Asks that what is caught from now on is sent as a view of this number.
    ///
    /// # Errors
    /// `NotConnected`: there is nobody to ask, and nobody will be later; `TooOld`.
    pub fn show(&self, view: u32) -> Result<(), OrderRefused> {
        let now = self.seat.clock.monotonic();
        let state = self.seat.state.lock();
        if !state.is_connected(now) {
            return Err(NotConnected.into());
        }
        if state.hello.protocol < VIEWS_SINCE {
            return Err(OrderRefused::TooOld);
        }
        // A watcher is no reason to cut off an agent that has much to hear.
        let link = state.link.as_ref().ok_or(NotConnected)?;
        let said = link.outbox.try_send(ToAgent::Show(self.id, view));
        said.map_err(|_| NotConnected.into())
    }

    /// Leaves it to the next process: the agent does not forget it, now or when it connects anew.
    pub fn leave(&self) {
        self.is_left.store(true, Ordering::Release);
    }

    /// How long its agent was not there, as a whole and until now. It never goes back, and it grows as long as the agent is away.
    pub fn away(&self) -> Duration {
        let now = self.seat.clock.monotonic();
        self.seat.state.lock().presence.away(now)
    }

    /// How long who began to wait for its agent when that had been away for `before` has to wait longer for it now: as long as it was away
    /// since, and no longer than an agent may be away.
    pub fn excused(&self, before: Duration) -> Duration {
        let now = self.seat.clock.monotonic();
        self.seat.state.lock().presence.excused(now, before)
    }

    /// When something of a part came from its agent, of this or another order, by the clock that never goes back.
    pub fn part_heard(&self) -> Duration {
        self.seat.state.lock().presence.part_heard()
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
