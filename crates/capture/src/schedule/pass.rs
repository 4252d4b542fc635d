//! Looking for what is due, again and again.
//!
//! What is due of one account is dealt with one after the other, since it captures once at a time, and in a task of its own: a pass
//! waits for nobody for long, and goes on with the others. Who could not be looked at stays due for the next pass. The accounts begin
//! at a random one, so that where there is no place for all none is always the last.

use super::fire::Fate;
use super::keys::{all_began, all_due, began_key, due_key, in_began_row, in_due_key};
use super::told::Told;
use crate::limits::{SCHEDULE_ACCOUNTS_AT_ONCE, SCHEDULE_BEGIN_MAX, SCHEDULE_PASS_MAX, SCHEDULES_LOOKED_AT_MAX};
use crate::{CaptureError, Captures};
use async_trait::async_trait;
use baleen_meta::{Request, Scan};
use baleen_types::{AccountId, CaptureId, Classify as _, ScheduleId, Timestamp};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tracing::error;

/// Entries that are read at once.
const PAGE: usize = 256;

/// Why what was said is to be said again.
pub type NotTaken = Box<dyn std::error::Error + Send + Sync>;

/// Who knows of accounts, and is told what begins.
#[async_trait]
pub trait ScheduleWitness: Send + Sync + 'static {
    /// Whether an account may act.
    ///
    /// # Errors
    /// It cannot be told now; the schedule stays due.
    async fn may_act(&self, account: AccountId) -> Result<bool, CaptureError>;

    /// A schedule of an account has begun a capture. It is said again until it is taken, and once more than needed after a kill.
    ///
    /// # Errors
    /// It cannot be taken now.
    async fn began(&self, account: AccountId, schedule: ScheduleId, capture: CaptureId) -> Result<(), NotTaken>;
}

/// What a pass did, and what became of what the ones before it did not wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fired {
    /// Captures that began.
    pub began: u64,
    /// Schedules that were due and began none.
    pub skipped: u64,
}

impl fmt::Display for Fired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} captures begun; {} times skipped", self.began, self.skipped)
    }
}

/// What was done, and what went wrong last.
type Tally = (Fired, Option<CaptureError>);

/// What is due of an account: when, and in which slot.
type Due = Vec<(i64, u8)>;

/// What the passes of this process have under way.
pub(crate) struct Passes {
    places: Arc<Semaphore>,
    accounts: Mutex<HashSet<AccountId>>,
    /// Those that could not be told of a capture, which is logged once.
    untold: Mutex<HashSet<AccountId>>,
    /// Records that cannot be read, which is logged once too.
    pub(super) unread: Told,
    /// What became of what was under way, until a pass tells it: also what none waited for.
    tally: Mutex<Tally>,
}

impl Default for Passes {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(SCHEDULE_ACCOUNTS_AT_ONCE)),
            accounts: Mutex::default(),
            untold: Mutex::default(),
            unread: Told::default(),
            tally: Mutex::default(),
        }
    }
}

/// The turn of an account, until it is dropped.
struct Turn {
    captures: Arc<Captures>,
    account: AccountId,
}

impl Turn {
    /// The turn of an account, if it is nobody's.
    fn take(captures: &Arc<Captures>, account: AccountId) -> Option<Self> {
        let is_free = captures.passes.accounts.lock().insert(account);
        is_free.then(|| Self {
            captures: Arc::clone(captures),
            account,
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.captures.passes.accounts.lock().remove(&self.account);
    }
}

impl Captures {
    /// Begins the captures of the schedules that are due, and sees to it that those are watched for that wait for something. One that
    /// cannot be looked at keeps no other.
    ///
    /// # Errors
    /// Those of the metadata store, and of the witness.
    pub async fn run_schedules(self: &Arc<Self>, witness: &Arc<dyn ScheduleWitness>) -> Result<Fired, CaptureError> {
        let watched = self.keep_watchers(witness).await;
        let fired = self.fire_due(witness).await;
        // Also where nothing else could be done.
        let told = self.tell_begun(&**witness).await;
        watched.and(fired).and(told)?;
        match std::mem::take(&mut *self.passes.tally.lock()) {
            (_, Some(error)) => Err(error),
            (fired, None) => Ok(fired),
        }
    }

    /// Begins what is due.
    async fn fire_due(self: &Arc<Self>, witness: &Arc<dyn ScheduleWitness>) -> Result<(), CaptureError> {
        let now = self.parts.clock.now();
        self.keep_time(now).await?;
        let due = self.due(now).await?;
        let work = async {
            let mut under_way = FuturesUnordered::new();
            for (account, due) in due {
                // Of one that is under way the rest stays due, and so does what finds no place while this pass lasts.
                let Some(turn) = Turn::take(self, account) else {
                    continue;
                };
                let place = Arc::clone(&self.passes.places).acquire_owned().await;
                let Ok(place) = place else { break };
                under_way.push(self.fire_all((turn, place), due, witness));
            }
            while let Some(done) = under_way.next().await {
                if done.is_err() {
                    // What it did not come to is still due.
                    error!("a task that deals with schedules broke off");
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = self.parts.clock.sleep(SCHEDULE_PASS_MAX) => {}
        }
        Ok(())
    }

    /// Tells of the captures that began, in this process or in one that was killed before it could. An account that cannot be told is tried
    /// once in a pass, and keeps no other from being told.
    async fn tell_begun(&self, witness: &dyn ScheduleWitness) -> Result<(), CaptureError> {
        let mut scan = Scan::prefix(&all_began()).limit(PAGE);
        'pages: loop {
            let page = self.parts.meta.scan(scan.clone()).await?;
            for entry in &page {
                let Ok((account, capture, schedule)) = in_began_row(entry) else {
                    if self.passes.unread.is_news(&entry.key) {
                        error!("an entry of what schedules have begun cannot be read");
                    }
                    continue;
                };
                if let Err(error) = witness.began(account, schedule, capture).await {
                    if self.passes.untold.lock().insert(account) {
                        error!(%error, %account, %schedule, %capture, "nobody could be told yet of a capture that a schedule began");
                    }
                    // Behind all of that account.
                    scan = scan.after(began_key(account, CaptureId::from_bytes([u8::MAX; CaptureId::BYTES])));
                    continue 'pages;
                }
                self.passes.untold.lock().remove(&account);
                let told = Request::new().delete(began_key(account, capture));
                self.parts.meta.commit(told).await?;
            }
            match page.last() {
                Some(last) if page.len() == PAGE => scan = scan.after(last.key.to_vec()),
                _ => return Ok(()),
            }
        }
    }

    /// What is due, by accounts; they begin at a random one.
    async fn due(&self, now: Timestamp) -> Result<Vec<(AccountId, Due)>, CaptureError> {
        let mut due: BTreeMap<AccountId, Due> = BTreeMap::new();
        let mut found = 0;
        let mut scan = Scan::prefix(&all_due()).limit(PAGE).keys_only();
        'all: loop {
            let page = self.parts.meta.scan(scan.clone()).await?;
            for entry in &page {
                let Ok((due_ns, account, slot)) = in_due_key(&entry.key) else {
                    if self.passes.unread.is_news(&entry.key) {
                        error!("an entry of what is due cannot be read");
                    }
                    continue;
                };
                if due_ns > now.as_nanos() || found == SCHEDULES_LOOKED_AT_MAX {
                    break 'all;
                }
                found += 1;
                due.entry(account).or_default().push((due_ns, slot));
            }
            match page.last() {
                Some(last) if page.len() == PAGE => scan = scan.after(last.key.to_vec()),
                _ => break,
            }
        }
        let mut due: Vec<_> = due.into_iter().collect();
        if due.len() > 1 {
            let accounts = due.len() as u64;
            let first = usize::try_from(self.parts.entropy.number() % accounts).unwrap_or(0);
            due.rotate_left(first);
        }
        Ok(due)
    }

    /// Deals with what is due of one account, in a task of its own.
    fn fire_all(
        self: &Arc<Self>,
        (turn, place): (Turn, OwnedSemaphorePermit),
        due: Due,
        witness: &Arc<dyn ScheduleWitness>,
    ) -> oneshot::Receiver<()> {
        let (done, told) = oneshot::channel();
        let (captures, witness, account) = (Arc::clone(self), Arc::clone(witness), turn.account);
        let work = async move {
            let clock = Arc::clone(&captures.parts.clock);
            let until = clock.monotonic() + SCHEDULE_BEGIN_MAX;
            for (due_ns, slot) in due {
                // Others have their turn before what is left of a slow one, which is still due.
                if clock.monotonic() >= until {
                    break;
                }
                let fate = captures.fire(due_ns, account, slot, &witness).await;
                let mut tally = captures.passes.tally.lock();
                match fate {
                    Ok(Fate::Began) => tally.0.began += 1,
                    Ok(Fate::Skipped) => tally.0.skipped += 1,
                    Ok(Fate::Waits | Fate::Gone) => {}
                    // It stays due, and so each pass finds it.
                    Err(error) if !error.kind().is_transient() => {
                        if captures.passes.unread.is_news(&due_key(due_ns, account, slot)) {
                            error!(%account, slot, %error, "a schedule is due and cannot be dealt with");
                            tally.1 = Some(error);
                        }
                    }
                    Err(error) => tally.1 = Some(error),
                }
            }
            // Before it is told: whoever hears of it may look again at once.
            drop((turn, place));
            let _ = done.send(());
        };
        self.parts.supervisor.spawn(&format!("schedules of {account}"), work);
        told
    }
}
