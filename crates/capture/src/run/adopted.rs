//! Going on with a capture at another host that a process before this one had begun.
//!
//! The agent goes on without its server, and has each part until it is told that the part is in the store. So nothing is lost with
//! a process here: what it had stored is in the journal, and what it had not is sent again. One that does not come back is waited for as
//! one whose link is cut, and the capture ends with what has come.

use super::memory::Memory;
use super::{Failure, Run, in_vain};
use crate::agent::{Before, Catch};
use crate::capture::{self, End, StoredCapture, StoredKind, StoredState};
use crate::journal::{self, Kept};
use crate::limits::FINISH_PATIENCE;
use crate::live::Live;
use crate::patience::{AtStop, Patience};
use crate::run::FILE;
use crate::store;
use crate::{CaptureError, Captures};
use baleen_types::{AccountId, AgentId, CaptureId, Timestamp};
use futures::FutureExt as _;
use parking_lot::Mutex;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tracing::info;

/// A capture that is taken up.
pub(crate) struct Adopted {
    owner: (AccountId, CaptureId),
    record: StoredCapture,
    kept: Vec<Kept>,
    catch: Catch,
}

impl Captures {
    /// Takes up a capture that an agent may still be at; `None` when there is none to ask, and it is settled without.
    pub(crate) async fn adopt(&self, owner: (AccountId, CaptureId)) -> Result<Option<Adopted>, CaptureError> {
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(owner.0, owner.1)).await?;
        let Some(record) = read.map(|read| read.record).filter(may_go_on) else {
            return Ok(None);
        };
        let (Some(agents), [agent]) = (self.parts.sites.agents(), &record.agents[..]) else {
            return Ok(None);
        };
        let kept = journal::read(&self.parts.meta, owner, FILE).await?;
        let last = kept.last();
        let started = Timestamp::from_nanos(record.started_ns.unwrap_or(record.submitted_ns));
        let before = Before {
            limits: record.limits(),
            elapsed: self.parts.clock.now().since(started),
            parts: u32::try_from(kept.len()).unwrap_or(u32::MAX),
            part_bytes: kept.iter().map(|kept| kept.part_bytes).sum(),
            after: last.map(|last| last.after).unwrap_or_default(),
            ends_file: last.is_some_and(|last| last.ends_file),
        };
        let catch = agents.adopt(AgentId::from_bytes(*agent), owner.1, &before);
        Ok(catch.map(|catch| Adopted {
            owner,
            record,
            kept,
            catch,
        }))
    }

    /// Goes on with it in the background.
    pub(crate) fn go_on(self: &Arc<Self>, adopted: Adopted) {
        let captures = Arc::clone(self);
        let id = adopted.owner.1;
        info!(capture = %id, parts = adopted.kept.len(), "a capture at another host is taken up");
        self.parts.supervisor.spawn(&format!("capture {id}"), async move {
            let owner = adopted.owner;
            let ownership = adopted.record.task.is_none().then(|| adopted.record.ownership());
            let registered = captures.live.register(owner.0, owner.1, ownership);
            let run = captures.run_adopted(adopted, &registered.live);
            if AssertUnwindSafe(run).catch_unwind().await.is_err() {
                captures.end_broken(owner).await;
            }
        });
    }

    async fn run_adopted(self: &Arc<Self>, adopted: Adopted, live: &Live) {
        let owner = adopted.owner;
        let end = match self.adopted_to_end(adopted, live).await {
            Ok(end) => end,
            Err(Failure::Stopping) => None,
            // The upload is known to the record, and given up with it.
            Err(failure) => Some(End::Abandoned(failure.message())),
        };
        if let Some(end) = end {
            self.store_end(owner, end).await;
        }
    }

    async fn adopted_to_end(&self, adopted: Adopted, live: &Live) -> Result<Option<End>, Failure> {
        let Adopted {
            owner,
            record,
            kept,
            catch,
        } = adopted;
        let running = Arc::clone(&catch.running);
        live.set_running(&running);
        let mut patience = Patience::new(self).heeding(Some(live));
        let room = self.rooms.without(owner.0);
        let sink = self
            .reopen(owner, &record, &mut patience)
            .await
            .inspect_err(|failure| {
                if matches!(failure, Failure::Stopping) {
                    running.leave();
                }
            })?;
        let upload = record.upload()?;
        let upload = upload.ok_or_else(|| Failure::Final("no upload was begun".to_owned()))?;
        let is_filtered = record.is_filtered();
        let run = Run {
            captures: self,
            owner,
            live,
            sink: &*sink,
            upload,
            is_filtered,
            may_be_empty: record.may_be_empty(),
            in_vain: in_vain(is_filtered, &record.site),
            record,
            // It is left to the agent, see `deliver_or_leave`.
            at_stop: AtStop::Stay,
            memory: Memory::default(),
            patience_left: Mutex::new(FINISH_PATIENCE),
            given_up: Failure::Final,
        };
        // A stop that a process before this one was asked for, or that came while nobody was there to hear it.
        if run.note(|_| ()).await?.stop_requested_ns.is_some() {
            live.stop.stop();
        }
        let sent = kept.into_iter().map(|kept| kept.part).collect();
        let caught = run.deliver_or_leave((catch.pieces, running), &room, sent).await;
        room.give_back();
        Ok(run.conclude(caught).await)
    }
}

/// Whether a capture of a process that is gone may still be going on, or have parts to come.
fn may_go_on(record: &StoredCapture) -> bool {
    record.kind == StoredKind::Full
        && matches!(record.state, StoredState::Running | StoredState::ConversionPending)
        && record.rotation.is_none()
        && record.upload.is_some()
}
