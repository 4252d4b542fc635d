//! Sending what a killed process left in the spool.
//!
//! Parts are sent in their order and noted as any others, so that a process which is killed in the middle leaves less to the next;
//! then the capture is settled by what is noted (`recover.rs`). One that does not continue what the store has is of no use, nor
//! are those behind it.

use super::part::{self, Head};
use super::pump::in_background;
use super::{Shelf, Shelved};
use crate::capture::{self, Counts, StoredCapture, StoredState};
use crate::files::{self, StoredFile, StoredFileState};
use crate::journal::{self, Kept};
use crate::patience::{Patience, Waited};
use crate::run::{CAPTURE_CONTENT_TYPE, FILE, Failure};
use crate::sealed::is_torn;
use crate::sink::{SentPart, Sink, SinkError, Upload};
use crate::store::{self, Change};
use crate::{CaptureError, Captures};
use baleen_meta::Request;
use baleen_types::{AccountId, CaptureId, PartNumber};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use tracing::{info, warn};

/// The file of a capture whose parts are being sent.
struct Open {
    number: u16,
    upload: Upload,
    /// How many of its parts the store has.
    sent: u32,
}

/// What waits of a capture whose process died. It takes its room of the spool.
pub(crate) struct Left {
    shelf: Shelf,
    parts: VecDeque<Shelved>,
}

impl Captures {
    /// Looks for what waits of a capture whose process died, before others take the room of it.
    ///
    /// # Errors
    /// `Transient` when it cannot be told now: then there may be something, and it is not to be removed.
    pub(crate) async fn left_in_spool(&self, owner: (AccountId, CaptureId)) -> Result<Option<Left>, Failure> {
        let Some(spool) = &self.spool else { return Ok(None) };
        if !spool.has(owner).await.map_err(|error| cannot_look(&error))? {
            return Ok(None);
        }
        let Some(shelf) = self.shelf(owner).await? else {
            return Ok(None);
        };
        let parts = shelf.found().await.map_err(|error| cannot_look(&error))?;
        Ok((!parts.is_empty()).then_some(Left { shelf, parts }))
    }

    /// Sends what waits of a capture whose process died, looking for it first if it could not be told what there is. Whatever comes of it, the
    /// capture is to be settled then.
    ///
    /// # Errors
    /// Why not all of it was sent, for good; `Stopping` when it is left to the next start.
    pub(crate) async fn resume(&self, owner: (AccountId, CaptureId), found: Option<Left>) -> Result<(), Failure> {
        let key = capture::key(owner.0, owner.1);
        let read = || store::read::<StoredCapture>(&self.parts.meta, &key);
        let read = Patience::new(self).ask(owner.1, "the record", read).await?;
        let Some(record) = read
            .map(|read| read.record)
            .filter(|record| !record.status().is_terminal())
        else {
            return Ok(());
        };
        // As one that this process has begun: its destination may be deleted.
        let ownership = record.task.is_none().then(|| record.ownership());
        let registered = self.live.register(owner.0, owner.1, ownership);
        let mut patience = Patience::new(self).heeding(Some(&registered.live));
        self.end_turn(owner).await?;
        let look = || self.left_in_spool(owner);
        let mut left = match found {
            Some(left) => left,
            None => match patience.ask(owner.1, "what waits on the disk", look).await? {
                Some(left) => left,
                None => return Ok(()),
            },
        };
        info!(capture = %owner.1, parts = left.parts.len(), "parts of an interrupted capture are sent from the disk");
        let sink = self.reopen(owner, &record, &mut patience).await?;
        if sink.even_parts().is_some() {
            // What the store has of it is not noted: see `Run::upload_evenly`.
            return Ok(());
        }
        loop {
            let Err(failure) = self.send_left(owner, &record, &*sink, &mut left, &mut patience).await else {
                return Ok(());
            };
            let Failure::Transient(reason) = failure else {
                return Err(failure);
            };
            warn!(capture = %owner.1, reason, "what waits on the disk cannot be sent yet");
            match patience.wait().await {
                Waited::Elapsed => {}
                Waited::Exhausted => return Err(Failure::Final(reason)),
                Waited::Interrupted(failure) => return Err(failure),
            }
        }
    }

    /// Sends one part behind the other. What was sent is left no more.
    async fn send_left(
        &self,
        owner: (AccountId, CaptureId),
        record: &StoredCapture,
        sink: &dyn Sink,
        left: &mut Left,
        patience: &mut Patience<'_>,
    ) -> Result<(), Failure> {
        let mut open: Option<Open> = None;
        while let Some(shelved) = left.parts.front() {
            let head = shelved.head;
            if let Some(file) = self.file_of(owner, record, sink, &head, open.take(), patience).await? {
                let file = open.insert(file);
                if head.number > file.sent + 1 {
                    warn!(capture = %owner.1, "what waits on the disk does not continue what the store has");
                    return Ok(());
                }
                if head.number == file.sent + 1 {
                    let sent = self.send_shelved(owner, sink, &left.shelf, shelved, file, patience);
                    if !sent.await? {
                        return Ok(());
                    }
                    file.sent += 1;
                }
            }
            if let Some(shelved) = left.parts.pop_front() {
                left.shelf.remove(shelved).await;
            }
        }
        Ok(())
    }

    /// Lets the account capture again while the rest is sent.
    async fn end_turn(&self, owner: (AccountId, CaptureId)) -> Result<(), Failure> {
        self.persist(owner.1, "end of capturing", || async {
            let end = |record: &mut StoredCapture| {
                if record.status().is_terminal() || !record.is_active() {
                    return Ok(Change::Leave(()));
                }
                let turn = Request::new().delete(record.turn_key(owner.0));
                record.state = StoredState::ConversionPending;
                record.modified_ns = self.parts.clock.now().as_nanos();
                Ok(Change::Store(turn, ()))
            };
            self.change(owner, end).await.map(drop)
        })
        .await
    }

    /// The file that a part belongs to, which is begun if it is not; `None` when it is over.
    async fn file_of(
        &self,
        owner: (AccountId, CaptureId),
        record: &StoredCapture,
        sink: &dyn Sink,
        head: &Head,
        open: Option<Open>,
        patience: &mut Patience<'_>,
    ) -> Result<Option<Open>, Failure> {
        if let Some(open) = open.filter(|open| open.number == head.file) {
            return Ok(Some(open));
        }
        let kept = journal::read(&self.parts.meta, owner, head.file).await?;
        let sent = u32::try_from(kept.len() + record.parts_v1.len()).unwrap_or(u32::MAX);
        let opened = |upload| {
            Some(Open {
                number: head.file,
                upload,
                sent,
            })
        };
        if !record.has_files() {
            let upload = record.upload()?.filter(|_| head.file == FILE);
            return Ok(upload.and_then(opened));
        }
        let rows = files::read(&self.parts.meta, owner).await?;
        match rows.iter().find(|(number, _)| *number == head.file) {
            Some((_, row)) if row.state == StoredFileState::Open => Ok(opened(row.upload()?)),
            Some(_) => Ok(None),
            None => {
                let key = record.file_key(head.file)?;
                let begin = || sink.begin(&key, CAPTURE_CONTENT_TYPE);
                let upload = patience.ask(owner.1, "a further file", begin).await?;
                let row = StoredFile::begun(&upload, self.counts_before(owner, &rows, head.file).await?);
                self.note_file(owner, head.file, &row).await?;
                Ok(opened(upload))
            }
        }
    }

    /// What the files in front of one hold, by what is noted of the last of them.
    async fn counts_before(
        &self,
        owner: (AccountId, CaptureId),
        rows: &[(u16, StoredFile)],
        file: u16,
    ) -> Result<Counts, CaptureError> {
        let Some((number, last)) = rows.iter().rfind(|(number, _)| *number < file) else {
            return Ok(Counts::default());
        };
        // Its own counts are noted when it is completed, and those of its parts are forgotten then.
        let parts = journal::read(&self.parts.meta, owner, *number).await?;
        Ok(parts.last().map_or_else(|| last.until(), |part| part.after))
    }

    /// Sends a part, and notes that the store has it; `false` if it does not open.
    async fn send_shelved(
        &self,
        owner: (AccountId, CaptureId),
        sink: &dyn Sink,
        shelf: &Shelf,
        shelved: &Shelved,
        file: &Open,
        patience: &mut Patience<'_>,
    ) -> Result<bool, Failure> {
        let head = shelved.head;
        let number = PartNumber::new(head.number).map_err(SinkError::Damaged)?;
        // Each has one part in memory, as others that send from the disk. Between two tries it has none, nor a place: those whose stores take
        // nothing keep none from the others.
        let send = || async {
            let place = self.rooms.delivering().await;
            let bytes = match shelf.read(shelved.path.clone()).await {
                Ok(bytes) => bytes,
                Err(error) if is_torn(&error) => {
                    warn!(capture = %owner.1, %error, "a part that waited on the disk does not open");
                    return Ok(None);
                }
                Err(error) => return Err(cannot_look(&error)),
            };
            let sent = sink.part(&file.upload, number, bytes.clone()).await;
            let part: SentPart = sent.map_err(Failure::of_try)?;
            Ok(Some((part, bytes, place)))
        };
        let Some((part, bytes, _place)) = patience.ask(owner.1, "a part", send).await? else {
            return Ok(false);
        };
        crate::meter::uploaded(bytes.len());
        let kept = Kept::of(&head.piece(bytes), part, self.parts.clock.now());
        self.persist(owner.1, "part", || async {
            let note = journal::note(owner, head.file, &kept)?;
            self.parts.meta.commit(note).await?;
            Ok::<_, CaptureError>(())
        })
        .await?;
        Ok(true)
    }
}

fn cannot_look(error: &io::Error) -> Failure {
    Failure::Transient(format!("what waits on the disk cannot be read: {error}"))
}

impl Shelf {
    /// What is there of the capture, as far as one part follows the other. What is not of it is removed.
    async fn found(&self) -> io::Result<VecDeque<Shelved>> {
        let (folder, key, owner) = (self.folder.clone(), Arc::clone(&self.key), self.owner);
        let look = move || {
            let mut found: Vec<(PathBuf, Head)> = Vec::new();
            for path in part::list(&folder)? {
                let head = match part::head(&path, &key, owner) {
                    Ok(head) => head,
                    Err(error) if is_torn(&error) => break,
                    Err(error) => return Err(error),
                };
                if found.last().is_some_and(|(_, last)| last.sequence + 1 != head.sequence) {
                    break;
                }
                found.push((path, head));
            }
            for entry in std::fs::read_dir(&folder)? {
                let path = entry?.path();
                if !found.iter().any(|(whole, _)| *whole == path) {
                    // Otherwise it goes with the folder.
                    let _ = std::fs::remove_file(path);
                }
            }
            Ok(found)
        };
        let shelved = |(path, head): (_, Head)| {
            let room = self.spool.shares.occupy(self.owner.0, head.file_bytes());
            self.shelved(path, head, room)
        };
        Ok(in_background(look).await?.into_iter().map(shelved).collect())
    }
}
