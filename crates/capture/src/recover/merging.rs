//! Captures of groups that a process left behind: what their members had delivered is merged, and delivered as by an agent.

use crate::agent::{Format, Limits, Order};
use crate::capture::{self, StoredCapture, StoredState};
use crate::engine::Rotation;
use crate::site::{Accounts, Site};
use crate::store;
use crate::tasks::{Admitted, Target};
use crate::{CaptureError, Captures, journal};
use baleen_filter::Filter;
use baleen_packet::masking::Masking;
use baleen_types::{AccountId, CaptureId, SiteName};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tracing::{info, warn};

impl Captures {
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

    /// Goes on with a capture of which something is staged; whether it does. What was uploaded of it is given up: the same is in
    /// what is staged, and more.
    pub(super) async fn resume_merging(self: &Arc<Self>, owner: (AccountId, CaptureId)) -> Result<bool, CaptureError> {
        let Some(remnant) = self.parts.sites.staging().and_then(|staging| staging.remnant(owner.1)) else {
            return Ok(false);
        };
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(owner.0, owner.1)).await?;
        let is_unmerged = |record: &StoredCapture| record.is_active() || record.state == StoredState::ConversionPending;
        let Some(record) = read.map(|read| read.record).filter(is_unmerged) else {
            return Ok(false);
        };
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            return Ok(false);
        };
        let order = order_of(owner.1, &record)?;
        let site = Site {
            name: order.site.clone(),
            groups: Vec::new(),
            accounts: Accounts::Only(vec![owner.0]),
            agent: Arc::new(remnant),
        };
        let captures = Arc::clone(self);
        let admission = async move {
            let target = captures.target_again(owner.0, &record).await?;
            if let Ok(sink) = captures.reopen_now(owner.0, &record).await
                && let Err(error) = captures.abort_all(owner, &*sink, &record).await
            {
                warn!(capture = %owner.1, %error, "the upload of a capture that is merged again is not aborted");
            }
            journal::forget_rest(&captures.parts.meta, owner).await?;
            info!(capture = %owner.1, "what the sites of an interrupted capture had delivered is merged");
            Ok(Admitted {
                owner,
                target,
                site,
                order,
                record,
            })
        };
        match self.launch(owner.1, room, admission).await {
            Ok(_) => Ok(true),
            // Its bucket was taken from the list, for example: it is settled as any.
            Err(error) => {
                warn!(capture = %owner.1, %error, "what was staged of an interrupted capture cannot be delivered");
                Ok(false)
            }
        }
    }

    /// Where an interrupted capture was to go.
    async fn target_again(&self, account: AccountId, record: &StoredCapture) -> Result<Target, CaptureError> {
        if record.task.is_some() {
            return Ok(Target::Home);
        }
        let ownership = record.ownership();
        let read = store::read(&self.parts.meta, &Self::ownership_key(account, ownership)).await?;
        let proof = read.ok_or(CaptureError::NoSuchOwnership)?.record;
        Ok(Target::Proven { ownership, proof })
    }
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
