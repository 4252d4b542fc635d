//! Who may have how many of the places for captures that take memory.
//!
//! `capture.running_max` bounds the memory of part buffers over all captures. Whoever begins one takes its room here and nowhere else,
//! and here it is decided whether the account may have another:
//! * An account holds no more than its share, all but a quarter of the rooms, whatever it does in them. So others find some.
//! * One whose captures are over and not delivered begins no further one for a store while these are too many. They count from the
//!   moment in which capturing ends, before the account may begin the next: who has a store that takes nothing is known by what it has not
//!   taken, not by time that went by. With a store that keeps up, one or two are on their way at a time, however fast captures follow each other.
//!
//! A capture at an agent on another host takes none, since nothing of it waits here. One that goes on after a kill takes its room without being
//! asked whether it may, and counts.

use crate::CaptureError;
use crate::agent::Agent;
use crate::limits::{DELIVERING_MAX, UNDELIVERED_MAX, UNDELIVERED_WITH_ROOM_MAX};
use baleen_types::AccountId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The rooms of all captures, and whose they are.
pub(crate) struct Rooms {
    all: Arc<Semaphore>,
    share: usize,
    delivering: Arc<Semaphore>,
    accounts: Mutex<HashMap<AccountId, Tally>>,
}

/// Where what is caught goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// Into a store.
    Store,
    /// Into a store, from another host, whose agent keeps it until it is stored: what is on its way has a memory of its own.
    StoreFromElsewhere,
    /// To who asks, and no further.
    Asker,
}

impl To {
    /// Into a store, by an agent.
    pub(crate) fn store(agent: &dyn Agent) -> Self {
        match agent.elsewhere() {
            Some(_) => Self::StoreFromElsewhere,
            None => Self::Store,
        }
    }
}

/// The stay of one capture: counted until it is dropped, which is when its end is stored.
pub(crate) struct Room {
    rooms: Arc<Rooms>,
    account: AccountId,
    stay: Mutex<Stay>,
}

struct Stay {
    /// As long as it takes memory.
    room: Option<OwnedSemaphorePermit>,
    is_over: bool,
}

/// What an account has.
#[derive(Default, PartialEq, Eq)]
struct Tally {
    rooms: usize,
    undelivered: usize,
    undelivered_with_room: usize,
}

/// Rooms that one account may hold: all but a quarter, rounded up.
fn share_of(all: usize) -> usize {
    all.saturating_sub(all.div_ceil(4)).max(1)
}

impl Rooms {
    pub(crate) fn new(all: usize) -> Arc<Self> {
        Arc::new(Self {
            all: Arc::new(Semaphore::new(all)),
            share: share_of(all),
            delivering: Arc::new(Semaphore::new(DELIVERING_MAX)),
            accounts: Mutex::default(),
        })
    }

    /// Whether an account may take a room, if there is one.
    ///
    /// # Errors
    /// `Overdue` and `Share`, as of [`take`](Self::take).
    pub(crate) fn check(&self, account: AccountId, to: To) -> Result<(), CaptureError> {
        self.check_tally(self.accounts.lock().get(&account), to)
    }

    /// Whether there is none for what an account captures into a store, which will be otherwise by itself.
    pub(crate) fn is_full_for(&self, account: AccountId) -> bool {
        self.all.available_permits() == 0 || self.check(account, To::Store).is_err()
    }

    fn check_tally(&self, tally: Option<&Tally>, to: To) -> Result<(), CaptureError> {
        let Some(tally) = tally else { return Ok(()) };
        let is_behind =
            tally.undelivered >= UNDELIVERED_MAX || tally.undelivered_with_room >= UNDELIVERED_WITH_ROOM_MAX;
        if is_behind && to != To::Asker {
            return Err(CaptureError::Overdue);
        }
        if tally.rooms >= self.share && to != To::StoreFromElsewhere {
            return Err(CaptureError::Share { limit: self.share });
        }
        Ok(())
    }

    /// Takes a room for a capture that is to begin, if it needs one.
    ///
    /// # Errors
    /// `Overdue` while too many captures of the account are over and not delivered, `Share` while it holds as many rooms as it may, `Busy`
    /// while all are taken.
    pub(crate) fn take(self: &Arc<Self>, account: AccountId, to: To) -> Result<Room, CaptureError> {
        let mut accounts = self.accounts.lock();
        self.check_tally(accounts.get(&account), to)?;
        let room = match to {
            To::StoreFromElsewhere => None,
            To::Store | To::Asker => {
                let room = Arc::clone(&self.all).try_acquire_owned();
                Some(room.map_err(|_| CaptureError::Busy)?)
            }
        };
        Ok(self.stay(&mut accounts, account, room))
    }

    /// Counts a capture of an earlier process that takes no room, or none yet.
    pub(crate) fn without(self: &Arc<Self>, account: AccountId) -> Room {
        self.stay(&mut self.accounts.lock(), account, None)
    }

    /// Waits until one more may send from the disk, with one part in memory.
    pub(crate) async fn delivering(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.delivering).acquire_owned().await.ok()
    }

    fn stay(
        self: &Arc<Self>,
        accounts: &mut HashMap<AccountId, Tally>,
        account: AccountId,
        room: Option<OwnedSemaphorePermit>,
    ) -> Room {
        let stay = Stay { room, is_over: false };
        accounts.entry(account).or_default().add(&stay);
        Room {
            rooms: Arc::clone(self),
            account,
            stay: Mutex::new(stay),
        }
    }
}

impl Tally {
    fn add(&mut self, stay: &Stay) {
        let (room, over) = (stay.room.is_some(), stay.is_over);
        self.rooms += usize::from(room);
        self.undelivered += usize::from(over);
        self.undelivered_with_room += usize::from(room && over);
    }

    fn take_off(&mut self, stay: &Stay) {
        let (room, over) = (stay.room.is_some(), stay.is_over);
        self.rooms -= usize::from(room);
        self.undelivered -= usize::from(over);
        self.undelivered_with_room -= usize::from(room && over);
    }
}

impl Room {
    /// Capturing is over: from here on it counts as one that is not delivered.
    pub(crate) fn set_over(&self) {
        self.edit(|stay| stay.is_over = true);
    }

    /// Waits for a room, for a capture that has begun in an earlier process: it is not asked whether it may have one.
    pub(crate) async fn enter(&self) {
        // Never closed; without one it is as a capture that needs none.
        let room = Arc::clone(&self.rooms.all).acquire_owned().await.ok();
        self.edit(|stay| stay.room = room);
    }

    /// Nothing of it takes memory any more.
    pub(crate) fn give_back(&self) {
        self.edit(|stay| stay.room = None);
    }

    fn edit(&self, edit: impl FnOnce(&mut Stay)) {
        let (mut accounts, mut stay) = (self.rooms.accounts.lock(), self.stay.lock());
        let tally = accounts.entry(self.account).or_default();
        tally.take_off(&stay);
        edit(&mut stay);
        tally.add(&stay);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut accounts = self.rooms.accounts.lock();
        let stay = self.stay.get_mut();
        if let Some(tally) = accounts.get_mut(&self.account) {
            tally.take_off(stay);
            if *tally == Tally::default() {
                accounts.remove(&self.account);
            }
        }
        stay.room = None;
    }
}

#[cfg(test)]
mod tests;
