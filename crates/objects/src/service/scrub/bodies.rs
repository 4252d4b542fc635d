//! Whether the bytes of all bodies are what was written: each block has a checksum, and each is computed.

use super::{Names, label};
use crate::keys;
use crate::records::{
    BodyRecord, BucketId, ExtentPage, LiveExtent, ObjectRecord, PartRecord, Piece, VersionRecord, decode_inline,
};
use crate::service::Objects;
use crate::{ObjectError, Scrub, ScrubProgress, Scrubbed};
use baleen_blob::{Error, Extent};
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::{Entry, Scan, record};
use baleen_types::ServedRange;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use std::num::NonZeroU64;
use std::time::Duration;

/// Bodies read at a time when nobody else is to be left room: disks give more to several readers.
const READERS: usize = 4;

/// Rows that are in memory at a time.
const ROWS_AT_ONCE: usize = 256;

/// Whose pieces.
struct Owned {
    of: String,
    body: BodyRecord,
}

/// What a piece came to: its bytes, or the damage.
type Outcome = Result<u64, String>;

impl Objects {
    pub(super) async fn read_bodies(
        &self,
        scrub: Scrub,
        progress: &ScrubProgress,
        names: &Names,
        found: &mut Scrubbed,
    ) -> Result<(), ObjectError> {
        let reading = Reading {
            objects: self,
            progress,
            bytes_per_second: scrub.bytes_per_second,
            begun: self.clock.monotonic(),
        };
        let readers = if scrub.bytes_per_second.is_some() { 1 } else { READERS };
        for table in [Table::Object, Table::Version, Table::Part] {
            let mut scan = Scan::prefix(&KeyWriter::new(table).finish()).limit(ROWS_AT_ONCE);
            loop {
                let page = self.meta.scan(scan.clone()).await?;
                let Some(last) = page.last() else { break };
                scan = scan.after(last.key.to_vec());
                // A row that cannot be read has been told already.
                let rows = page
                    .iter()
                    .filter_map(|entry| owned(table, entry, names).ok().flatten());
                let reading = &reading;
                let reads: Vec<_> = rows
                    .map(|owned| async move { (reading.body(&owned.body).await, owned.of) })
                    .collect();
                let mut outcomes = stream::iter(reads).buffer_unordered(readers);
                while let Some((outcome, of)) = outcomes.next().await {
                    for piece in outcome? {
                        match piece {
                            Ok(bytes) => {
                                found.bodies += 1;
                                found.bytes += bytes;
                            }
                            Err(what) => found.tell(of.clone(), what),
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// The reading of bodies, by one scrub.
struct Reading<'a> {
    objects: &'a Objects,
    progress: &'a ScrubProgress,
    bytes_per_second: Option<NonZeroU64>,
    begun: Duration,
}

impl Reading<'_> {
    /// Counts what was read, and waits until it was time for it.
    async fn read(&self, bytes: usize) {
        self.progress.read(bytes as u64);
        if let Some(rate) = self.bytes_per_second {
            let clock = &self.objects.clock;
            let due = Duration::from_millis(self.progress.bytes().saturating_mul(1000) / rate);
            let early = due.saturating_sub(clock.monotonic().saturating_sub(self.begun));
            if !early.is_zero() {
                clock.sleep(early).await;
            }
        }
    }

    async fn body(&self, body: &BodyRecord) -> Result<Vec<Outcome>, ObjectError> {
        let mut outcomes = Vec::new();
        match body {
            BodyRecord::Pieces(pieces) => self.pieces(pieces, &mut outcomes).await?,
            BodyRecord::Pages { id, pages } => {
                for page in 0..*pages {
                    // One that is not there is of an object that has gone, or has been told already, as one that cannot be
                    // read has.
                    let value = self.objects.meta.get(&keys::extent_page(*id, page)).await?;
                    let Some(Ok(page)) = value.map(|value| record::decode::<ExtentPage>(&value)) else {
                        continue;
                    };
                    self.pieces(&page.pieces, &mut outcomes).await?;
                }
            }
        }
        Ok(outcomes)
    }

    async fn pieces(&self, pieces: &[Piece], outcomes: &mut Vec<Outcome>) -> Result<(), ObjectError> {
        for piece in pieces {
            let outcome = match (piece.extent(), keys::piece(&piece.at)) {
                (Some(extent), _) => self.extent(extent).await?,
                (None, Some(key)) => self.inline(&key).await?,
                (None, None) => None,
            };
            outcomes.extend(outcome);
        }
        Ok(())
    }

    /// Reads an extent to its end; nothing if it was freed meanwhile.
    async fn extent(&self, extent: Extent) -> Result<Option<Outcome>, ObjectError> {
        let whole = ServedRange {
            first: 0,
            length: extent.length,
        };
        let mut reader = self.objects.blobs.read(extent, whole);
        while let Some(piece) = reader.next().await {
            match piece {
                Ok(bytes) => self.read(bytes.len()).await,
                // Others may have been written where it was, if it is no longer live.
                Err(error) if is_damage(&error) => {
                    return Ok(self.is_live(extent).await?.then(|| Err(error.to_string())));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(Ok(extent.length)))
    }

    async fn is_live(&self, extent: Extent) -> Result<bool, ObjectError> {
        let mark = self.objects.meta.get(&keys::extent(extent.place, extent.id)).await?;
        // A mark that cannot be read is nobody else's.
        let names =
            |mark: Bytes| record::decode::<LiveExtent>(&mark).map_or(true, |live| live.id == *extent.id.as_bytes());
        Ok(mark.is_some_and(names))
    }

    async fn inline(&self, key: &[u8]) -> Result<Option<Outcome>, ObjectError> {
        let Some(value) = self.objects.meta.get(key).await? else {
            return Ok(None);
        };
        Ok(Some(match decode_inline(&value) {
            Ok(body) => {
                self.read(body.len()).await;
                Ok(body.len() as u64)
            }
            Err(error) => Err(error.to_string()),
        }))
    }
}

/// Whether an error says that bytes are lost. Others, such as too many open files, pass.
fn is_damage(error: &Error) -> bool {
    match error {
        Error::Corrupt { .. } => true,
        // A sector that the disk cannot read.
        Error::Io { source, .. } => source.raw_os_error() == Some(EIO),
        _ => false,
    }
}

/// "Input/output error" on Linux.
const EIO: i32 = 5;

/// What a row has, if it has a body.
fn owned(table: Table, entry: &Entry, names: &Names) -> Result<Option<Owned>, ObjectError> {
    let of_object = |key: &str, object: ObjectRecord| {
        let bucket = BucketId(KeyReader::new(&entry.key, table)?.u64()?);
        Ok(Some(Owned {
            of: label(names, bucket, key, &object.name()),
            body: object.body,
        }))
    };
    match table {
        Table::Object => of_object(keys::object_key_of(&entry.key)?, record::decode(&entry.value)?),
        Table::Version => match VersionRecord::decode(&entry.value)? {
            VersionRecord::Object(object) => of_object(&keys::version_of(&entry.key)?.0, *object),
            VersionRecord::Marker(_) => Ok(None),
        },
        _ => {
            let part: PartRecord = record::decode(&entry.value)?;
            Ok(Some(Owned {
                of: format!("part {} of an upload", part.piece.part),
                body: BodyRecord::Pieces(vec![part.piece]),
            }))
        }
    }
}
