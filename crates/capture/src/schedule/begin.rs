//! Beginning the capture that was noted, within a time and while it is wanted.
//!
//! The record of the schedule says which capture is beginning. Who gives it up takes that out, and who lets it in asks for it, each in
//! its commit: so one that was given up, or whose schedule was paused or deleted meanwhile, is not let in any more, and of one that is let
//! in nothing is taken back.

use super::ScheduleWitness;
use super::fire::{Fate, NOT_ALLOWED, Occasion};
use super::keys::{began_key, due_key, due_row, key};
use super::record::StoredSchedule;
use crate::agent::Limits;
use crate::capture::{self, StoredCapture};
use crate::limits::{SCHEDULE_BEGIN_MAX, SCHEDULE_PASS_MAX};
use crate::store::{self, Change, Read};
use crate::tasks::By;
use crate::{CaptureError, Captures};
use baleen_meta::Request;
use baleen_types::{AccountId, CaptureId, Classify as _, ScheduleId, Timestamp, causes};
use bytes::Bytes;
use std::sync::Arc;
use tracing::{error, info};

const PAUSED: &str = "it was paused before its capture began";
const GIVEN_UP: &str = "its capture is not wanted any more";
const TOO_SLOW: &str = "its capture did not begin within 15 seconds";
const _: () = assert!(SCHEDULE_BEGIN_MAX.as_secs() == 15);

/// The schedule by which a capture begins.
#[derive(Clone)]
pub(crate) struct Wanted {
    account: AccountId,
    slot: u8,
    schedule: ScheduleId,
    witness: Arc<dyn ScheduleWitness>,
}

impl Captures {
    /// What has to hold when a capture of a schedule is let in, and what is noted with it.
    ///
    /// # Errors
    /// It is not wanted any more.
    pub(crate) async fn still_wanted(&self, wanted: &Wanted, id: CaptureId) -> Result<Request, CaptureError> {
        let key = key(wanted.account, wanted.slot);
        let read = store::read::<StoredSchedule>(&self.parts.meta, &key).await?;
        let read = read.filter(|read| read.record.id() == wanted.schedule);
        let Read { record, bytes } = read.ok_or(CaptureError::NoSuchSchedule)?;
        if record.is_paused {
            return Err(CaptureError::Schedule(PAUSED));
        }
        if record.open.is_none_or(|open| open.capture != *id.as_bytes()) {
            return Err(CaptureError::Schedule(GIVEN_UP));
        }
        if !wanted.witness.may_act(wanted.account).await? {
            return Err(CaptureError::Schedule(NOT_ALLOWED));
        }
        // Whoever is killed behind this commit leaves a capture and the word that it is to be told of, or none of both.
        let told = Bytes::copy_from_slice(wanted.schedule.as_bytes());
        Ok(Request::new()
            .unchanged(key, Some(bytes))
            .put(began_key(wanted.account, id), told))
    }

    /// Begins the capture that was noted; where it does not begin, the reason is noted in its place, or it is due again.
    pub(super) async fn begin_scheduled(
        self: &Arc<Self>,
        record: &StoredSchedule,
        (account, slot): (AccountId, u8),
        (id, limits): (CaptureId, Limits),
        occasion: &Occasion,
        witness: &Arc<dyn ScheduleWitness>,
    ) -> Result<Fate, CaptureError> {
        let schedule = record.id();
        let wanted = Wanted {
            account,
            slot,
            schedule,
            witness: Arc::clone(witness),
        };
        let begin = async {
            let request = record.request(account, limits)?;
            self.begin(request, id, By::Schedule(wanted)).await
        };
        let begun = tokio::select! {
            begun = begin => begun,
            () = self.parts.clock.sleep(SCHEDULE_BEGIN_MAX) => Err(CaptureError::Schedule(TOO_SLOW)),
        };
        let Err(refused) = begun else {
            info!(%schedule, %account, capture = %id, "a schedule has begun a capture");
            return Ok(Fate::Began);
        };
        let waits = is_short(&refused) && occasion.may_wait(self.parts.clock.now());
        if !waits && refused.kind().is_ours() {
            error!(%schedule, %account, chain = causes(&refused), "a schedule could not begin its capture");
        }
        let why = (!waits).then(|| refused.to_string());
        if self
            .give_up((account, slot, schedule), id, occasion.due_ns, why.clone())
            .await?
        {
            return Ok(Fate::Began);
        }
        let Some(why) = why else { return Ok(Fate::Waits) };
        info!(%schedule, %account, why, "a schedule was due and began nothing");
        Ok(Fate::Skipped)
    }

    /// Takes back that a capture was to begin: it did not for this reason, or for none, and then its time is due again. Whether it was let
    /// in all the same, at the last moment.
    async fn give_up(
        &self,
        (account, slot, schedule): (AccountId, u8, ScheduleId),
        id: CaptureId,
        due_ns: i64,
        why: Option<String>,
    ) -> Result<bool, CaptureError> {
        let (meta, let_in) = (&self.parts.meta, capture::key(account, id));
        let give_up = |record: &mut StoredSchedule| {
            if record.id() != schedule || record.open.is_none_or(|open| open.capture != *id.as_bytes()) {
                return Ok(Change::Leave(()));
            }
            record.take_back(id);
            let mut further = Request::new().absent(let_in.clone());
            match (&why, record.due_ns) {
                (Some(why), _) => record.note_skipped(due_ns, due_ns, 1, why.clone()),
                (None, Some(next_ns)) => {
                    record.due_ns = Some(due_ns);
                    further = further
                        .delete(due_key(next_ns, account, slot))
                        .and(due_row(record, account, slot));
                }
                // Paused meanwhile.
                (None, None) => {}
            }
            Ok(Change::Store(further, ()))
        };
        let missing = || CaptureError::NoSuchSchedule;
        match store::update(meta, &key(account, slot), missing, give_up).await {
            // Deleted meanwhile.
            Ok(_) | Err(CaptureError::NoSuchSchedule) => Ok(false),
            Err(CaptureError::Contended) => match store::read::<StoredCapture>(meta, &let_in).await? {
                Some(_) => Ok(true),
                None => Err(CaptureError::Contended),
            },
            Err(error) => Err(error),
        }
    }
}

impl Occasion {
    /// Whether there is still time to look again: a pass comes each second, and what set off a trigger is over.
    pub(super) fn may_wait(&self, now: Timestamp) -> bool {
        let soon = now.plus(2 * SCHEDULE_PASS_MAX);
        self.cause.is_none() && !self.is_late(soon)
    }
}

/// Whether it is the server that has no place now, or no time.
fn is_short(refused: &CaptureError) -> bool {
    match refused {
        CaptureError::Busy
        | CaptureError::Share { .. }
        | CaptureError::Overdue
        | CaptureError::Stopping
        | CaptureError::Contended => true,
        CaptureError::Schedule(why) => *why == TOO_SLOW,
        _ => false,
    }
}
