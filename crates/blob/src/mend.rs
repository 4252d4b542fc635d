//! Writing extents of a volume anew where they were, when their bytes are lost or damaged and are still elsewhere; and the loss of the
//! whole folder while it is in use.

use crate::copies::replace;
use crate::folder::Folder;
use crate::format::allocated_bytes;
use crate::holder::transfer;
use crate::volume::{FORMAT, SEGMENTS, file_name, make_folders, together};
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
                flushed.inspect_err(|error| {
                    shared.segments.retire(segment);
                    self.has_not_written(error);
                })
            }
            Place::File => {
                let folder = shared.root.get().map_err(Error::io("writing a blob anew"))?;
                let at = (&folder, file_name(extent.id), shared.settings.reserve_bytes);
                replace(&shared.jobs, extent, (from, pace), at).await?;
                let flushed = shared.folders[usize::from(extent.id.folder())].flush().await;
                flushed.inspect_err(|error| self.has_not_written(error))
            }
        }
    }

    /// Returns when all that was written to the volume is on disk with its names: also what an earlier run wrote, or a call that was given
    /// up. One flush serves all who wait.
    ///
    /// # Errors
    /// The file system does not say so, or the folder is not in its place any more.
    pub async fn settle(&self) -> Result<(), Error> {
        let doing = "flushing the volume";
        let together = self.shared.standing.lock().together.clone();
        let away = || {
            Error::io(doing)(io::Error::other(
                "the folder of the volume is not in its place any more",
            ))
        };
        together.ok_or_else(away)?.flush().await?;
        if self.is_in_place() { Ok(()) } else { Err(away()) }
    }

    /// Whether the file system failed to write something that was to be settled or restored. Until [`Blobs::flush_anew`] nothing is
    /// settled any more.
    pub fn has_failed(&self) -> bool {
        let standing = self.shared.standing.lock();
        standing.together.as_ref().is_some_and(|together| together.has_failed())
    }

    /// Believes again what the file system says from now on, after it failed. It tells nothing of what it failed to write, which may be in
    /// memory alone: what is found and was not settled has to be restored. Blocks.
    ///
    /// # Errors
    /// The folder cannot be opened, or is away.
    pub fn flush_anew(&self) -> Result<(), Error> {
        let folder = self
            .shared
            .root
            .get()
            .map_err(Error::io("opening the volume's folder"))?;
        self.shared.standing.lock().together = Some(together(&folder)?);
        Ok(())
    }

    /// As if the file system had failed to write something, and all segments that are open could not be flushed. For tests.
    #[doc(hidden)]
    pub fn fail(&self) {
        self.has_not_written(&Error::stopped("a test"));
        self.shared.segments.fail();
    }

    fn has_not_written(&self, error: &Error) {
        if let Some(together) = &self.shared.standing.lock().together {
            let _ = together.fail(io::Error::other(error.to_string()));
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
        let mut standing = self.shared.standing.lock();
        (standing.lock, standing.together) = (None, None);
        drop(standing);
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
            let lock = folder.lock()?;
            (standing.together, standing.lock) = (Some(together(&folder)?), Some(lock));
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
            (standing.lock, standing.together) = (None, None);
            standing.lock = Some(folder.lock()?);
            make_folders(&folder, FORMAT, &[SEGMENTS])?;
            folder.watch_parts()?;
            standing.together = Some(together(&folder)?);
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
