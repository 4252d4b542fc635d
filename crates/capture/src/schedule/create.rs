//! Making a schedule: all that could be wrong with one of its captures is looked at before.

use super::keys::{at_never, due_row, key};
use super::record::StoredSchedule;
use super::{CreateSchedule, Schedule, When, watch};
use crate::limits::{
    BUDGET_PACKETS_MAX, BUDGET_RUNS_MAX, REPEATED_WITHIN, SCHEDULES_PER_ACCOUNT_MAX, TRIGGERS_PER_ACCOUNT_MAX,
    WATCHERS_MAX,
};
use crate::privacy::Anonymise;
use crate::store;
use crate::tasks::{CaptureFilter, check_files, check_limits, check_sent_filter};
use crate::{Budget, CaptureError, Captures, Limited};
use baleen_meta::{Outcome as Committed, Request, Scan};
use baleen_types::{ScheduleId, Timestamp};
use std::sync::Arc;
use tracing::info;

impl Captures {
    /// Makes a schedule.
    ///
    /// Shape: `POST pcaps/schedules` (ours): that of a full capture, with `name`, `cron` and `budget`.
    ///
    /// # Errors
    /// Those of a request for a capture that would never be good: `Limit`, `Filter`, `FilterAtSite`, `NoSite`, `NotProven`;
    /// `ScheduleNameTaken`, unless the client says that it repeats, and made that one by the same bytes a moment ago;
    /// `TooManySchedules`.
    ///
    /// # Cancel safety
    /// Safe: once begun, the work goes on without the caller, whose repetition finds the schedule.
    pub async fn create_schedule(self: &Arc<Self>, request: CreateSchedule) -> Result<Schedule, CaptureError> {
        check(&request)?;
        let (account, site) = (request.capture.account, &request.capture.site);
        // It may be away just now.
        let site = self.parts.sites.find(site, account);
        let site = site.ok_or_else(|| CaptureError::NoSite(request.capture.site.clone()))?;
        check_files(&request.capture, &site)?;
        let (ownership, proof) = self.proven(account, &request.capture.destination).await?;
        let place = proof.record.place(ownership, &self.parts.sealer)?;
        self.check_place(&request.capture, &site, &place)?;
        check_no_lookup(&request.capture.filter)?;
        self.compile(request.capture.filter.clone(), &site).await?;
        if let When::Trigger(trigger) = &request.when {
            trigger.on.check(&trigger.filter)?;
            check_sent_filter(&trigger.sent_filter)?;
            watch::check_site(&site)?;
            let compiled = match check_no_lookup(&trigger.filter) {
                Ok(()) => self.compile(trigger.filter.clone(), &site).await.map(drop),
                named => named,
            };
            // Told apart from the filter of the captures.
            compiled.map_err(|error| match error {
                CaptureError::Filter(_) | CaptureError::FilterAtSite { .. } => CaptureError::Limit {
                    of: Limited::Trigger,
                    why: error.to_string(),
                },
                other => other,
            })?;
        }
        let captures = Arc::clone(self);
        let work = async move { captures.add_schedule(request).await };
        let made = self.schedule_turns.run(account.as_u64(), work).await;
        made.map_err(CaptureError::Task)?
    }

    async fn add_schedule(&self, request: CreateSchedule) -> Result<Schedule, CaptureError> {
        let (account, now) = (request.capture.account, self.parts.clock.now());
        let kept = self.stored_schedules(account).await?;
        if let Some((_, same)) = kept
            .readable
            .iter()
            .find(|(_, kept)| kept.record.name == request.name.as_str())
        {
            let (same, asked) = (&same.record, request.capture.asked);
            let age = now.since(Timestamp::from_nanos(same.created_ns));
            if asked.is_repeated && same.asked_sha256 == asked.sha256 && age < REPEATED_WITHIN {
                return same.show(account, now);
            }
            return Err(CaptureError::ScheduleNameTaken);
        }
        let taken = kept.readable.iter().map(|(slot, _)| slot);
        let taken: Vec<_> = taken.chain(kept.unreadable.iter().map(|(slot, _)| slot)).collect();
        let is_free = |slot: &u8| !taken.contains(&slot);
        let limit = SCHEDULES_PER_ACCOUNT_MAX;
        let slot = (0..limit).find(is_free);
        let slot = slot.ok_or(CaptureError::TooManySchedules { limit })?;
        let mut adding = None;
        if let When::Trigger(_) = &request.when {
            adding = Some(self.watchers.adding.lock().await);
            let triggers = kept
                .readable
                .iter()
                .filter(|(_, kept)| kept.record.is_trigger())
                .count();
            self.check_watchers(triggers).await?;
        }
        let (_, proof) = self.proven(account, &request.capture.destination).await?;
        let id = ScheduleId::from_bytes(self.parts.entropy.bytes());
        let what = (&request.name, &request.when, request.budget);
        let mut record = StoredSchedule::new(id, what, &request.capture, &proof.record.destination()?, now);
        let due = self.next_of(&request.when, now);
        record.due_ns = due.map(Timestamp::as_nanos);
        let key = key(account, slot);
        let commit = Request::new()
            .absent(key.clone())
            .put(key, store::encode(&record)?)
            .and(due_row(&record, account, slot));
        let committed = self.parts.meta.commit(commit).await?;
        drop(adding);
        match committed {
            Committed::Committed => {
                info!(schedule = %id, %account, "schedule made");
                record.show(account, now)
            }
            Committed::Conflict { .. } => Err(CaptureError::Contended),
        }
    }

    /// Refuses one more trigger than an account, or this server, watches for.
    pub(super) async fn check_watchers(&self, of_account: usize) -> Result<(), CaptureError> {
        let scan = Scan::prefix(&at_never()).limit(WATCHERS_MAX).keys_only();
        if self.parts.meta.scan(scan).await?.len() >= WATCHERS_MAX {
            return Err(CaptureError::TooManyTriggers {
                whose: "this server watches for",
                limit: WATCHERS_MAX,
            });
        }
        if of_account >= TRIGGERS_PER_ACCOUNT_MAX {
            return Err(CaptureError::TooManyTriggers {
                whose: "an account has",
                limit: TRIGGERS_PER_ACCOUNT_MAX,
            });
        }
        Ok(())
    }
}

fn check(request: &CreateSchedule) -> Result<(), CaptureError> {
    let refuse = |of, why| Err(CaptureError::Limit { of, why });
    check_limits(&request.capture)?;
    let Budget { runs, packets, bytes } = request.budget;
    if !(1..=BUDGET_RUNS_MAX).contains(&runs) {
        return refuse(
            Limited::Budget,
            format!("1 to {BUDGET_RUNS_MAX} captures a day are possible"),
        );
    }
    if [packets, bytes]
        .into_iter()
        .flatten()
        .any(|most| !(1..=BUDGET_PACKETS_MAX).contains(&most))
    {
        let why = format!("1 to {BUDGET_PACKETS_MAX} packets and bytes a day are possible");
        return refuse(Limited::Budget, why);
    }
    // A record of it would be a key at rest, for as long as the schedule lives.
    if matches!(request.capture.privacy.anonymise, Anonymise::Under(_)) {
        let why = "a schedule keeps no key: without one each of its captures has a key of its own, which nobody knows";
        return refuse(Limited::AddressKey, why.to_owned());
    }
    Ok(())
}

/// Refuses a filter with names in it: they would be looked up whenever a capture begins, and for as long as who answers for them likes,
/// which would keep the schedules of all others waiting.
fn check_no_lookup(filter: &CaptureFilter) -> Result<(), CaptureError> {
    match filter {
        CaptureFilter::Expression(text) => baleen_filter::check_no_names(text).map_err(CaptureError::Filter),
        CaptureFilter::All | CaptureFilter::Tuple(_) | CaptureFilter::Rules(_) => Ok(()),
    }
}
