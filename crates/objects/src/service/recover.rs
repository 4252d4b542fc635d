//! After a restart: taking the volume's old segments back into use, before anything can be deleted.

use super::{Objects, scan_all};
use crate::records::LiveExtent;
use crate::{ObjectError, keys};
use baleen_meta::{Snapshot, record};

impl Objects {
    /// Takes the volume's old segments back into use; returns how many. One whose marks or file cannot be read is reported
    /// and only read until the next start, since the others can be served. To be called once, before the first operation: a
    /// deletion which the list of live extents knows, and which frees its extent after that, would free it twice. Without
    /// this call the store works, and old segments are only read.
    ///
    /// Reads one small mark for each extent in a segment, and no record or body of an object. Holds the marks of one segment
    /// at a time.
    pub async fn recover(&self) -> Result<usize, ObjectError> {
        let segments = self.blobs.segments_to_adopt();
        if segments.is_empty() {
            return Ok(0);
        }
        let snapshot = self.meta.snapshot().await?;
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

    async fn recover_segment(&self, snapshot: &Snapshot, segment: u64) -> Result<(), ObjectError> {
        let mut live = Vec::new();
        for entry in scan_all(snapshot, &keys::segment_extents(segment).finish()).await? {
            let extent: LiveExtent = record::decode(&entry.value)?;
            live.push((keys::segment_offset_of(&entry.key)?, extent.length));
        }
        Ok(self.blobs.adopt(segment, live).await?)
    }
}
