//! Settling a capture of several files. Each of them is as if it were alone: what is complete stays; what was being sent
//! becomes an object, as far as it is noted.

use super::{Settled, why_nothing};
use crate::capture::{self, Counts, End, StoredCapture, StoredState};
use crate::files::{self, EndedFile, StoredFile, StoredFileState, Tally};
use crate::finish::tail;
use crate::journal::{self, Kept};
use crate::live::Live;
use crate::patience::Patience;
use crate::run::{Failure, shown};
use crate::store::{self, Change};
use crate::{CaptureError, Captures};
use baleen_meta::Request;
use baleen_types::{AccountId, CaptureId, Timestamp};
use std::sync::Arc;

const CUT: &str = "the server ended unexpectedly while this capture ran";

/// A file that an earlier process left.
pub(super) struct Found {
    number: u16,
    row: StoredFile,
    kept: Vec<Kept>,
}

impl Found {
    /// Whether it is an object, or can be made one that holds something.
    fn is_usable(&self, may_be_empty: bool) -> bool {
        match self.row.state {
            StoredFileState::Complete => true,
            StoredFileState::Lost => false,
            StoredFileState::Completing => !self.kept.is_empty(),
            StoredFileState::Open => self
                .kept
                .last()
                .is_some_and(|last| last.after.packets > self.row.packets_before || may_be_empty && self.number == 0),
        }
    }

    /// What there is to say of one that can be made no object.
    fn missing(&self) -> String {
        let (name, packets) = (self.row.name(), self.row.packets);
        match self.row.state {
            // Of parts that are cut within packets: see `Run::upload_evenly`.
            StoredFileState::Completing => format!(
                "{name} with {packets} packets is in the bucket, whole, or not at all: the server ended while the store put it \
                 together"
            ),
            StoredFileState::Open if self.kept.is_empty() => format!("{name}: nothing that was sent of it can be kept"),
            StoredFileState::Open | StoredFileState::Complete | StoredFileState::Lost => {
                format!("{name}: no packet of it was stored")
            }
        }
    }

    /// The row with what its parts hold.
    fn counted(&self) -> StoredFile {
        let mut row = self.row.clone();
        if let (StoredFileState::Open, Some(last)) = (row.state, self.kept.last()) {
            row.set_counts(last.after);
            row.file_bytes = self.kept.iter().map(|kept| kept.part_bytes).sum();
        }
        row
    }
}

impl Captures {
    /// The record of an unfinished capture with its files, if it is one that has several.
    pub(super) async fn found_files(&self, owner: (AccountId, CaptureId)) -> Result<Option<Vec<Found>>, CaptureError> {
        let meta = &self.parts.meta;
        let read = store::read::<StoredCapture>(meta, &capture::key(owner.0, owner.1)).await?;
        let is_several = read.is_some_and(|read| read.record.has_files());
        if !is_several {
            return Ok(None);
        }
        let mut found = Vec::new();
        for (number, row) in files::read(meta, owner).await? {
            let kept = journal::read(meta, owner, number).await?;
            found.push(Found { number, row, kept });
        }
        Ok(Some(found))
    }

    /// Makes objects of what an earlier process left.
    pub(super) async fn finish_found(
        self: &Arc<Self>,
        owner: (AccountId, CaptureId),
        record: StoredCapture,
        found: Vec<Found>,
        live: &Live,
    ) {
        let mut tally = Tally {
            // Also of a file that no row tells of.
            leaves_uploads: true,
            ..Tally::default()
        };
        let end = match self.try_finish_found(owner, &record, found, (&mut tally, live)).await {
            Ok(()) => tally.end(record.message.clone()),
            Err(Failure::Stopping) => return,
            Err(failure) => {
                tally.notes.push(failure.message());
                tally.end(record.message.clone())
            }
        };
        self.store_end(owner, end).await;
    }

    async fn try_finish_found(
        &self,
        owner: (AccountId, CaptureId),
        record: &StoredCapture,
        found: Vec<Found>,
        (tally, live): (&mut Tally, &Live),
    ) -> Result<(), Failure> {
        let is_over = |state| matches!(state, StoredFileState::Complete | StoredFileState::Lost);
        let (over, rest): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| is_over(found.row.state));
        for file in over {
            tally.count(&file.row);
        }
        let (usable, missing): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|file| file.is_usable(may_be_empty(record)));
        tally.notes.extend(missing.iter().map(Found::missing));
        let mut patience = Patience::new(self).heeding(Some(live));
        let sink = self.reopen(owner, record, &mut patience).await?;
        for file in usable {
            let mut row = file.counted();
            let mut parts: Vec<_> = file.kept.iter().map(|kept| kept.part.clone()).collect();
            if let Some((number, tail)) = tail(record, row.packets, &file.kept, self.parts.clock.now()) {
                let (bytes, upload) = (tail.len() as u64, row.upload()?);
                let sent = self.send_tail(owner.1, (&*sink, &upload), (number, tail), live);
                if let Some(part) = sent.await? {
                    row.file_bytes += bytes;
                    parts.push(part);
                }
            }
            let again = file.row.state == StoredFileState::Completing;
            let number = file.number;
            let ended = EndedFile { number, row, parts };
            self.finish_file(owner, (&*sink, Some(live)), ended, again, tally)
                .await?;
        }
        Ok(())
    }
}

fn may_be_empty(record: &StoredCapture) -> bool {
    // A stop that was asked for makes an empty file a success (capture contract, A.2).
    record.stop_requested_ns.is_some() || record.may_be_empty()
}

/// Decides about a capture whose process died, by what is kept of its files.
pub(super) fn decide(
    record: &mut StoredCapture,
    owner: (AccountId, CaptureId),
    found: &[Found],
    now: Timestamp,
) -> Change<Settled> {
    if record.status().is_terminal() {
        return Change::Leave(Settled::Abort);
    }
    if record.state == StoredState::ConversionRunning {
        return Change::Leave(Settled::Complete { again: true });
    }
    let may_be_empty = may_be_empty(record);
    let usable: Vec<_> = found.iter().filter(|file| file.is_usable(may_be_empty)).collect();
    if usable.is_empty() {
        let is_nothing_noted = found.iter().all(|file| file.kept.is_empty());
        let why = why_nothing(record, is_nothing_noted);
        let further = record.end(End::Abandoned(why), owner, now);
        return Change::Store(further, Settled::Fail);
    }
    let held = usable.iter().fold(Counts::default(), |held, file| {
        let row = file.counted();
        Counts {
            packets: held.packets + row.packets,
            bytes: held.bytes + row.bytes,
            dropped: held.dropped.max(row.dropped_until),
        }
    });
    let further = if record.is_active() {
        Request::new().delete(record.turn_key(owner.0))
    } else {
        Request::new()
    };
    // What they hold in the end is said then, see `StoredCapture::count_files`.
    record.message = if let Some(known) = &record.message {
        // One that was not killed has noted why, and has counted to the end.
        shown(known)
    } else {
        record.cut_counts(held);
        Some(CUT.to_owned())
    };
    record.state = StoredState::ConversionRunning;
    record.modified_ns = now.as_nanos();
    Change::Store(further, Settled::Complete { again: false })
}
