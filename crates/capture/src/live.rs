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
use tokio::sync::watch;

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
    forsaken: Shutdown,
    suspended: AtomicBool,
    /// Whether its packets were caught by an earlier process.
    resumed: AtomicBool,
    /// Whether it goes to its asker alone.
    is_stream: bool,
    running: watch::Sender<Option<Arc<dyn Running>>>,
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
        let live = Arc::new(Live::new(account, ownership, false));
        self.0.lock().insert(id, Arc::clone(&live));
        self.registered(id, live)
    }

    /// Registers a stream; `None` while its account has so many.
    pub(crate) fn register_stream(&self, account: AccountId, id: CaptureId, most: usize) -> Option<Registered<'_>> {
        let live = Arc::new(Live::new(account, None, true));
        {
            let mut captures = self.0.lock();
            let is_of_account = |live: &&Arc<Live>| live.is_stream && live.account == account;
            if captures.values().filter(is_of_account).count() >= most {
                return None;
            }
            captures.insert(id, Arc::clone(&live));
        }
        Some(self.registered(id, live))
    }

    fn registered(&self, id: CaptureId, live: Arc<Live>) -> Registered<'_> {
        Registered {
            captures: self,
            id,
            live,
            _at_work: AtWork::begin(),
        }
    }

    /// Waits until a capture is running; `None` when it does not run here.
    pub(crate) async fn running(&self, id: CaptureId) -> Option<Arc<dyn Running>> {
        let mut running = self.0.lock().get(&id)?.running.subscribe();
        running.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// What a running capture has caught by now.
    pub(crate) fn counts(&self, id: CaptureId) -> Option<Counts> {
        let live = self.0.lock().get(&id).cloned()?;
        let running = live.running.borrow().clone()?;
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
                live.forsaken.stop();
                live.stop.stop();
            }
        }
    }
}

impl Live {
    fn new(account: AccountId, ownership: Option<OwnershipId>, is_stream: bool) -> Self {
        Self {
            account,
            ownership,
            stop: Shutdown::new(),
            forsaken: Shutdown::new(),
            suspended: AtomicBool::new(false),
            resumed: AtomicBool::new(false),
            is_stream,
            running: watch::Sender::new(None),
        }
    }

    /// Whether the destination was deleted meanwhile.
    pub(crate) fn is_forsaken(&self) -> bool {
        self.forsaken.is_stopping()
    }

    /// Waits for it.
    pub(crate) async fn forsaken(&self) {
        self.forsaken.stopping().await;
    }

    /// Whether the capture was ended because its account may not act any more.
    pub(crate) fn is_suspended(&self) -> bool {
        self.suspended.load(Ordering::Acquire)
    }

    /// Notes that it goes on with what an earlier process has caught, which nobody else has any more.
    pub(crate) fn set_resumed(&self) {
        self.resumed.store(true, Ordering::Release);
    }

    pub(crate) fn is_resumed(&self) -> bool {
        self.resumed.load(Ordering::Acquire)
    }

    pub(crate) fn set_running(&self, running: &Arc<dyn Running>) {
        self.running.send_replace(Some(Arc::clone(running)));
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let mut captures = self.captures.0.lock();
        // One that was cut is completed by another task, which may have registered it by now.
        if captures.get(&self.id).is_some_and(|live| Arc::ptr_eq(live, &self.live)) {
            captures.remove(&self.id);
        }
    }
}
