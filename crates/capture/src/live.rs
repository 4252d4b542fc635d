//! The captures that run in this process.

use crate::agent::Running;
use crate::capture::Counts;
use crate::meter::AtWork;
use baleen_runtime::Shutdown;
use baleen_types::{AccountId, CaptureId, OwnershipId};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Finds running captures, for progress and for stopping them.
#[derive(Default)]
pub(crate) struct LiveCaptures(Mutex<HashMap<CaptureId, Arc<Live>>>);

/// One capture that runs in this process.
pub(crate) struct Live {
    account: AccountId,
    /// What allows it to write where it writes, if that is not the account's own bucket for captures.
    ownership: Option<OwnershipId>,
    /// Stops when the user asks for it.
    pub(crate) stop: Shutdown,
    forsaken: AtomicBool,
    suspended: AtomicBool,
    running: Mutex<Option<Arc<dyn Running>>>,
}

/// Removes a capture from the registry when its run ends, however it ends.
pub(crate) struct Registered<'a> {
    captures: &'a LiveCaptures,
    id: CaptureId,
    pub(crate) live: Arc<Live>,
    _at_work: AtWork,
}

impl LiveCaptures {
    pub(crate) fn register(&self, account: AccountId, id: CaptureId, ownership: Option<OwnershipId>) -> Registered<'_> {
        let live = Arc::new(Live {
            account,
            ownership,
            stop: Shutdown::new(),
            forsaken: AtomicBool::new(false),
            suspended: AtomicBool::new(false),
            running: Mutex::new(None),
        });
        self.0.lock().insert(id, Arc::clone(&live));
        Registered {
            captures: self,
            id,
            live,
            _at_work: AtWork::begin(),
        }
    }

    /// What a running capture has caught by now.
    pub(crate) fn counts(&self, id: CaptureId) -> Option<Counts> {
        let live = self.0.lock().get(&id).cloned()?;
        let running = live.running.lock().clone()?;
        Some(running.counts())
    }

    /// Asks a running capture to end.
    pub(crate) fn stop(&self, id: CaptureId) {
        if let Some(live) = self.0.lock().get(&id) {
            live.stop.stop();
        }
    }

    /// The accounts that have captures here.
    pub(crate) fn accounts(&self) -> Vec<AccountId> {
        let mut accounts: Vec<_> = self.0.lock().values().map(|live| live.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        accounts
    }

    /// Ends the captures of an account that may not act any more; they keep what they have. Returns how many were not asked
    /// to end before.
    pub(crate) fn suspend(&self, account: AccountId) -> usize {
        let captures = self.0.lock();
        let of_account = captures.values().filter(|live| live.account == account);
        let going_on = of_account.filter(|live| !live.stop.is_stopping());
        going_on
            .map(|live| {
                live.suspended.store(true, Ordering::Release);
                live.stop.stop();
            })
            .count()
    }

    /// Ends the captures whose destination was deleted; they fail.
    pub(crate) fn forsake(&self, account: AccountId, ownership: OwnershipId) {
        for live in self.0.lock().values() {
            if live.account == account && live.ownership == Some(ownership) {
                live.forsaken.store(true, Ordering::Release);
                live.stop.stop();
            }
        }
    }
}

impl Live {
    /// Whether the destination was deleted meanwhile.
    pub(crate) fn is_forsaken(&self) -> bool {
        self.forsaken.load(Ordering::Acquire)
    }

    /// Whether the capture was ended because its account may not act any more.
    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended.load(Ordering::Acquire)
    }

    pub(crate) fn set_running(&self, running: &Arc<dyn Running>) {
        *self.running.lock() = Some(Arc::clone(running));
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.captures.0.lock().remove(&self.id);
    }
}
