//! Comparing what is in a region with all that has to be there, when nobody can say what is missing.

use super::reconcile::Target;
use crate::records::{BodyRecord, BucketRecord, ExtentPage, ObjectRecord, PartRecord, Piece, VersionRecord};
use crate::service::{Objects, Pages};
use crate::{ObjectError, keys};
use baleen_blob::{Extent, Holder};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Entry, Scan, Snapshot, record};
use baleen_runtime::Shutdown;
use futures::{StreamExt as _, stream};

/// Rows that are in memory at a time; each may have sixteen pieces.
const ROWS_AT_ONCE: usize = 256;

/// Extents that are looked for at once.
const LOOKS_AT_ONCE: usize = 16;

/// A comparison on its way.
struct Comparison<'a> {
    objects: &'a Objects,
    snapshot: &'a Snapshot,
    target: &'a Target,
    stop: &'a Shutdown,
    tell: &'a mut (dyn FnMut(u64) + Send),
}

impl Objects {
    /// Notes all that is missing in a region, and says then that nothing else is. False if it was stopped before.
    ///
    /// One snapshot says what has to be there: what came or went since has been noted by its own commit.
    pub(super) async fn compare(
        &self,
        target: &Target,
        stop: &Shutdown,
        tell: &mut (dyn FnMut(u64) + Send),
    ) -> Result<bool, ObjectError> {
        let snapshot = self.meta.snapshot().await?;
        let mut comparison = Comparison {
            objects: self,
            snapshot: &snapshot,
            target,
            stop,
            tell,
        };
        if !comparison.buckets().await? {
            return Ok(false);
        }
        if let Holder::Copies(copies) = &target.holder {
            // Names and lengths say nothing of what is on disk.
            copies.settle().await?;
        }
        self.set_whole(target.region.as_ref()).await?;
        Ok(true)
    }
}

impl Comparison<'_> {
    async fn buckets(&mut self) -> Result<bool, ObjectError> {
        let buckets = Scan::prefix(&KeyWriter::new(Table::Bucket).finish()).limit(ROWS_AT_ONCE);
        let mut pages = Pages::of(self.snapshot, buckets);
        while let Some(page) = pages.next().await? {
            for entry in page {
                let bucket: BucketRecord = record::decode(&entry.value)?;
                let is_meant = match &self.target.region {
                    None => true,
                    Some(region) => self.objects.elsewhere(&bucket).await?.names(region),
                };
                if is_meant && !self.bucket(&bucket).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn bucket(&mut self, bucket: &BucketRecord) -> Result<bool, ObjectError> {
        let current = |entry: &Entry| Ok(Some(record::decode::<ObjectRecord>(&entry.value)?.body));
        let noncurrent = |entry: &Entry| {
            Ok(match VersionRecord::decode(&entry.value)? {
                VersionRecord::Object(object) => Some(object.body),
                VersionRecord::Marker(_) => None,
            })
        };
        Ok(self.rows(keys::object(bucket.id, ""), current).await?
            && self.rows(keys::versions(bucket.id, ""), noncurrent).await?
            && self.uploads(bucket).await?)
    }

    async fn uploads(&mut self, bucket: &BucketRecord) -> Result<bool, ObjectError> {
        let uploads = Scan::prefix(&keys::uploads(bucket.id, ""))
            .limit(ROWS_AT_ONCE)
            .keys_only();
        let mut pages = Pages::of(self.snapshot, uploads);
        while let Some(page) = pages.next().await? {
            for entry in page {
                let (_, upload) = keys::upload_of(&entry.key)?;
                let part = |entry: &Entry| {
                    let part: PartRecord = record::decode(&entry.value)?;
                    Ok(Some(BodyRecord::Pieces(vec![part.piece])))
                };
                if !self.rows(keys::parts(upload), part).await? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Looks for what the rows of a prefix name.
    async fn rows(
        &mut self,
        prefix: Vec<u8>,
        body: impl Fn(&Entry) -> Result<Option<BodyRecord>, ObjectError> + Send,
    ) -> Result<bool, ObjectError> {
        let mut pages = Pages::of(self.snapshot, Scan::prefix(&prefix).limit(ROWS_AT_ONCE));
        while let Some(page) = pages.next().await? {
            if self.stop.is_stopping() {
                return Ok(false);
            }
            let mut extents = Vec::new();
            for entry in &page {
                match body(entry) {
                    Ok(Some(BodyRecord::Pieces(pieces))) => extents.extend(pieces.iter().filter_map(Piece::extent)),
                    Ok(Some(BodyRecord::Pages { id, pages })) => self.pages(id, pages).await?,
                    Ok(None) => {}
                    // A row that cannot be read names nothing that could be copied; a scrub tells of it.
                    Err(error) => tracing::warn!(%error, "a row is left out of the comparison of a region"),
                }
            }
            self.look(&extents).await?;
        }
        Ok(true)
    }

    async fn pages(&mut self, id: [u8; 16], pages: u32) -> Result<(), ObjectError> {
        for page in 0..pages {
            if let Some(value) = self.snapshot.get(&keys::extent_page(id, page)).await? {
                let page: ExtentPage = record::decode(&value)?;
                let extents: Vec<_> = page.pieces.iter().filter_map(Piece::extent).collect();
                self.look(&extents).await?;
            }
        }
        Ok(())
    }

    /// Notes those which are not there.
    async fn look(&mut self, extents: &[Extent]) -> Result<(), ObjectError> {
        let target = self.target;
        let looks: Vec<_> = extents
            .iter()
            // One that cannot be looked at is told of when it is to be written.
            .map(|extent| async move {
                let is_there = target.holder.has(*extent).await.unwrap_or(false);
                (*extent, is_there && !target.doubts(*extent))
            })
            .collect();
        let mut looked = stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE);
        let mut missing = Vec::new();
        while let Some((extent, is_there)) = looked.next().await {
            if !is_there {
                missing.push(extent);
            }
        }
        for some in missing.chunks(ROWS_AT_ONCE) {
            self.objects.note(self.target.region.as_ref(), some).await?;
        }
        (self.tell)(extents.len() as u64);
        Ok(())
    }
}
