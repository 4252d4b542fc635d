//! Captures of groups that a process left behind: what their members had delivered is merged, and delivered as by an agent.

use crate::agent::{Format, Limits, Order, Remnant, Staging};
use crate::capture::{self, End, StoredCapture, StoredState};
use crate::disk_key;
use crate::engine::Rotation;
use crate::live::Live;
use crate::patience::{Patience, Waited};
use crate::rooms::Room;
use crate::run::{CAPTURE_CONTENT_TYPE, Failure};
use crate::site::{Accounts, Site};
use crate::store;
use crate::tasks::{Admitted, Target};
use crate::{CaptureError, Captures, journal};
use baleen_filter::Filter;
use baleen_packet::masking::Masking;
use baleen_types::{AccountId, CaptureId, SiteName};
use futures::FutureExt as _;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

impl Captures {
    /// Lets what several sites capture be staged, which is sealed.
    pub(crate) async fn seal_staging(&self) -> Result<(), CaptureError> {
        let parts = &self.parts;
        if let Some(staging) = parts.sites.staging().filter(|staging| !staging.has_key()) {
            let key = disk_key::for_staging(&parts.meta, &parts.sealer, &*parts.entropy).await?;
            staging.seal_under(key, Arc::clone(&parts.entropy));
        }
        Ok(())
    }

    /// Removes what was staged for captures that are over.
    pub(super) async fn sweep_staging(&self, unfinished: BTreeSet<CaptureId>) -> Result<(), CaptureError> {
        let Some(staging) = self.parts.sites.staging().cloned() else {
            return Ok(());
        };
        let sweep = move || staging.sweep(&unfinished);
        let swept = tokio::task::spawn_blocking(sweep).await.map_err(CaptureError::Task)?;
        if let Err(error) = swept {
            warn!(%error, "what was staged for captures of several sites is not removed");
        }
        Ok(())
    }

    /// Goes on with a capture of which something is staged, in the background; whether it does.
    pub(super) async fn resume_merging(self: &Arc<Self>, owner: (AccountId, CaptureId)) -> Result<bool, CaptureError> {
        let Some(staging) = self.parts.sites.staging().cloned() else {
            return Ok(false);
        };
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(owner.0, owner.1)).await?;
        let is_unmerged = |record: &StoredCapture| record.is_active() || record.state == StoredState::ConversionPending;
        let Some(record) = read.map(|read| read.record).filter(is_unmerged) else {
            return Ok(false);
        };
        self.seal_staging().await?;
        // If nothing of it can be read, what was uploaded is what there is.
        let found = match staged(&staging, owner.1).await {
            Ok(None) => return Ok(false),
            Ok(found) => found,
            Err(failure) => {
                warn!(capture = %owner.1, reason = failure.message(), "it cannot be told yet what is staged of a capture");
                None
            }
        };
        let order = order_of(owner.1, &record)?;
        // Before requests are taken: its account may have so many of them. A room is for what its store takes.
        let room = self.rooms.without(owner.0);
        room.set_over();
        let captures = Arc::clone(self);
        let merge = async move {
            let merge = Box::pin(captures.merge_again(owner, record, (found, order), room));
            if AssertUnwindSafe(merge).catch_unwind().await.is_err() {
                captures.end_broken(owner).await;
            }
        };
        self.parts
            .supervisor
            .spawn(&format!("merging of capture {}", owner.1), merge);
        Ok(true)
    }

    async fn merge_again(
        self: &Arc<Self>,
        owner: (AccountId, CaptureId),
        record: StoredCapture,
        (found, order): (Option<Remnant>, Order),
        room: Room,
    ) {
        // Before anything is waited for: its destination may be deleted at any time.
        let ownership = record.task.is_none().then(|| record.ownership());
        let registered = self.live.register(owner.0, owner.1, ownership);
        registered.live.set_resumed();
        let remnant = match self.staged_at_last(owner, found, &registered.live).await {
            Ok(Some(remnant)) => remnant,
            Ok(None) => return self.settle_by_notes(owner).await,
            // The next start tries it.
            Err(Failure::Stopping) => return,
            Err(failure) => return self.store_end(owner, End::Abandoned(failure.message())).await,
        };
        match self.target_and_room(owner, &record, &registered.live, &room).await {
            Ok(target) => {
                info!(capture = %owner.1, "what the sites of an interrupted capture had delivered is merged");
                let site = Site {
                    name: order.site.clone(),
                    groups: Vec::new(),
                    accounts: Accounts::Only(vec![owner.0]),
                    agent: Arc::new(remnant),
                };
                let admitted = Admitted {
                    owner,
                    target,
                    site,
                    order,
                    record,
                };
                self.run(admitted, &registered.live, room).await;
            }
            // The next start tries it.
            Err(Failure::Stopping) => {}
            Err(failure) => self.store_end(owner, End::Abandoned(failure.message())).await,
        }
    }

    /// What is staged of a capture, looking for it until it can be told if that could not be before.
    async fn staged_at_last(
        &self,
        owner: (AccountId, CaptureId),
        found: Option<Remnant>,
        live: &Live,
    ) -> Result<Option<Remnant>, Failure> {
        match (found, self.parts.sites.staging()) {
            (None, Some(staging)) => {
                let look = || staged(staging, owner.1);
                let mut patience = Patience::new(self).heeding(Some(live));
                patience.ask(owner.1, "what is staged", look).await
            }
            (found, _) => Ok(found),
        }
    }

    /// Waits until the store of an interrupted capture takes uploads again, and then for a room: who holds one while a dead store is asked keeps it
    /// from captures of others for a day. The store may be gone again when there is a room, so it is asked once more then.
    async fn target_and_room(
        &self,
        owner: (AccountId, CaptureId),
        record: &StoredCapture,
        live: &Live,
        room: &Room,
    ) -> Result<Target, Failure> {
        let mut patience = Patience::new(self).heeding(Some(live));
        loop {
            self.target_again(owner, record, &mut patience).await?;
            patience.unless_interrupted(room.enter()).await?;
            let mut once = Patience::of(self, Duration::ZERO).heeding(Some(live));
            let failure = match self.target_again(owner, record, &mut once).await {
                Ok(target) => return Ok(target),
                Err(Failure::Stopping) => return Err(Failure::Stopping),
                Err(failure) => failure,
            };
            room.give_back();
            match patience.wait().await {
                Waited::Elapsed => {}
                Waited::Exhausted => return Err(failure),
                Waited::Interrupted(failure) => return Err(failure),
            }
        }
    }

    /// Where an interrupted capture was to go, when that takes uploads again. What was uploaded of it is given up: the same is in what is
    /// staged, and more.
    async fn target_again(
        &self,
        owner: (AccountId, CaptureId),
        record: &StoredCapture,
        patience: &mut Patience<'_>,
    ) -> Result<Target, Failure> {
        let sink = self.reopen(owner, record, patience).await?;
        let key = record.object_key()?;
        let begin = || sink.begin(&key, CAPTURE_CONTENT_TYPE);
        let tried = patience.ask(owner.1, "an upload", begin).await?;
        for aborted in [sink.abort(&tried).await, self.abort_all(owner, &*sink, record).await] {
            if let Err(error) = aborted {
                warn!(capture = %owner.1, %error, "the upload of a capture that is merged again is not aborted");
            }
        }
        journal::forget_rest(&self.parts.meta, owner).await?;
        if record.task.is_some() {
            return Ok(Target::Home);
        }
        let ownership = record.ownership();
        let proof = self.read_proof(owner.0, ownership).await?;
        Ok(Target::Proven { ownership, proof })
    }
}

async fn staged(staging: &Arc<Staging>, capture: CaptureId) -> Result<Option<Remnant>, Failure> {
    let staging = Arc::clone(staging);
    let looked = tokio::task::spawn_blocking(move || staging.remnant(capture)).await;
    let looked = looked.map_err(CaptureError::Task)?;
    looked.map_err(|error| Failure::Transient(format!("what its sites had delivered cannot be read: {error}")))
}

/// What is left to be known of what was ordered.
fn order_of(capture: CaptureId, record: &StoredCapture) -> Result<Order, CaptureError> {
    let site = SiteName::parse(&record.site).map_err(|_| CaptureError::Damaged("capture"))?;
    Ok(Order {
        capture,
        site,
        filter: Filter::All,
        exclude: Vec::new(),
        limits: Limits {
            time: Duration::from_nanos(record.time_limit_ns),
            packets: record.packet_limit,
            bytes: record.byte_limit,
        },
        format: if record.is_pcapng { Format::PcapNg } else { Format::Pcap },
        snaplen: None,
        rotation: Rotation::default(),
        masking: Masking::default(),
        is_live: false,
        interfaces: Vec::new(),
    })
}
