//! Moving what one row names.

use crate::keys;
use crate::records::{BodyRecord, BucketId, ExtentPage, ObjectRecord, PartRecord, Piece, PieceAt, VersionRecord};
use crate::service::commit::{Failure, settle};
use crate::service::pace::Pace;
use crate::service::put::in_own_task;
use crate::service::step::{attach, detach};
use crate::service::{Objects, OpenBucket};
use crate::{CompactProgress, Compacted, ObjectError};
use baleen_blob::{BlobId, Draining, Extent, Written};
use baleen_meta::keys::{KeyReader, Table};
use baleen_meta::{Entry, Request, record};
use baleen_types::UploadId;
use bytes::Bytes;
use std::collections::HashSet;
use std::sync::Arc;

/// Pieces that are moved in one commit; a page of them has up to a thousand.
const PIECES_AT_ONCE: usize = 16;

/// How often a row that others change is tried. They go first: it is left to the next compaction.
const ATTEMPTS_MAX: usize = 3;

/// Moves bodies.
pub(super) struct Mover<'a> {
    pub(super) objects: &'a Arc<Objects>,
    pub(super) pace: Pace,
    pub(super) progress: &'a CompactProgress,
    /// What was found to be damaged, and is not tried again.
    pub(super) damaged: HashSet<BlobId>,
}

/// A row that names pieces.
enum Row {
    Object(Box<ObjectRecord>),
    Version(Box<ObjectRecord>),
    Part(PartRecord),
    Page(ExtentPage),
}

impl Row {
    /// What a row of a table names; nothing for a delete marker.
    fn decode(table: Table, stored: &[u8]) -> Result<Option<Self>, ObjectError> {
        Ok(Some(match table {
            Table::Object => Self::Object(Box::new(record::decode(stored)?)),
            Table::Version => match VersionRecord::decode(stored)? {
                VersionRecord::Object(object) => Self::Version(object),
                VersionRecord::Marker(_) => return Ok(None),
            },
            Table::Part => Self::Part(record::decode(stored)?),
            Table::ExtentPage => Self::Page(record::decode(stored)?),
            _ => return Ok(None),
        }))
    }

    /// The value of the row, with what has changed in the place of what was stored.
    fn encode(&self, stored: &[u8]) -> Result<Bytes, ObjectError> {
        Ok(match self {
            Self::Object(object) => record::encode(&**object)?,
            Self::Version(object) => VersionRecord::amended(stored, &record::encode(&**object)?)?,
            Self::Part(part) => record::encode(part)?,
            Self::Page(page) => record::encode(page)?,
        })
    }

    fn pieces(&mut self) -> &mut [Piece] {
        let body = match self {
            Self::Object(object) | Self::Version(object) => &mut object.body,
            Self::Part(part) => return std::slice::from_mut(&mut part.piece),
            Self::Page(page) => return &mut page.pieces,
        };
        match body {
            BodyRecord::Pieces(pieces) => pieces,
            BodyRecord::Pages { .. } => &mut [],
        }
    }
}

impl Mover<'_> {
    /// Moves what a row names in the segments.
    pub(super) async fn row(
        &mut self,
        table: Table,
        entry: &Entry,
        draining: &Draining,
        done: &mut Compacted,
    ) -> Result<(), ObjectError> {
        let mut stored = entry.value.clone();
        let mut attempts = 0;
        while attempts < ATTEMPTS_MAX {
            // A row that cannot be read is for the scrub to tell of.
            let Ok(Some(mut row)) = Row::decode(table, &stored) else {
                return Ok(());
            };
            let extents = self.in_segments(row.pieces(), draining);
            if extents.is_empty() {
                return Ok(());
            }
            let _pins = self.objects.blobs.pin(&extents);
            // Held first, then looked, as readers do.
            match self.objects.meta.get(&entry.key).await? {
                Some(now) if now == stored => {
                    if !self.pieces(table, &entry.key, &stored, row, &extents, done).await? {
                        attempts += 1;
                    }
                }
                Some(now) => {
                    attempts += 1;
                    stored = now;
                    continue;
                }
                None => return Ok(()),
            }
            match self.objects.meta.get(&entry.key).await? {
                Some(now) => stored = now,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// The next of the pieces that are to be moved.
    fn in_segments(&self, pieces: &[Piece], draining: &Draining) -> Vec<Extent> {
        let extents = pieces.iter().filter_map(Piece::extent);
        extents
            .filter(|extent| draining.has(extent) && !self.damaged.contains(&extent.id))
            .take(PIECES_AT_ONCE)
            .collect()
    }

    /// Moves pieces of a row in one commit; tells whether it was made. What is damaged stays where it is.
    async fn pieces(
        &mut self,
        table: Table,
        key: &Bytes,
        stored: &Bytes,
        mut row: Row,
        extents: &[Extent],
        done: &mut Compacted,
    ) -> Result<bool, ObjectError> {
        let mut request = Request::new().unchanged(key.to_vec(), Some(stored.clone()));
        let (mut written, mut freed, mut bytes) = (Vec::new(), Vec::new(), 0);
        for piece in row.pieces() {
            let Some(extent) = piece.extent().filter(|extent| extents.contains(extent)) else {
                continue;
            };
            let (copy, bucket) = match self.copy(extent).await {
                Ok(copied) => copied,
                Err(error) if error.is_damage() => {
                    tracing::error!(%error, "a damaged body keeps its segment from being emptied");
                    if !self.objects.regions.are_none() {
                        self.objects.regions.notice(extent);
                    }
                    self.damaged.insert(extent.id);
                    done.damaged += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let elsewhere = self.objects.elsewhere_of(bucket).await?;
            request = detach(request, piece, &mut freed, &elsewhere);
            piece.at = PieceAt::extent(copy.extent(), piece.at.salt());
            request = attach(request, piece, None, &elsewhere)?;
            bytes += extent.length;
            written.push(copy);
        }
        if written.is_empty() {
            return Ok(true);
        }
        request = request.put(key.to_vec(), row.encode(stored)?);
        if table == Table::Part {
            // What completes or aborts the upload looks at this instead of at each part.
            let upload = UploadId::from_bytes(KeyReader::new(key, table)?.fixed()?);
            request = request.add(keys::part_changes(upload), 1);
        }
        let moved = written.len() as u64;
        let is_moved = self.commit(request, written, freed).await?;
        if is_moved {
            done.moved += moved;
            done.moved_bytes += bytes;
            self.progress.moved(bytes);
        }
        Ok(is_moved)
    }

    /// Copies an extent; tells in which bucket what it belongs to is.
    async fn copy(&self, extent: Extent) -> Result<(Written, BucketId), baleen_blob::Error> {
        let mut copying = self.objects.blobs.copy(extent).await?;
        let bucket = OpenBucket::of_owner_tag(copying.owner());
        while let Some(bytes) = copying.next().await? {
            self.pace.pass(bytes as u64).await;
        }
        Ok((copying.finish().await?, bucket))
    }

    /// In a task of its own: this may be dropped, but a commit under way has to be told apart from none.
    async fn commit(&self, request: Request, written: Vec<Written>, freed: Vec<Extent>) -> Result<bool, ObjectError> {
        let objects = Arc::clone(self.objects);
        in_own_task(async move {
            let submitted: Vec<_> = written.into_iter().map(Written::submit).collect();
            let outcome = objects.meta.commit(request).await;
            let outcome = outcome.map(|outcome| outcome.is_committed()).map_err(Failure::from);
            for submitted in submitted {
                settle(Some(submitted), &outcome, matches!(outcome, Ok(true)));
            }
            if matches!(outcome, Ok(true)) {
                objects.blobs.release(freed);
                objects.regions.hint();
            }
            outcome.map_err(Failure::into_error)
        })
        .await
    }
}
