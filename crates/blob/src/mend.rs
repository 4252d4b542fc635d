//! Writing extents of a volume anew where they were, when their bytes are lost or damaged and are still elsewhere.

use crate::copies::{check_space, replace};
use crate::holder::transfer;
use crate::{Blobs, Error, Extent, Holder, Place};
use std::sync::Arc;

impl Blobs {
    /// Writes the bytes of a live extent anew, from wherever its blocks are what was written, and returns when they are on disk. The
    /// caller holds a pin, and has looked that the extent is live. Who reads meanwhile gets bytes that pass their check, or none:
    /// in a segment the range is written over, which nobody else can have got, and a file is put in the other's place.
    ///
    /// # Errors
    /// [`Error::NoSpace`]; [`Error::Corrupt`] if a block is nowhere what was written.
    pub async fn restore(&self, extent: Extent, from: &[Holder]) -> Result<(), Error> {
        let shared = &self.shared;
        match extent.place {
            Place::Segment { segment, offset } => {
                let opened = Arc::clone(shared);
                let open = move || opened.segments.handle(segment).map_err(Error::io("opening a segment"));
                let handle = shared.jobs.run(open).await?;
                transfer(&shared.jobs, extent, from, (&handle.file, offset)).await?;
                let flushed = handle.sync.flush().await;
                flushed.inspect_err(|_| shared.segments.retire(segment))
            }
            Place::File => {
                let space = || check_space(&shared.dir, shared.settings.reserve_bytes, extent.length);
                let path = shared.file_path(extent.id);
                replace(&shared.jobs, extent, from, (path, space)).await?;
                shared.folders[usize::from(extent.id.folder())].flush().await
            }
        }
    }

    /// Makes a segment again that the metadata names and that is not there, empty, so that what was in it can be written again and
    /// no new segment gets its number. It then waits for [`Blobs::adopt`]. `live` as there.
    ///
    /// # Errors
    /// It cannot be made; its number is not used nevertheless.
    pub async fn restore_segment(&self, segment: u64, live: &[(u64, u64)]) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let live = live.to_vec();
        self.shared
            .jobs
            .run(move || shared.segments.restore(segment, &live))
            .await
    }

    /// Tells whether somebody holds an extent.
    pub fn is_pinned(&self, extent: &Extent) -> bool {
        self.shared.pins.is_held(extent.id)
    }
}
