//! Settling what an earlier process left.
//!
//! A capture whose process died cannot go on: its packets since the last part were in that process's memory. What its store
//! had taken by then is a valid file, and becomes its object: a success whose counts are those of the file, whose message
//! says that the rest is lost, and which goes on to be completed as any other (decision 0024). With no part in the store
//! it fails, and its upload is aborted.
//!
//! One at an agent on another host goes on there, and is taken up (`run/adopted.rs`).

mod merging;
mod several;

use crate::capture::{self, End, StoredCapture, StoredState, cut};
use crate::finish::joined;
use crate::journal::{self, Kept};
use crate::live::Live;
use crate::meter;
use crate::run::{FILE, Failure, shown};
use crate::spool::Left;
use crate::store::{self, Change};
use crate::{CaptureError, Captures};
use baleen_meta::{Request, SCAN_ENTRIES_MAX, Scan};
use baleen_types::{AccountId, CaptureId, Timestamp};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::collections::{BTreeSet, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tracing::{error, info, warn};

/// What became of the captures that were unfinished at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Failed; their uploads are being aborted in the background.
    pub failed: usize,
    /// Being completed in the background, with what their stores had taken.
    pub completing: usize,
    /// At agents on other hosts, which go on with them.
    pub going_on: usize,
}

/// What was decided about one unfinished capture.
#[derive(Clone, Copy)]
enum Settled {
    /// Its parts in the store are to become its object. `again`: that may have been asked for before.
    Complete { again: bool },
    /// It has failed just now.
    Fail,
    /// It had failed, and its upload is still to be aborted.
    Abort,
}

const NOTHING_KEPT: &str = "the server ended unexpectedly while this capture ran, before a part of its file was stored that \
                            can be kept; what it had caught is lost, start it again";

const NOTHING_KEPT_OF_IT: &str = "nothing that was caught can be kept, start it again";

const NOTHING_NOTED: &str = "the server ended unexpectedly while the store put this capture's file together; the file is in the \
                             bucket, whole, or it is not there at all";

const NOTHING_CAUGHT: &str =
    "the server ended unexpectedly while this capture ran; no packet had been caught, start it again";

const ALL_KEPT: &str = "the server ended unexpectedly at the end of this capture; all that was caught is in the file";

impl Captures {
    /// Settles the captures of an earlier process. To be called once, before requests are taken; running it again after
    /// a crash in the middle settles the rest.
    ///
    /// # Errors
    /// Those of the metadata store.
    pub async fn recover(self: &Arc<Self>) -> Result<Recovered, CaptureError> {
        let mut recovered = Recovered::default();
        let mut unfinished = BTreeSet::new();
        let mut spooled = HashSet::new();
        let mut scan = Scan::prefix(&capture::unfinished_prefix()).keys_only();
        loop {
            let page = self.parts.meta.scan(scan.clone()).await?;
            for entry in &page {
                let owner = capture::ids_in_unfinished_key(&entry.key)?;
                unfinished.insert(owner.1);
                if self.resume_later(owner).await {
                    spooled.insert(owner);
                    recovered.completing += 1;
                } else {
                    self.settle(owner, &mut recovered).await?;
                }
            }
            match page.last() {
                Some(last) if page.len() == SCAN_ENTRIES_MAX => scan = scan.after(last.key.to_vec()),
                _ => break,
            }
        }
        self.sweep_staging(unfinished).await?;
        if let Some(spool) = &self.spool {
            spool.forget_others(spooled).await;
        }
        if recovered != Recovered::default() {
            info!(
                failed = recovered.failed,
                completing = recovered.completing,
                going_on = recovered.going_on,
                "interrupted captures settled"
            );
        }
        Ok(recovered)
    }

    /// Sends what waits of a capture on the disk, in the background, and settles it then; `false` if nothing waits of it. What cannot
    /// be looked at now may be there, and is looked for again.
    async fn resume_later(self: &Arc<Self>, owner: (AccountId, CaptureId)) -> bool {
        let found = match self.left_in_spool(owner).await {
            Ok(None) => return false,
            Ok(Some(left)) => Some(left),
            Err(Failure::Transient(reason)) => {
                warn!(capture = %owner.1, reason, "it cannot be told yet what waits of a capture on the disk");
                None
            }
            Err(failure) => {
                warn!(capture = %owner.1, reason = failure.message(), "parts on the disk are given up");
                return false;
            }
        };
        // Before requests are taken: its account may have so many of them.
        let undelivered = self.rooms.without(owner.0);
        undelivered.set_over();
        let captures = Arc::clone(self);
        let resume = async move {
            let resume = captures.resume_and_settle(owner, found);
            if AssertUnwindSafe(resume).catch_unwind().await.is_err() {
                captures.end_broken(owner).await;
            }
            drop(undelivered);
        };
        self.parts
            .supervisor
            .spawn(&format!("parts of capture {} on the disk", owner.1), resume);
        true
    }

    async fn resume_and_settle(self: &Arc<Self>, owner: (AccountId, CaptureId), found: Option<Left>) {
        match self.resume(owner, found).await {
            Err(Failure::Stopping) => return,
            Err(failure) => warn!(capture = %owner.1, reason = failure.message(), "parts on the disk are given up"),
            Ok(()) => {}
        }
        self.settle_by_notes(owner).await;
    }

    /// Ends a capture of this process as one of an earlier one is ended: with what its store has.
    pub(crate) fn settle_by_notes(self: &Arc<Self>, owner: (AccountId, CaptureId)) -> BoxFuture<'_, ()> {
        let settle = async move {
            // What it is settled by is noted, and nothing is added to that.
            self.clear_disk(owner).await;
            let settle = || async {
                // Not one of those that a start has found, or counted when it was.
                self.settle(owner, &mut Recovered::default()).await
            };
            if let Err(failure) = self.persist(owner.1, "what becomes of it", settle).await {
                error!(capture = %owner.1, reason = failure.message(), "an interrupted capture is settled by the next start");
            }
        };
        settle.boxed()
    }

    async fn settle(
        self: &Arc<Self>,
        owner: (AccountId, CaptureId),
        recovered: &mut Recovered,
    ) -> Result<(), CaptureError> {
        let (account, id) = owner;
        if let Some(end) = self.settle_sample(owner).await? {
            match end {
                End::Success(_) | End::Partial(_) => recovered.completing += 1,
                End::Failed(_) | End::Abandoned(_) => recovered.failed += 1,
            }
            self.store_end(owner, end).await;
            return Ok(());
        }
        if let Some(adopted) = self.adopt(owner).await? {
            recovered.going_on += 1;
            self.go_on(adopted);
            return Ok(());
        }
        let now = self.parts.clock.now();
        if let Some(found) = self.found_files(owner).await? {
            let decide = |record: &mut StoredCapture| Ok(several::decide(record, owner, &found, now));
            let missing = || CaptureError::NoSuchCapture(id);
            let (record, settled) =
                store::update(&self.parts.meta, &capture::key(account, id), missing, decide).await?;
            let captures = Arc::clone(self);
            let finish = move |_, record, live: Arc<Live>| async move {
                captures.finish_found(owner, record, found, &live).await;
            };
            self.carry_out(owner, record, settled, recovered, finish);
            return Ok(());
        }
        if self.resume_merging(owner).await? {
            recovered.completing += 1;
            return Ok(());
        }
        let kept = journal::read(&self.parts.meta, owner, FILE).await?;
        // Decided and stored in one change, so that a second start in between finds one state or the other.
        let decide = |record: &mut StoredCapture| Ok(decide(record, owner, &kept, now));
        let missing = || CaptureError::NoSuchCapture(id);
        let key = capture::key(account, id);
        let (record, settled) = store::update(&self.parts.meta, &key, missing, decide).await?;
        let captures = Arc::clone(self);
        let finish = move |again, record, live: Arc<Live>| async move {
            captures.finish_interrupted(owner, record, (kept, again), &live).await;
        };
        self.carry_out(owner, record, settled, recovered, finish);
        Ok(())
    }

    /// Does what was decided, in the background.
    fn carry_out<F: Future<Output = ()> + Send + 'static>(
        self: &Arc<Self>,
        owner: (AccountId, CaptureId),
        record: StoredCapture,
        settled: Settled,
        recovered: &mut Recovered,
        finish: impl FnOnce(bool, StoredCapture, Arc<Live>) -> F + Send + 'static,
    ) {
        match settled {
            Settled::Complete { again } => {
                recovered.completing += 1;
                // Until its end is stored; from now on, as what waits on the disk.
                let undelivered = self.rooms.without(owner.0);
                undelivered.set_over();
                let captures = Arc::clone(self);
                let ownership = record.task.is_none().then(|| record.ownership());
                let finish = async move {
                    // As one that this process has begun: its destination may be deleted.
                    let registered = captures.live.register(owner.0, owner.1, ownership);
                    let finish = finish(again, record, Arc::clone(&registered.live));
                    if AssertUnwindSafe(finish).catch_unwind().await.is_err() {
                        captures.end_broken(owner).await;
                    }
                    drop(undelivered);
                };
                self.parts
                    .supervisor
                    .spawn(&format!("completion of capture {}", owner.1), finish);
            }
            Settled::Fail => {
                recovered.failed += 1;
                meter::ended(record.status(), record.counts());
                self.spawn_abort(owner, record);
            }
            Settled::Abort => self.spawn_abort(owner, record),
        }
    }
}

/// Decides about a capture whose process died, by what is kept of its file.
fn decide(record: &mut StoredCapture, owner: (AccountId, CaptureId), kept: &[Kept], now: Timestamp) -> Change<Settled> {
    if record.state == StoredState::ConversionRunning && kept.is_empty() && record.parts_v1.is_empty() {
        // Of parts that are cut within packets: see `Run::upload_evenly`.
        let further = record.end(End::Abandoned(NOTHING_NOTED.to_owned()), owner, now);
        return Change::Store(further, Settled::Fail);
    }
    if record.state == StoredState::ConversionRunning {
        return Change::Leave(Settled::Complete { again: true });
    }
    if record.status().is_terminal() {
        return Change::Leave(Settled::Abort);
    }
    let last = match kept.last() {
        Some(last) if last.after.packets > 0 => last,
        // A stop that was asked for makes an empty file a success (capture contract, A.2).
        Some(last) if record.stop_requested_ns.is_some() => last,
        Some(last) if last.ends_file && record.may_be_empty() => last,
        kept => {
            let why = why_nothing(record, kept.is_none());
            // Abandoned also where no upload is known of: one may have been begun.
            let further = record.end(End::Abandoned(why), owner, now);
            return Change::Store(further, Settled::Fail);
        }
    };
    let further = if record.is_active() {
        Request::new().delete(record.turn_key(owner.0))
    } else {
        Request::new()
    };
    record.cut_counts(last.after);
    record.message = kept_in_words(record, last);
    record.state = StoredState::ConversionRunning;
    record.modified_ns = now.as_nanos();
    Change::Store(further, Settled::Complete { again: false })
}

/// Why there is no file; the process that caught may have known better.
fn why_nothing(record: &StoredCapture, is_nothing_noted: bool) -> String {
    match (&record.message, is_nothing_noted) {
        (Some(known), _) => joined(Some(known.clone()), NOTHING_KEPT_OF_IT),
        (None, true) => NOTHING_KEPT.to_owned(),
        (None, false) => NOTHING_CAUGHT.to_owned(),
    }
}

/// What the file of a capture has which its process did not see through, and what it has not. One that was not killed has noted why, and
/// what is missing.
fn kept_in_words(record: &StoredCapture, last: &Kept) -> Option<String> {
    let packets = last.after.packets;
    let lost = record.packets_seen.unwrap_or_default().saturating_sub(packets);
    let known = record.message.as_deref();
    let why = match known {
        None if last.ends_file => return Some(ALL_KEPT.to_owned()),
        // It has counted to the end.
        Some(known) if last.ends_file || lost == 0 => return shown(known),
        None => "the server ended unexpectedly before all of this capture was stored",
        Some(known) => known,
    };
    let lost = match lost {
        0 => "what was caught after them is lost".to_owned(),
        lost => format!("at least {lost} more had been caught and are lost"),
    };
    let held = format!("the file holds its first {packets} packets, and {lost}");
    Some(cut(format!("{why}: {held}")))
}

#[cfg(test)]
mod tests;
