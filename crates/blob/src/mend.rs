//! Writing extents of a volume anew where they were, when their bytes are lost or damaged and are still elsewhere; and the loss of the
//! whole folder while it is in use.

use crate::copies::replace;
use crate::folder::Folder;
use crate::format::allocated_bytes;
use crate::holder::transfer;
use crate::volume::{FORMAT, SEGMENTS, file_name, make_folders};
use crate::{Blobs, Error, Extent, Holder, Paced, Place};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Blobs {
    /// Writes the bytes of a live extent anew, from wherever its blocks are what was written, and returns when they are on disk. The
    /// caller holds a pin, and has looked that the extent is live. Who reads meanwhile gets bytes that pass their check, or none:
    /// in a segment the range is written over, which nobody else can have got, and a file is put in the other's place.
    ///
    /// # Errors
    /// [`Error::NoSpace`]; [`Error::Corrupt`] if a block is nowhere what was written.
    pub async fn restore(&self, extent: Extent, from: &[Holder], pace: &impl Paced) -> Result<(), Error> {
        let shared = &self.shared;
        match extent.place {
            Place::Segment { segment, offset } => {
                let opened = Arc::clone(shared);
                let end = offset.saturating_add(allocated_bytes(extent.length));
                let open = move || opened.segments.to_write_again(segment, end);
                let handle = shared.jobs.run(open).await?;
                transfer(&shared.jobs, extent, (from, pace), (&handle.file, offset)).await?;
                let flushed = handle.sync.flush().await;
                flushed.inspect_err(|_| shared.segments.retire(segment))
            }
            Place::File => {
                let folder = shared.root.get().map_err(Error::io("writing a blob anew"))?;
                let at = (&folder, file_name(extent.id), shared.settings.reserve_bytes);
                replace(&shared.jobs, extent, (from, pace), at).await?;
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

    /// Lets go of a folder that has gone, so that its file system can be unmounted: nothing is written, and nothing that is in its place
    /// is removed, until it comes back or another takes its place. Blocks.
    pub fn leave(&self) {
        self.shared.is_away.store(true, Ordering::Release);
        self.shared.standing.lock().lock = None;
        self.shared.segments.close();
        self.shared.root.close();
    }

    /// Takes the folder again that [`Blobs::leave`] let go of, as it was. Blocks.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it by now.
    pub fn come_back(&self) -> Result<(), Error> {
        let mut standing = self.shared.standing.lock();
        if standing.lock.is_none() {
            let mut folder = Folder::open(&self.shared.dir).map_err(Error::io("opening the volume's folder"))?;
            folder.watch_parts()?;
            standing.lock = Some(folder.lock()?);
            self.shared.root.set(folder);
        }
        self.shared.is_away.store(false, Ordering::Release);
        Ok(())
    }

    /// Takes another folder into use in the place of one that has gone, empty or not, and makes it in the one above if there is none.
    /// What was written to the other is nowhere to be found until it is restored, and what the other had left free is not written
    /// before the next start.
    ///
    /// # Errors
    /// As [`Blobs::open`]; if it has not the stamp that was `found`, and so is one more; and [`Error::NotMounted`].
    pub async fn begin_anew(&self, found: Option<String>) -> Result<(), Error> {
        let growing = Arc::clone(&self.shared.segments.growth).lock_owned().await;
        let shared = Arc::clone(&self.shared);
        let begin = move || {
            let _growing = growing;
            let doing = "making the volume's folder";
            let mut standing = shared.standing.lock();
            let mut folder = Folder::enter(&shared.dir, standing.is_mount)?;
            if folder.stamp()? != found {
                return Err(Error::io(doing)(io::Error::other("another folder came in between")));
            }
            standing.lock = None;
            standing.lock = Some(folder.lock()?);
            make_folders(&folder, FORMAT, &[SEGMENTS])?;
            folder.watch_parts()?;
            standing.is_mount = folder.is_mount().map_err(Error::io(doing))?;
            shared.root.set(folder);
            shared.segments.begin_anew()?;
            shared.is_away.store(false, Ordering::Release);
            Ok(())
        };
        self.shared.jobs.run(begin).await
    }

    /// Tells whether somebody holds an extent.
    pub fn is_pinned(&self, extent: &Extent) -> bool {
        self.shared.pins.is_held(extent.id)
    }
}
