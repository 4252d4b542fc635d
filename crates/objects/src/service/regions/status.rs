//! In which regions an object is.

use super::RegionReader;
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::Piece;
use crate::service::Objects;
use crate::service::get::Named;
use crate::{ObjectError, ObjectVersion, keys};
use baleen_blob::{Extent, Holder};
use baleen_types::{RegionName, ServedRange};

/// Extents of an object that are looked for in the folders themselves; beyond these the notes are believed.
const LOOKED_FOR_MAX: usize = 16;

impl Objects {
    /// Tells in which regions all bytes of an object are now, sorted. What is in the keyspace is in every region of the bucket that is
    /// there.
    ///
    /// # Errors
    /// As [`Objects::head`].
    pub async fn regions_with(&self, of: impl Into<ObjectVersion>) -> Result<Vec<RegionName>, ObjectError> {
        let of = of.into();
        let bucket = self.open_bucket(&of.at.bucket).await?;
        let home = RegionName::parse(&bucket.record.region).map_err(ObjectError::corrupt)?;
        if self.regions.are_none() {
            return Ok(vec![home]);
        }
        let elsewhere = self.elsewhere(&bucket.record).await?;
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let current = self.find(&bucket, &of).await?;
            let Some(Named { pieces, .. }) = self.pieces(&current.record).await? else {
                continue;
            };
            let extents: Vec<_> = pieces.iter().filter_map(Piece::extent).collect();
            let mut there = Vec::new();
            if self.has_all(None, &extents).await? {
                there.push(home);
            }
            for region in elsewhere.regions() {
                if self.has_all(Some(region), &extents).await? {
                    there.push(region.clone());
                }
            }
            there.sort();
            return Ok(there);
        }
        Err(ObjectError::Contended)
    }

    /// Tells whether all of an extent is somewhere what was written, be it each block in another region.
    pub(in crate::service) async fn is_somewhere(&self, extent: Extent) -> bool {
        let whole = ServedRange::whole(extent.length);
        let mut reader = RegionReader::new(&self.regions, &self.blobs, extent, whole);
        while let Some(read) = reader.next().await {
            if read.is_err() {
                return false;
            }
        }
        true
    }

    /// Whether a region has all of these, as far as it is known.
    async fn has_all(&self, region: Option<&RegionName>, extents: &[Extent]) -> Result<bool, ObjectError> {
        if !self.regions.is_whole(region) {
            return Ok(false);
        }
        if region.is_none() {
            if !self.regions.is_home_there(&self.blobs) {
                return Ok(false);
            }
            let noticed = self.regions.noticed.lock();
            if extents.iter().any(|extent| noticed.contains_key(&extent.id)) {
                return Ok(false);
            }
        }
        let name = super::key_name(region);
        let notes: Vec<_> = extents.iter().map(|extent| keys::copy_due(name, extent.id)).collect();
        if self.meta.get_many(&notes).await?.iter().any(Option::is_some) {
            return Ok(false);
        }
        let holder = match region {
            None => Some(Holder::Volume(self.blobs.clone())),
            Some(region) => self.regions.copies_of(region),
        };
        let Some(holder) = holder else { return Ok(false) };
        for extent in extents.iter().take(LOOKED_FOR_MAX) {
            // Where it cannot be looked now, nothing can be read either.
            if !holder.has(*extent).await.unwrap_or(false) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
