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
use crate::patience::Patience;
use crate::run::{CAPTURE_CONTENT_TYPE, FILE, Failure};
use crate::sink::{SentPart, Sink, SinkError, Upload};
use crate::store::{self, Change};
use crate::{CaptureError, Captures};
use baleen_meta::Request;
use baleen_types::{AccountId, CaptureId, PartNumber};
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

/// What waits of a capture whose process died. It takes its room.
pub(crate) struct Left {
    shelf: Shelf,
    parts: Vec<Shelved>,
}

impl Captures {
    /// Looks for what waits of a capture whose process died, before others take the room of it.
    pub(crate) async fn left_in_spool(&self, owner: (AccountId, CaptureId)) -> Option<Left> {
        if !self.spool.as_ref()?.has(owner).await {
            return None;
        }
        let shelf = match self.shelf(owner).await {
            Ok(shelf) => shelf?,
            Err(error) => {
                warn!(capture = %owner.1, %error, "parts on the disk are given up: the key of the spool cannot be had");
                return None;
            }
        };
        let parts = shelf.found().await;
        (!parts.is_empty()).then_some(Left { shelf, parts })
    }

    /// Sends what waits of a capture whose process died. Whatever comes of it, the capture is to be settled then.
    ///
    /// # Errors
    /// Why not all of it was sent; `Stopping` when it is left to the next start.
    pub(crate) async fn resume(&self, owner: (AccountId, CaptureId), left: Left) -> Result<(), Failure> {
        let Left { shelf, parts } = left;
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(owner.0, owner.1)).await?;
        let Some(read) = read.filter(|read| !read.record.status().is_terminal()) else {
            return Ok(());
        };
        info!(capture = %owner.1, parts = parts.len(), "parts of an interrupted capture are sent from the disk");
        self.end_turn(owner).await?;
        // As one that this process has begun: its account may have so many of them.
        let ownership = read.record.task.is_none().then(|| read.record.ownership());
        let registered = self.live.register(owner.0, owner.1, ownership);
        let _undelivered = self.rooms.without(owner.0);
        let mut patience = Patience::new(self).heeding(Some(&registered.live));
        let sink = self.reopen(owner, &read.record, &mut patience).await?;
        if sink.even_parts().is_some() {
            // What the store has of it is not noted: see `Run::upload_evenly`.
            return Ok(());
        }
        let mut open = None;
        for shelved in parts {
            let head = shelved.head;
            let file = self.file_of(owner, &read.record, &*sink, &head, open.take(), &mut patience);
            let Some(file) = file.await? else {
                shelf.remove(shelved).await;
                continue;
            };
            let file = open.insert(file);
            if head.number <= file.sent {
                shelf.remove(shelved).await;
                continue;
            }
            if head.number != file.sent + 1 {
                warn!(capture = %owner.1, "what waits on the disk does not continue what the store has");
                return Ok(());
            }
            self.send_shelved(owner, &*sink, &shelf, &shelved, file, &mut patience)
                .await?;
            file.sent += 1;
            shelf.remove(shelved).await;
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

    /// Sends a part, and notes that the store has it.
    async fn send_shelved(
        &self,
        owner: (AccountId, CaptureId),
        sink: &dyn Sink,
        shelf: &Shelf,
        shelved: &Shelved,
        file: &Open,
        patience: &mut Patience<'_>,
    ) -> Result<(), Failure> {
        let head = shelved.head;
        let bytes = shelf.read(shelved).await.map_err(|error| {
            warn!(capture = %owner.1, %error, "a part that waited on the disk cannot be read");
            Failure::Final("a part that waited on the disk could not be read back".to_owned())
        })?;
        let number = PartNumber::new(head.number).map_err(SinkError::Damaged)?;
        let send = || sink.part(&file.upload, number, bytes.clone());
        let part: SentPart = patience.ask(owner.1, "a part", send).await?;
        crate::meter::uploaded(bytes.len());
        let kept = Kept::of(&head.piece(bytes), part, self.parts.clock.now());
        self.persist(owner.1, "part", || async {
            let note = journal::note(owner, head.file, &kept)?;
            self.parts.meta.commit(note).await?;
            Ok::<_, CaptureError>(())
        })
        .await
    }
}

impl Shelf {
    /// What is there of the capture, as far as one part follows the other. What is not of it is removed.
    async fn found(&self) -> Vec<Shelved> {
        let (folder, key, owner) = (self.folder.clone(), Arc::clone(&self.key), self.owner);
        let look = move || {
            let mut found: Vec<(PathBuf, Head)> = Vec::new();
            for path in part::list(&folder)? {
                // One that does not open is where a power cut tore the rest off.
                let Ok(head) = part::head(&path, &key, owner) else {
                    break;
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
        let found = in_background(look).await.unwrap_or_else(|error| {
            warn!(capture = %owner.1, %error, "what waits on the disk cannot be listed");
            Vec::new()
        });
        let shelved = |(path, head): (_, Head)| Shelved {
            path,
            head,
            _room: self.spool.shares.occupy(self.owner.0, head.file_bytes()),
        };
        found.into_iter().map(shelved).collect()
    }
}
