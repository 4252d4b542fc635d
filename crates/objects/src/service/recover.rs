//! After a restart: taking the volume's old segments back into use, before anything can be deleted.

use super::{Objects, scan_all};
use crate::records::LiveExtent;
use crate::{ObjectError, keys};
use baleen_meta::{Scan, Snapshot, record};

impl Objects {
    /// Takes the volume's old segments back into use; returns how many. One whose marks or file cannot be read is reported
    /// and only read until the next start, since the others can be served. To be called once, before the first operation: a
    /// deletion which the list of live extents knows, and which frees its extent after that, would free it twice. Without
    /// this call the store works, and old segments are only read.
    ///
    /// Reads one small mark for each extent in a segment, and no record or body of an object. Holds the marks of one segment
    /// at a time.
    pub async fn recover(&self) -> Result<usize, ObjectError> {
        self.open_regions().await?;
        let snapshot = self.meta.snapshot().await?;
        let mut segments = self.blobs.segments_to_adopt();
        // Before a new segment is made: it would get the number of one that is lost, and its extents the marks of others.
        for lost in self.segments_marked(&snapshot).await? {
            if segments.contains(&lost) {
                continue;
            }
            let live = live_in(&snapshot, lost).await?;
            self.tell_lost(lost, live.len());
            match self.blobs.restore_segment(lost, &live).await {
                Ok(()) => segments.push(lost),
                Err(error) => tracing::error!(segment = lost, %error, "a segment cannot be made again"),
            }
        }
        if segments.is_empty() {
            return Ok(0);
        }
        // What the last process wrote may be visible before it is durable. If a deletion were lost, its bytes would be
        // needed again.
        self.barrier().await?;
        let mut recovered = 0;
        for segment in segments {
            match self.recover_segment(&snapshot, segment).await {
                Ok(()) => recovered += 1,
                Err(error) => tracing::error!(segment, %error, "a segment cannot be taken back into use"),
            }
        }
        tracing::debug!(recovered, "old segments are in use again");
        Ok(recovered)
    }

    /// Says what is lost with a segment, and who may have it.
    fn tell_lost(&self, segment: u64, extents: usize) {
        let regions: Vec<_> = self
            .regions
            .names()
            .filter(|name| self.regions.whole_copies(name).is_some())
            .collect();
        if self.regions.are_none() {
            tracing::error!(
                segment,
                extents,
                "a segment is gone, and what was in it; it is made again, empty"
            );
        } else if regions.is_empty() {
            tracing::error!(
                segment,
                extents,
                "a segment is gone, and no region is known to have what was in it; it is made again, empty"
            );
        } else {
            tracing::error!(
                segment,
                extents,
                ?regions,
                "a segment is gone; it is made again, empty, and these regions have what their buckets' policies copied there: it is read \
                 from there, and healed when it is read or looked through"
            );
        }
    }

    async fn recover_segment(&self, snapshot: &Snapshot, segment: u64) -> Result<(), ObjectError> {
        Ok(self.blobs.adopt(segment, live_in(snapshot, segment).await?).await?)
    }

    /// The segments that marks name.
    async fn segments_marked(&self, snapshot: &Snapshot) -> Result<Vec<u64>, ObjectError> {
        let first = Scan::prefix(&keys::all_segment_extents()).limit(1).keys_only();
        let mut segments = Vec::new();
        let mut scan = first.clone();
        while let Some(entry) = snapshot.scan(scan).await?.first() {
            let segment = keys::segment_of(&entry.key)?;
            segments.push(segment);
            scan = first
                .clone()
                .after(keys::segment_extents(segment).u64(u64::MAX).finish());
        }
        Ok(segments)
    }
}

/// Offset and length of the live extents of a segment.
async fn live_in(snapshot: &Snapshot, segment: u64) -> Result<Vec<(u64, u64)>, ObjectError> {
    let mut live = Vec::new();
    for entry in scan_all(snapshot, &keys::segment_extents(segment).finish()).await? {
        let extent: LiveExtent = record::decode(&entry.value)?;
        live.push((keys::segment_offset_of(&entry.key)?, extent.length));
    }
    Ok(live)
}
