//! Whether the bytes of all bodies are what was written: each block has a checksum, and each is computed.

use super::{Names, label};
use crate::keys;
use crate::records::{
    BodyRecord, BucketId, ExtentPage, LiveExtent, ObjectRecord, PartRecord, Piece, VersionRecord, decode_inline,
};
use crate::service::Objects;
use crate::{ObjectError, Scrub, ScrubProgress, Scrubbed};
use baleen_blob::Extent;
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::{Entry, Scan, record};
use baleen_types::ServedRange;
use futures::{StreamExt as _, stream};
use std::time::Duration;

/// Bodies read at a time when nobody else is to be left room: disks give more to several readers.
const READERS: usize = 4;

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
        let begun = self.clock.monotonic();
        let readers = if scrub.bytes_per_second.is_some() { 1 } else { READERS };
        for table in [Table::Object, Table::Version, Table::Part] {
            let mut scan = Scan::prefix(&KeyWriter::new(table).finish());
            loop {
                let page = self.meta.scan(scan.clone()).await?;
                let Some(last) = page.last() else { break };
                scan = scan.after(last.key.to_vec());
                // A row that cannot be read has been told already.
                let rows = page
                    .iter()
                    .filter_map(|entry| owned(table, entry, names).ok().flatten());
                let reads: Vec<_> = rows
                    .map(|owned| async move { (self.read_body(&owned.body, progress).await, owned.of) })
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
                    if let Some(rate) = scrub.bytes_per_second {
                        let due = Duration::from_millis(found.bytes.saturating_mul(1000) / rate);
                        let spent = self.clock.monotonic().saturating_sub(begun);
                        self.clock.sleep(due.saturating_sub(spent)).await;
                    }
                }
            }
        }
        Ok(())
    }

    async fn read_body(&self, body: &BodyRecord, progress: &ScrubProgress) -> Result<Vec<Outcome>, ObjectError> {
        let mut outcomes = Vec::new();
        match body {
            BodyRecord::Pieces(pieces) => self.read_pieces(pieces, progress, &mut outcomes).await?,
            BodyRecord::Pages { id, pages } => {
                for page in 0..*pages {
                    // One that is not there is of an object that has gone, or has been told already.
                    let Some(value) = self.meta.get(&keys::extent_page(*id, page)).await? else {
                        break;
                    };
                    let page: ExtentPage = record::decode(&value)?;
                    self.read_pieces(&page.pieces, progress, &mut outcomes).await?;
                }
            }
        }
        Ok(outcomes)
    }

    async fn read_pieces(
        &self,
        pieces: &[Piece],
        progress: &ScrubProgress,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<(), ObjectError> {
        for piece in pieces {
            let outcome = match (piece.extent(), keys::piece(&piece.at)) {
                (Some(extent), _) => self.read_extent(extent, progress).await?,
                (None, Some(key)) => self.read_inline(&key, progress).await?,
                (None, None) => None,
            };
            outcomes.extend(outcome);
        }
        Ok(())
    }

    /// Reads an extent to its end; nothing if it was freed meanwhile.
    async fn read_extent(&self, extent: Extent, progress: &ScrubProgress) -> Result<Option<Outcome>, ObjectError> {
        let whole = ServedRange {
            first: 0,
            length: extent.length,
        };
        let mut reader = self.blobs.read(extent, whole);
        while let Some(piece) = reader.next().await {
            match piece {
                Ok(bytes) => progress.read(bytes.len() as u64),
                // Others may have been written where it was, if it is no longer live.
                Err(error) => return Ok(self.is_live(extent).await?.then(|| Err(error.to_string()))),
            }
        }
        Ok(Some(Ok(extent.length)))
    }

    async fn is_live(&self, extent: Extent) -> Result<bool, ObjectError> {
        let mark = self.meta.get(&keys::extent(extent.place, extent.id)).await?;
        Ok(match mark {
            Some(mark) => record::decode::<LiveExtent>(&mark)?.id == *extent.id.as_bytes(),
            None => false,
        })
    }

    async fn read_inline(&self, key: &[u8], progress: &ScrubProgress) -> Result<Option<Outcome>, ObjectError> {
        let Some(value) = self.meta.get(key).await? else {
            return Ok(None);
        };
        Ok(Some(match decode_inline(&value) {
            Ok(body) => {
                progress.read(body.len() as u64);
                Ok(body.len() as u64)
            }
            Err(error) => Err(error.to_string()),
        }))
    }
}

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
