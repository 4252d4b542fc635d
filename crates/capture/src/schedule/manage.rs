//! Requests about schedules that there are: list, get, pause, resume, delete.

use super::fire::Settled;
use super::keys::{due_key, due_row, key, of_account, slot_in_key};
use super::record::{StoredSchedule, id_in};
use super::{BROKEN, Found, Outcome, Schedule};
use crate::capture::{self, StoredCapture};
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::store::{self, Change, Read};
use crate::{CaptureError, Captures};
use baleen_meta::{Request, SCAN_ENTRIES_MAX, Scan};
use baleen_types::{AccountId, CaptureId, ScheduleId, Timestamp};
use bytes::Bytes;
use tracing::{error, info};

/// What is stored of an account's schedules, by their slots.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) readable: Vec<(u8, Read<StoredSchedule>)>,
    /// Of a newer release, or damaged: they keep their slots, and can be deleted.
    pub(super) unreadable: Vec<(u8, Bytes)>,
}

impl Captures {
    /// The schedules of an account, in the order of their slots.
    ///
    /// Shape: `GET pcaps/schedules` (ours).
    pub async fn schedules(&self, account: AccountId) -> Result<Vec<Schedule>, CaptureError> {
        let now = self.parts.clock.now();
        let mut shown = Vec::new();
        for (_, mut kept) in self.stored_schedules(account).await?.readable {
            self.bring_to_now(account, &mut kept.record).await?;
            match kept.record.show(account, now) {
                Ok(schedule) => shown.push(schedule),
                // The others are there all the same.
                Err(error) => error!(schedule = %kept.record.id(), %account, %error, "a schedule cannot be shown"),
            }
        }
        shown.sort_by_key(|schedule| schedule.created);
        Ok(shown)
    }

    /// One schedule, with what became of its captures.
    ///
    /// Shape: `GET pcaps/schedules/{id}` (ours).
    ///
    /// # Errors
    /// `NoSuchSchedule`.
    pub async fn schedule(&self, account: AccountId, id: ScheduleId) -> Result<Schedule, CaptureError> {
        let (_, mut kept) = self.stored_schedule(account, id).await?;
        self.bring_to_now(account, &mut kept.record).await?;
        let mut shown = kept.record.show(account, self.parts.clock.now())?;
        for run in &mut shown.runs {
            if let Outcome::Began(began) = &mut run.outcome {
                began.found = self.found(account, began.capture).await?;
            }
        }
        Ok(shown)
    }

    /// Counts what its last capture caught, and leaves out one that is just beginning: it is told of when it is let in, since until then
    /// nobody finds it, and it may be taken back.
    ///
    /// The next pass that finds the schedule due stores what is counted.
    async fn bring_to_now(&self, account: AccountId, record: &mut StoredSchedule) -> Result<(), CaptureError> {
        if let Settled::Missing(id) = self.settle_schedule(account, record).await? {
            record.take_back(id);
        }
        Ok(())
    }

    async fn found(&self, account: AccountId, id: CaptureId) -> Result<Option<Found>, CaptureError> {
        // Before the record, as with one capture.
        let live = self.live.counts(id).unwrap_or_default();
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(account, id)).await?;
        Ok(read.map(|Read { record, .. }| Found {
            status: record.status(),
            counts: record.counts().at_least(live),
            message: record.message,
        }))
    }

    /// Lets a schedule begin nothing, or go on from now; what it was made before is no error. A capture under way goes on.
    ///
    /// Shape: `PUT pcaps/schedules/{id}/pause` and `resume` (ours).
    ///
    /// # Errors
    /// `NoSuchSchedule`; `Schedule` if it cannot go on.
    pub async fn pause_schedule(
        &self,
        account: AccountId,
        id: ScheduleId,
        is_paused: bool,
    ) -> Result<Schedule, CaptureError> {
        let (slot, kept) = self.stored_schedule(account, id).await?;
        let now = self.parts.clock.now();
        let mut adding = None;
        if kept.record.is_trigger() && kept.record.is_paused && !is_paused {
            adding = Some(self.watchers.adding.lock().await);
            self.check_watchers(0).await?;
        }
        let change = |record: &mut StoredSchedule| {
            if record.id() != id {
                return Err(CaptureError::NoSuchSchedule);
            }
            // One that could not be read is none of the two, and may be good again.
            if record.is_paused == is_paused && (is_paused || record.due_ns.is_some()) {
                return Ok(Change::Leave(()));
            }
            let mut further = Request::new();
            if let Some(due_ns) = record.due_ns.take() {
                further = further.delete(due_key(due_ns, account, slot));
            }
            record.is_paused = is_paused;
            if !is_paused {
                let (when, _) = record.opened(account).map_err(|_| CaptureError::Schedule(BROKEN))?;
                record.due_ns = self.next_of(&when, now).map(Timestamp::as_nanos);
            }
            Ok(Change::Store(further.and(due_row(record, account, slot)), ()))
        };
        let missing = || CaptureError::NoSuchSchedule;
        let (mut record, ()) = store::update(&self.parts.meta, &key(account, slot), missing, change).await?;
        drop(adding);
        info!(schedule = %id, %account, is_paused, "schedule paused or resumed");
        self.bring_to_now(account, &mut record).await?;
        record.show(account, now)
    }

    /// Forgets a schedule; a capture under way goes on, and those that it began stay.
    ///
    /// Shape: `DELETE pcaps/schedules/{id}` (ours).
    ///
    /// # Errors
    /// `NoSuchSchedule`.
    pub async fn delete_schedule(&self, account: AccountId, id: ScheduleId) -> Result<(), CaptureError> {
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let kept = self.stored_schedules(account).await?;
            let readable = kept.readable.into_iter().map(|(slot, read)| {
                let Read { record, bytes } = read;
                (slot, record.id(), bytes, record.due_ns)
            });
            // The entry of one that cannot be read goes when a pass finds nothing behind it.
            let unreadable = kept.unreadable.into_iter();
            let unreadable = unreadable.filter_map(|(slot, bytes)| Some((slot, id_in(&bytes)?, bytes, None)));
            let found = readable.chain(unreadable).find(|(_, of, ..)| *of == id);
            let (slot, _, bytes, due_ns) = found.ok_or(CaptureError::NoSuchSchedule)?;
            let key = key(account, slot);
            let mut request = Request::new().unchanged(key.clone(), Some(bytes)).delete(key);
            if let Some(due_ns) = due_ns {
                request = request.delete(due_key(due_ns, account, slot));
            }
            if self.parts.meta.commit(request).await?.is_committed() {
                info!(schedule = %id, %account, "schedule deleted");
                return Ok(());
            }
        }
        Err(CaptureError::Contended)
    }

    pub(super) async fn stored_schedules(&self, account: AccountId) -> Result<Kept, CaptureError> {
        let scan = Scan::prefix(&of_account(account)).limit(SCAN_ENTRIES_MAX);
        let mut kept = Kept::default();
        for entry in self.parts.meta.scan(scan).await? {
            let slot = slot_in_key(&entry.key)?;
            match store::decode(entry.value.clone()) {
                Ok(read) => kept.readable.push((slot, read)),
                Err(error) => {
                    // Who asks for the list does so as often as they like.
                    if self.passes.unread.is_news(&entry.key) {
                        let schedule = id_in(&entry.value);
                        error!(%account, slot, ?schedule, %error, "a schedule cannot be read by this release");
                    }
                    kept.unreadable.push((slot, entry.value));
                }
            }
        }
        Ok(kept)
    }

    async fn stored_schedule(
        &self,
        account: AccountId,
        id: ScheduleId,
    ) -> Result<(u8, Read<StoredSchedule>), CaptureError> {
        let kept = self.stored_schedules(account).await?;
        let found = kept.readable.into_iter().find(|(_, kept)| kept.record.id() == id);
        found.ok_or(CaptureError::NoSuchSchedule)
    }
}
