//! Watching for what triggers wait for.
//!
//! A pass starts a watcher for each trigger that is not paused, and ends those of others: what is wanted is read, so that one which
//! was lost comes back by itself. A watcher looks at what went by four times a second. What sets it off ends its watch, and the
//! next begins when the capture has its end and a minute of rest is over: so nothing of a trigger's own capture can set it off,
//! neither its upload nor the connections of that, and it begins at most one capture a minute.

use super::keys::{NEVER, at_never, due_key, in_watch_row, key};
use super::record::StoredSchedule;
use super::trigger::{Trigger, Tripwire};
use super::{ScheduleWitness, When};
use crate::agent::{WatchOrder, Watching};
use crate::capture::{self, StoredCapture};
use crate::limits::{WATCH_AGAIN_AFTER, WATCH_PERIOD, WATCHERS_MAX};
use crate::store::{self, Change};
use crate::{CaptureError, Captures, Destination};
use baleen_filter::FiveTuple;
use baleen_meta::{Request, Scan};
use baleen_runtime::Shutdown;
use baleen_types::{AccountId, CaptureId, Classify as _, ScheduleId, SiteName};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, oneshot};
use tracing::{info, warn};

/// The watchers of this process, each with what ends it.
#[derive(Default)]
pub(crate) struct Watchers {
    going: Mutex<HashMap<Of, Shutdown>>,
    /// Held from when it is looked whether there is room for one more, until that is stored: accounts have turns each for itself.
    pub(super) adding: AsyncMutex<()>,
}

/// Which trigger: its account, its slot and its id, since a slot has another schedule later.
type Of = (AccountId, u8, ScheduleId);

/// How a watch ended.
enum End {
    /// It was set off, by this.
    Tripped(String),
    /// It cannot go on, for this reason.
    Trouble(String),
    /// It is not wanted any more.
    Unwanted,
}

/// Whether a record is that of a trigger that is watched for.
fn is_watched(record: &StoredSchedule, id: ScheduleId) -> bool {
    record.id() == id && record.due_ns == Some(NEVER)
}

impl Captures {
    /// Starts the watchers that are wanted, and ends the others.
    pub(super) async fn keep_watchers(
        self: &Arc<Self>,
        witness: &Arc<dyn ScheduleWitness>,
    ) -> Result<(), CaptureError> {
        // The first so many, if there are more: none is refused that was taken before.
        let entries = self
            .parts
            .meta
            .scan(Scan::prefix(&at_never()).limit(WATCHERS_MAX))
            .await?;
        let mut wanted = HashSet::new();
        for entry in &entries {
            let looked = match in_watch_row(entry) {
                Ok(of) => self.is_wanted(of).await.map(|is_wanted| is_wanted.then_some(of)),
                Err(error) => Err(error),
            };
            match looked {
                Ok(of) => wanted.extend(of),
                Err(error) if error.kind().is_transient() => return Err(error),
                // It is the only one that is not watched for.
                Err(error) => {
                    if self.passes.unread.is_news(&entry.key) {
                        warn!(%error, "a trigger cannot be read, and is not watched for");
                    }
                }
            }
        }
        let mut watchers = self.watchers.going.lock();
        watchers.retain(|of, end| {
            let is_wanted = wanted.contains(of);
            if !is_wanted {
                end.stop();
            }
            is_wanted
        });
        for of in wanted {
            if !watchers.contains_key(&of) {
                let end = Shutdown::new();
                watchers.insert(of, end.clone());
                let (captures, witness) = (Arc::clone(self), Arc::clone(witness));
                let watching = async move { captures.watch_until(of, &end, &witness).await };
                self.parts.supervisor.spawn(&format!("watch {}", of.2), watching);
            }
        }
        Ok(())
    }

    /// Watches again and again, until it is not wanted any more.
    async fn watch_until(self: &Arc<Self>, of: Of, end: &Shutdown, witness: &Arc<dyn ScheduleWitness>) {
        let shutdown = self.parts.supervisor.shutdown().clone();
        let ended = async {
            tokio::select! {
                () = end.stopping() => {}
                () = shutdown.stopping() => {}
            }
        };
        tokio::select! {
            () = self.watch_on(of, end, witness) => {}
            () = ended => {}
        }
        // One that ended by itself is started by the next pass, if it is wanted again. Who ended it has forgotten it.
        let mut watchers = self.watchers.going.lock();
        if !end.is_stopping() {
            watchers.remove(&of);
        }
    }

    async fn watch_on(self: &Arc<Self>, of: Of, end: &Shutdown, witness: &Arc<dyn ScheduleWitness>) {
        let (account, slot, schedule) = of;
        let mut told = None;
        // One that a killed process left is over when this one has settled it.
        let mut was_tripped = self.last_is_over(of).await;
        if was_tripped {
            self.parts.clock.sleep(self.rest()).await;
        }
        while !end.is_stopping() {
            match self.watch_once(of, was_tripped).await {
                Ok(End::Tripped(cause)) => {
                    info!(%schedule, %account, cause, "a trigger was set off");
                    told = None;
                    self.set_off(of, cause, witness).await;
                    self.last_is_over(of).await;
                    self.parts.clock.sleep(self.rest()).await;
                    was_tripped = true;
                }
                Ok(End::Unwanted) => return,
                Ok(End::Trouble(why)) => {
                    if told.as_ref() != Some(&why) {
                        self.note_trouble((account, slot, schedule), &why).await;
                    }
                    told = Some(why);
                    self.parts.clock.sleep(WATCH_AGAIN_AFTER).await;
                }
                Err(error) => {
                    warn!(%schedule, %account, %error, "a trigger could not be watched for");
                    self.parts.clock.sleep(WATCH_AGAIN_AFTER).await;
                }
            }
        }
    }

    /// Watches until it is set off.
    async fn watch_once(&self, of: Of, was_tripped: bool) -> Result<End, CaptureError> {
        let Some(record) = self.watched(of).await? else {
            return Ok(End::Unwanted);
        };
        let Ok((When::Trigger(trigger), _)) = record.opened(of.0) else {
            self.retire(of, self.parts.clock.now().as_nanos()).await?;
            return Ok(End::Unwanted);
        };
        let watching = match self.open_watch(of.0, &record, &trigger).await {
            Ok(watching) => watching,
            // What is wrong now may be right later: a site that is away, an interface that is down.
            Err(error) => return Ok(End::Trouble(error.to_string())),
        };
        let clock = &self.parts.clock;
        let mut wire = Tripwire::new(trigger.on, was_tripped);
        let began = clock.monotonic();
        loop {
            let tripped = wire.see(clock.monotonic().saturating_sub(began), watching.seen());
            if let Some(cause) = tripped {
                return Ok(End::Tripped(cause));
            }
            if let Some(why) = watching.trouble() {
                return Ok(End::Trouble(why));
            }
            clock.sleep(WATCH_PERIOD).await;
        }
    }

    async fn open_watch(
        &self,
        account: AccountId,
        record: &StoredSchedule,
        trigger: &Trigger,
    ) -> Result<Box<dyn Watching>, CaptureError> {
        let request = record.request(account, record.limits())?;
        let site = self.open_site(&request.site, account)?;
        let filter = self.compile(trigger.filter.clone(), &site).await?;
        let exclude = self.store_traffic(account, &request.destination).await;
        let order = WatchOrder { filter, exclude };
        site.agent.watch(order).await.map_err(CaptureError::NotBegun)
    }

    /// What goes between this machine and the store of a destination, as far as it is known: captures of others go there too.
    async fn store_traffic(&self, account: AccountId, destination: &Destination) -> Vec<FiveTuple> {
        let opened = async {
            let (ownership, proof) = self.proven(account, destination).await?;
            let place = proof.record.place(ownership, &self.parts.sealer)?;
            self.places.open(account, destination.bucket(), &place).await
        };
        match opened.await {
            Ok(sink) => sink.own_traffic().await,
            // The capture that it would begin is told.
            Err(_) => Vec::new(),
        }
    }

    /// The record of a trigger, unless it is gone or paused.
    async fn watched(&self, (account, slot, id): Of) -> Result<Option<StoredSchedule>, CaptureError> {
        let read = store::read::<StoredSchedule>(&self.parts.meta, &key(account, slot)).await?;
        let record = read.map(|read| read.record);
        Ok(record.filter(|record| is_watched(record, id)))
    }

    /// Whether there is a trigger behind an entry. The entry of one that is gone, as when its account was purged, goes too: it would
    /// hold one of the places of all.
    async fn is_wanted(&self, (account, slot, id): Of) -> Result<bool, CaptureError> {
        let (place, row) = (key(account, slot), due_key(NEVER, account, slot));
        let read = store::read::<StoredSchedule>(&self.parts.meta, &place).await?;
        if read.as_ref().is_some_and(|read| is_watched(&read.record, id)) {
            return Ok(true);
        }
        // One that is resumed meanwhile, or another in its place, has its own entry.
        let request = Request::new()
            .unchanged(place, read.map(|read| read.bytes))
            .unchanged(row.clone(), Some(Bytes::copy_from_slice(id.as_bytes())))
            .delete(row);
        self.parts.meta.commit(request).await?;
        Ok(false)
    }

    /// Deals with a trigger that was set off, in a task of its own: who ends the watch does not end that halfway.
    async fn set_off(self: &Arc<Self>, of: Of, cause: String, witness: &Arc<dyn ScheduleWitness>) {
        let (done, told) = oneshot::channel();
        let (captures, witness) = (Arc::clone(self), Arc::clone(witness));
        let work = async move {
            if let Err(error) = captures.fire_triggered(of, cause, &witness).await {
                warn!(schedule = %of.2, account = %of.0, %error, "a trigger that was set off could not be dealt with");
            }
            let _ = done.send(());
        };
        self.parts.supervisor.spawn(&format!("trigger {}", of.2), work);
        let _ = told.await;
    }

    /// Waits until the last capture of a trigger has its end, if it has none yet; whether it had to.
    async fn last_is_over(&self, of: Of) -> bool {
        let Ok(Some(StoredSchedule { open: Some(open), .. })) = self.watched(of).await else {
            return false;
        };
        let id = CaptureId::from_bytes(open.capture);
        let mut waited = false;
        while !self.has_its_end(of.0, id).await {
            waited = true;
            self.parts.clock.sleep(WATCH_PERIOD).await;
        }
        waited
    }

    async fn has_its_end(&self, account: AccountId, id: CaptureId) -> bool {
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(account, id)).await;
        match read {
            // One that is not there never began.
            Ok(read) => read.is_none_or(|read| read.record.status().is_terminal()),
            // Of one that cannot be read for good nothing more is heard.
            Err(error) => !error.kind().is_transient(),
        }
    }

    /// How long a trigger rests: a minute, but for trials.
    fn rest(&self) -> Duration {
        self.schedule_minute
    }

    async fn note_trouble(&self, (account, slot, id): Of, why: &str) {
        let now = self.parts.clock.now().as_nanos();
        let note = |record: &mut StoredSchedule| {
            if record.id() != id {
                return Ok(Change::Leave(()));
            }
            record.note_skipped(now, now, 1, format!("it cannot be watched for: {why}"));
            Ok(Change::Store(Request::new(), ()))
        };
        let noted = store::update(
            &self.parts.meta,
            &key(account, slot),
            || CaptureError::NoSuchSchedule,
            note,
        )
        .await;
        if let Err(error) = noted {
            warn!(schedule = %id, %account, %error, "the trouble of a trigger could not be noted");
        }
    }
}

/// Refuses a site that cannot watch.
pub(super) fn check_site(site: &crate::Site) -> Result<(), CaptureError> {
    if site.agent.watches() {
        return Ok(());
    }
    let name: &SiteName = &site.name;
    Err(CaptureError::Limit {
        of: crate::Limited::Trigger,
        why: format!(
            "{name} is not a site of this server alone, and triggers cannot be watched for elsewhere yet; use cron, or such a site"
        ),
    })
}
