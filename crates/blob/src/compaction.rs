//! Giving space back: emptying segments of which little lives, and holes in the others.
//!
//! The volume chooses segments and keeps them from being written; its owner, who knows which record names what, moves what
//! lives in them. A segment that has become empty is removed at once.

use crate::volume::Shared;
use crate::{Blobs, Error, Extent, ExtentReader, Holder, NewBlob, OwnerTag, Place, Placement, Writer, Written};
use baleen_types::ServedRange;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Segments that are being emptied: nothing new goes into them until this is dropped.
pub struct Draining {
    shared: Arc<Shared>,
    segments: BTreeSet<u64>,
    /// Those that may hold something yet.
    left: BTreeSet<u64>,
}

impl Draining {
    /// Whether an extent has to be moved.
    pub fn has(&self, extent: &Extent) -> bool {
        matches!(extent.place, Place::Segment { segment, .. } if self.segments.contains(&segment))
    }

    /// Their numbers.
    pub fn segments(&self) -> &BTreeSet<u64> {
        &self.segments
    }

    /// Whether nothing is in them any more. However often it is asked, each segment that is empty is looked at once.
    pub fn is_done(&mut self) -> bool {
        self.shared.segments.skip_gone(&mut self.left);
        self.left.is_empty()
    }

    /// Those that hold something yet.
    pub fn left(&self) -> BTreeSet<u64> {
        self.shared.segments.left_of(&self.segments)
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        self.shared.segments.undrain(&self.segments);
    }
}

/// A blob that is being written once more. Dropped, it leaves nothing.
pub struct Copying {
    reader: ExtentReader,
    writer: Writer,
    owner: OwnerTag,
}

impl Copying {
    /// Whom it was written for, and is again.
    pub fn owner(&self) -> OwnerTag {
        self.owner
    }

    /// Copies the next bytes, after they were checked; tells how many, and `None` when all are there.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for what is damaged, which is never copied; as [`Writer::write`].
    pub async fn next(&mut self) -> Result<Option<usize>, Error> {
        let Some(bytes) = self.reader.next().await else {
            return Ok(None);
        };
        let bytes = bytes?;
        let length = bytes.len();
        self.writer.write(bytes).await?;
        Ok(Some(length))
    }

    /// As [`Writer::finish`].
    pub async fn finish(self) -> Result<Written, Error> {
        self.writer.finish().await
    }
}

impl Blobs {
    /// The numbers of the segments in use.
    pub fn segments(&self) -> BTreeSet<u64> {
        self.shared.segments.numbers()
    }

    /// Chooses segments `among` these that are worth emptying: at most half of each lives, all of that fits into what is free
    /// elsewhere, and it is about `live_max` bytes at most.
    pub fn drain(&self, live_max: u64, among: &BTreeSet<u64>) -> Draining {
        let segments = self.shared.segments.drain(live_max, among);
        Draining {
            left: segments.clone(),
            segments,
            shared: Arc::clone(&self.shared),
        }
    }

    /// Begins to write the bytes of an extent once more, as a blob of its own. The caller holds a pin.
    ///
    /// # Errors
    /// As [`Blobs::writer`], and [`Error::Corrupt`] if the header is damaged.
    pub async fn copy(&self, extent: Extent) -> Result<Copying, Error> {
        let owner = Holder::Volume(self.clone()).owner(extent).await?;
        let new = NewBlob {
            owner,
            length: Some(extent.length),
            placement: Placement::BySize,
        };
        Ok(Copying {
            writer: self.writer(new).await?,
            reader: self.read(extent, ServedRange::whole(extent.length)),
            owner,
        })
    }

    /// Hands free space to the file system until about `keep` bytes are left that can be written at once; tells how many
    /// bytes it was. Does little where the file system cannot take a part of a file back.
    pub async fn give_back(&self, keep: u64) -> Result<u64, Error> {
        let mut given = 0;
        if self.shared.is_away() {
            return Ok(given);
        }
        // Each once: writers take back what they need meanwhile.
        for segment in self.shared.segments.to_give_back() {
            // One segment at a time, so that writers who need room do not wait long.
            // The lock goes with the work, which does not end with who waits for it.
            let growing = Arc::clone(&self.shared.segments.growth).lock_owned().await;
            let shared = Arc::clone(&self.shared);
            let one = move || {
                let _growing = growing;
                shared.segments.give_back(keep, segment)
            };
            match self.shared.jobs.run(one).await? {
                Some(bytes) => given += bytes,
                None => break,
            }
        }
        Ok(given)
    }

    /// Bytes of segments that were handed out to writers since the last call: what the next while may need again.
    pub fn taken(&self) -> u64 {
        self.shared.segments.taken()
    }
}
