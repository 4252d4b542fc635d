//! The files of a capture that has several: a row each, from when its upload is begun.
//!
//! The rows say what there is to be fetched, and to a start what a killed process left: a file that is complete stays so
//! whatever becomes of the capture; one that was being sent is made of its parts that are noted (`journal.rs`); one that was
//! being completed is completed again. The rows of files that are complete stay with the capture, and go with it.

mod v1;

use crate::capture::{Counts, cut};
use crate::engine;
use crate::limits::{BYTE_LIMIT_MAX, FINISH_PATIENCE, ROTATE_BYTES_MIN, ROTATE_TIME_MIN, TIME_LIMIT_MAX};
use crate::live::Live;
use crate::patience::Patience;
use crate::run::{Delivered, Failure};
use crate::sink::{SentPart, Sink, Upload};
use crate::{CaptureError, Captures, journal, store};
use crate::{capture::End, finish::joined};
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::record::Record;
use baleen_meta::{Meta, REQUEST_BYTES_MAX, Request, SCAN_ENTRIES_MAX, Scan};
use baleen_types::{AccountId, CaptureId, ObjectKey};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A file as it is stored, under its capture and number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    pub(crate) object: String,
    /// The store's id of its upload.
    pub(crate) upload: String,
    pub(crate) state: StoredFileState,
    /// What the files before it hold.
    pub(crate) packets_before: u64,
    pub(crate) bytes_before: u64,
    /// What it holds; known when it has ended.
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// What the kernel had dropped of the capture until its end.
    pub(crate) dropped_until: u64,
    pub(crate) file_bytes: u64,
    /// What the capture's message is to say of it: why there is no object, or how sure it is that there is one.
    pub(crate) note: Option<String>,
}

impl Record for StoredFile {
    const NAME: &'static str = "capture file";
    const VERSION: u8 = 2;
    type Before = v1::StoredFileV1;
    fn migrate(before: v1::StoredFileV1) -> Self {
        before.into()
    }
}

/// How far a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredFileState {
    /// Parts are sent.
    Open,
    /// All are; its completion may have been asked for.
    Completing,
    /// The object is there.
    Complete,
    /// There will be no object.
    Lost,
}

/// A file in the bucket, of a capture that has several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// Its name.
    pub object: ObjectKey,
    /// Packets in it.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// All its bytes.
    pub file_bytes: u64,
}

/// A file whose parts are all in the store.
pub(crate) struct EndedFile {
    pub(crate) number: u16,
    pub(crate) row: StoredFile,
    pub(crate) parts: Vec<SentPart>,
}

/// What became of the files of a capture.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) complete: usize,
    /// What is to be said of those that are complete, and why others are not.
    pub(crate) notes: Vec<String>,
    /// Whether there are uploads that are still to be given up.
    pub(crate) leaves_uploads: bool,
    /// What is left of the pauses between tries to complete a file: all of them share it.
    pub(crate) patience: Duration,
}

/// The most files of one capture: one for each so many bytes, and one for each so long a time.
const FILES_MAX: u64 = 2 + 2 * BYTE_LIMIT_MAX / ROTATE_BYTES_MIN + TIME_LIMIT_MAX.as_secs() / ROTATE_TIME_MIN.as_secs();

/// Files of one capture that may wait to be completed: all of them.
pub(crate) const FILES_WAITING_MAX: usize = SCAN_ENTRIES_MAX;

const _: () = assert!(FILES_MAX < SCAN_ENTRIES_MAX as u64 && FILES_MAX < engine::FILES_MAX as u64);
const _: () = assert!(FILES_MAX * 64 < REQUEST_BYTES_MAX as u64);

impl StoredFile {
    /// A file whose upload is begun.
    pub(crate) fn begun(upload: &Upload, before: Counts) -> Self {
        Self {
            object: upload.key.to_string(),
            upload: upload.id.clone(),
            state: StoredFileState::Open,
            packets_before: before.packets,
            bytes_before: before.bytes,
            packets: 0,
            bytes: 0,
            dropped_until: before.dropped,
            file_bytes: 0,
            note: None,
        }
    }

    /// Takes over what the capture's files hold with this one.
    pub(crate) fn set_counts(&mut self, after: Counts) {
        self.packets = after.packets.saturating_sub(self.packets_before);
        self.bytes = after.bytes.saturating_sub(self.bytes_before);
        self.dropped_until = after.dropped;
    }

    /// What the capture's files hold up to its end, once that is known.
    pub(crate) fn until(&self) -> Counts {
        Counts {
            packets: self.packets_before.saturating_add(self.packets),
            bytes: self.bytes_before.saturating_add(self.bytes),
            dropped: self.dropped_until,
        }
    }

    pub(crate) fn upload(&self) -> Result<Upload, CaptureError> {
        Ok(Upload {
            key: self.object_key()?,
            id: self.upload.clone(),
        })
    }

    /// The last of its object's name.
    pub(crate) fn name(&self) -> &str {
        self.object.rsplit('/').next().unwrap_or_default()
    }

    fn object_key(&self) -> Result<ObjectKey, CaptureError> {
        ObjectKey::parse(self.object.as_str()).map_err(|_| CaptureError::Damaged("capture file"))
    }

    fn show(self) -> Result<FileInfo, CaptureError> {
        Ok(FileInfo {
            object: self.object_key()?,
            packets: self.packets,
            bytes: self.bytes,
            file_bytes: self.file_bytes,
        })
    }
}

fn prefix(owner: (AccountId, CaptureId)) -> KeyWriter {
    KeyWriter::new(Table::CaptureFile)
        .u64(owner.0.as_u64())
        .fixed(owner.1.as_bytes())
}

/// The commit that notes a file.
pub(crate) fn note(owner: (AccountId, CaptureId), number: u16, file: &StoredFile) -> Result<Request, CaptureError> {
    Ok(Request::new().put(prefix(owner).u16(number).finish(), store::encode(file)?))
}

/// The files of a capture, in order.
pub(crate) async fn read(meta: &Meta, owner: (AccountId, CaptureId)) -> Result<Vec<(u16, StoredFile)>, CaptureError> {
    let scan = Scan::prefix(&prefix(owner).finish()).limit(SCAN_ENTRIES_MAX);
    let mut files = Vec::new();
    for entry in meta.scan(scan).await? {
        let mut reader = KeyReader::new(&entry.key, Table::CaptureFile)?;
        reader.u64()?;
        reader.fixed::<{ CaptureId::BYTES }>()?;
        let number = reader.u16()?;
        reader.end()?;
        files.push((number, store::decode::<StoredFile>(entry.value)?.record));
    }
    Ok(files)
}

/// Those that are in the bucket.
pub(crate) async fn complete(meta: &Meta, owner: (AccountId, CaptureId)) -> Result<Vec<FileInfo>, CaptureError> {
    let files = read(meta, owner).await?.into_iter().map(|(_, file)| file);
    let complete = files.filter(|file| file.state == StoredFileState::Complete);
    complete.map(StoredFile::show).collect()
}

/// What those hold together.
pub(crate) async fn held(meta: &Meta, owner: (AccountId, CaptureId)) -> Result<Counts, CaptureError> {
    let mut held = Counts::default();
    for (_, file) in read(meta, owner).await? {
        if file.state == StoredFileState::Complete {
            held.packets += file.packets;
            held.bytes += file.bytes;
        }
    }
    Ok(held)
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            complete: 0,
            notes: Vec::new(),
            leaves_uploads: false,
            patience: FINISH_PATIENCE,
        }
    }
}

impl Tally {
    /// Counts a file of which it is known how it ended.
    pub(crate) fn count(&mut self, file: &StoredFile) {
        match file.state {
            StoredFileState::Complete => self.complete += 1,
            StoredFileState::Open | StoredFileState::Completing | StoredFileState::Lost => self.leaves_uploads = true,
        }
        self.notes.extend(file.note.clone());
    }

    /// How a capture ends with these files.
    pub(crate) fn end(self, message: Option<String>) -> End {
        let message = self
            .notes
            .iter()
            .fold(message, |message, note| Some(joined(message, note)));
        if self.complete == 0 {
            // Their uploads are looked at once more.
            return End::Abandoned(message.unwrap_or_else(|| "no file could be stored".to_owned()));
        }
        if self.leaves_uploads {
            return End::Partial(message);
        }
        End::Success(message)
    }
}

impl Captures {
    /// Makes the object of a file whose parts are all in the store, and notes what became of it. `again`: it may have been asked
    /// for before.
    ///
    /// # Errors
    /// `Stopping`, when the server stops before that is known; what cannot be noted for good.
    pub(crate) async fn finish_file(
        &self,
        owner: (AccountId, CaptureId),
        (sink, live): (&dyn Sink, Option<&Live>),
        mut file: EndedFile,
        again: bool,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let upload = file.row.upload()?;
        file.row.state = StoredFileState::Completing;
        self.note_file(owner, file.number, &file.row).await?;
        let delivered = Delivered {
            parts: file.parts,
            message: None,
        };
        let mut patience = Patience::of(self, tally.patience).heeding(live);
        let to = (sink, &upload);
        let end = self.complete(owner.1, to, delivered, again, &mut patience).await;
        tally.patience = patience.left();
        let name = file.row.name();
        let (state, note) = match end.ok_or(Failure::Stopping)? {
            End::Success(note) | End::Partial(note) => {
                (StoredFileState::Complete, note.map(|note| format!("{name}: {note}")))
            }
            End::Failed(why) | End::Abandoned(why) => {
                let packets = file.row.packets;
                let note = format!("{name} with {packets} packets could not be stored: {why}");
                (StoredFileState::Lost, Some(note))
            }
        };
        file.row.state = state;
        file.row.note = note.map(cut);
        tally.count(&file.row);
        self.note_file(owner, file.number, &file.row).await?;
        self.persist(owner.1, "end of a file", || async {
            let forget = journal::forget_file(&self.parts.meta, owner, file.number).await?;
            self.parts.meta.commit(forget).await?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn note_file(
        &self,
        owner: (AccountId, CaptureId),
        number: u16,
        file: &StoredFile,
    ) -> Result<(), Failure> {
        self.persist(owner.1, "file", || async {
            self.parts.meta.commit(note(owner, number, file)?).await?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_meta::record;

    #[test]
    fn rows_have_a_shape() {
        let file = StoredFile {
            object: "a/pcap_1_lab01_0000.pcap".to_owned(),
            upload: "upload-1".to_owned(),
            state: StoredFileState::Complete,
            packets_before: 1,
            bytes_before: 2,
            packets: 3,
            bytes: 4,
            dropped_until: 5,
            file_bytes: 300,
            note: Some("a".to_owned()),
        };
        let bytes = record::encode(&file).unwrap();
        let rest = "18612f706361705f315f6c616230315f303030302e706361700875706c6f61642d3102010203040\
                    5ac02";
        assert_eq!(hex::encode(&bytes), format!("02{rest}010161"));
        assert_eq!(record::decode::<StoredFile>(&bytes).unwrap(), file);
        // The first shape, without a note.
        let before = StoredFile { note: None, ..file };
        let bytes = hex::decode(format!("01{rest}")).unwrap();
        assert_eq!(record::decode::<StoredFile>(&bytes).unwrap(), before);
    }

    #[test]
    fn one_file_makes_a_success() {
        let tally = |complete, notes: &[&str]| Tally {
            complete,
            notes: notes.iter().map(|&note| note.to_owned()).collect(),
            ..Tally::default()
        };
        let rest = Tally {
            leaves_uploads: true,
            ..tally(1, &["b"])
        };
        assert_eq!(rest.end(None), End::Partial(Some("b".to_owned())));
        assert_eq!(tally(1, &[]).end(None), End::Success(None));
        assert_eq!(
            tally(1, &["b", "c"]).end(Some("a".to_owned())),
            End::Success(Some("a; b; c".to_owned()))
        );
        assert!(matches!(tally(0, &["b"]).end(None), End::Abandoned(why) if why == "b"));
        assert!(matches!(tally(0, &[]).end(None), End::Abandoned(_)));
    }
}
