//! Comparing what is in a region with all that has to be there, when nobody can say what is missing.
//!
//! It goes by marks, page by page, and not by records: these move to where the walk has been, but an extent has one mark, in one place,
//! for as long as it lives. What comes or goes meanwhile has been noted by its own commit. So no snapshot is held. For which regions
//! an extent is meant hangs on its bucket, which its header names.

use super::reconcile::Target;
use crate::service::{Objects, OpenBucket};
use crate::{ObjectError, live_extent};
use baleen_blob::{Error, Extent};
use baleen_meta::Scan;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_runtime::Shutdown;
use futures::{StreamExt as _, stream};

/// Marks that are in memory at a time.
const MARKS_AT_ONCE: usize = 256;

/// Extents that are looked for at once.
const LOOKS_AT_ONCE: usize = 16;

impl Objects {
    /// Notes all that is missing in a region, and says then that nothing else is. False if it was stopped before.
    pub(super) async fn compare(
        &self,
        target: &Target,
        stop: &Shutdown,
        tell: &mut (dyn FnMut(u64) + Send),
    ) -> Result<bool, ObjectError> {
        let mut scan = Scan::prefix(&KeyWriter::new(Table::Extent).finish()).limit(MARKS_AT_ONCE);
        loop {
            if stop.is_stopping() {
                return Ok(false);
            }
            let page = self.meta.scan(scan.clone()).await?;
            let Some(last) = page.last() else { break };
            scan = scan.after(last.key.to_vec());
            let mut extents = Vec::new();
            for entry in &page {
                match live_extent(&entry.key, &entry.value) {
                    Ok(extent) => extents.push(extent),
                    // One that cannot be read names nothing that could be copied; a scrub tells of it.
                    Err(error) => tracing::warn!(%error, "a mark is left out of the comparison of a region"),
                }
            }
            tell(self.note_missing(target, &extents).await?);
        }
        // Names and lengths say nothing of what is on disk.
        target.holder.settle().await?;
        self.set_whole(target.region.as_ref()).await?;
        Ok(true)
    }

    /// Notes those which have to be there and are not; tells how many have to.
    async fn note_missing(&self, target: &Target, extents: &[Extent]) -> Result<u64, ObjectError> {
        let looks: Vec<_> = extents
            .iter()
            .map(|extent| async {
                // One that cannot be looked at is told of when it is to be written.
                let is_there = target.holder.has(*extent).await.unwrap_or(false) && !target.doubts(*extent);
                if is_there {
                    return Ok((*extent, true, true));
                }
                Ok::<_, ObjectError>((*extent, self.is_meant(target, *extent).await?, false))
            })
            .collect();
        let mut looked = stream::iter(looks).buffer_unordered(LOOKS_AT_ONCE);
        let (mut missing, mut meant) = (Vec::new(), 0);
        while let Some(look) = looked.next().await {
            let (extent, is_meant, is_there) = look?;
            meant += u64::from(is_meant);
            if is_meant && !is_there {
                missing.push(extent);
            }
        }
        if !missing.is_empty() {
            self.note(target.region.as_ref(), &missing).await?;
        }
        Ok(meant)
    }

    /// Whether a region has to have an extent.
    async fn is_meant(&self, target: &Target, extent: Extent) -> Result<bool, ObjectError> {
        let Some(region) = &target.region else {
            return Ok(true);
        };
        for holder in target.elsewhere() {
            match holder.owner(extent).await {
                Ok(owner) => {
                    let bucket = OpenBucket::of_owner_tag(owner);
                    return Ok(self.elsewhere_of(bucket).await?.names(region));
                }
                // Another may have the header.
                Err(Error::Corrupt { .. }) => {}
                // It may be back when the comparison is tried again, and must not be left out.
                Err(error) => return Err(error.into()),
            }
        }
        // Nobody has it. When it is to be written, it is told of, and gone by then if it went now.
        Ok(true)
    }
}
