//! Where else the objects of a bucket are: the regions beside home, and the notes of what is to be looked at in each.
//!
//! A note says no more than "look at this extent in this region": if its mark is there then, the region has to have a copy, and
//! if not, it must not. So it is the same note that a commit writes when a mark appears and when it goes, one for each region
//! and extent, and nothing hangs on the order in which they are taken up.

use super::Objects;
use crate::records::{BucketId, BucketRecord, CopyDue};
use crate::{ObjectError, ReplicationPolicy, SettingKind, keys};
use baleen_blob::Extent;
use baleen_meta::{Request, record};
use baleen_types::RegionName;
use std::sync::Arc;

/// Most notes of a commit that ends an upload, one for each part and region: with more, it would outgrow its limit. What is not told
/// is found when a region is swept.
const NOTES_MAX: usize = 2000;

/// In which regions beside home something is.
#[derive(Clone, Debug, Default)]
pub(super) struct Elsewhere(Arc<[RegionName]>);

impl Elsewhere {
    pub(super) fn of(regions: Vec<RegionName>) -> Self {
        Self(regions.into())
    }

    pub(super) fn regions(&self) -> &[RegionName] {
        &self.0
    }

    pub(super) fn is_nowhere(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn names(&self, region: &RegionName) -> bool {
        self.0.contains(region)
    }

    /// Notes that an extent is to be looked at there.
    pub(super) fn note(&self, request: Request, extent: &Extent) -> Request {
        let note = |request: Request, region: &RegionName| {
            request.put(keys::copy_due(region.as_str(), extent.id), CopyDue::of(extent).encode())
        };
        self.0.iter().fold(request, note)
    }

    /// The same for a commit that tells of so many extents: nowhere, if they are too many.
    pub(super) fn of_many(&self, extents: usize) -> Self {
        if extents.saturating_mul(self.0.len()) > NOTES_MAX {
            Self::default()
        } else {
            self.clone()
        }
    }
}

impl Objects {
    /// Where else the objects of a bucket have to be.
    pub(super) async fn elsewhere(&self, bucket: &BucketRecord) -> Result<Elsewhere, ObjectError> {
        let everywhere = self.regions.everywhere();
        if everywhere.is_nowhere() || !bucket.has(SettingKind::Replication) {
            return Ok(everywhere.clone());
        }
        self.elsewhere_of(bucket.id).await
    }

    /// The same for who has no record of the bucket.
    pub(super) async fn elsewhere_of(&self, bucket: BucketId) -> Result<Elsewhere, ObjectError> {
        let everywhere = self.regions.everywhere();
        if everywhere.is_nowhere() {
            return Ok(everywhere.clone());
        }
        if let Some(known) = self.regions.policies.lock().get(&bucket) {
            return Ok(known.clone());
        }
        let Some(stored) = self.meta.get(&keys::setting(bucket, SettingKind::Replication)).await? else {
            // It has no policy; or the bucket has gone, and what is to be written will be refused.
            return Ok(everywhere.clone());
        };
        let policy: ReplicationPolicy = record::decode(&stored)?;
        let regions = everywhere.regions().iter().filter(|region| policy.names(region));
        let elsewhere = Elsewhere(regions.cloned().collect());
        self.regions.policies.lock().put(bucket, elsewhere.clone());
        Ok(elsewhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_outgrows_a_commit_is_told_nowhere() {
        for (regions, extents, told) in [
            (1, 2000, 1),
            (1, 2001, 0),
            (2, 1000, 2),
            (2, 1001, 0),
            (8, 250, 8),
            (8, 2000, 0),
        ] {
            let names = (0..regions).map(|n| RegionName::parse(&format!("region{n}")).expect("a name"));
            let elsewhere = Elsewhere::of(names.collect());
            assert_eq!(elsewhere.of_many(extents).regions().len(), told, "{regions} {extents}");
        }
    }
}
