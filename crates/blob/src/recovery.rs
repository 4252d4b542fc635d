//! After a restart: what the metadata does not name is free.
//!
//! Old segments are only read until they are adopted. To adopt them the owner has to say what is live at a moment before
//! the first release, so that everything which dies later is released exactly once: neither missing from the list and
//! released again, nor named in it and forgotten. Old files of their own stay until they are asked about, at any time:
//! their names are never used again, so that removing one twice does no harm.

use crate::folder::Root;
use crate::volume::{file_name, folder_name, remove_file};
use crate::{BlobId, Blobs, Error, Extent};
use std::ffi::OsString;
use std::io;
use std::sync::Arc;

impl Blobs {
    /// Segments of an earlier run that wait for [`Blobs::adopt`].
    pub fn segments_to_adopt(&self) -> Vec<u64> {
        self.shared.segments.not_adopted()
    }

    /// Takes an old segment into use; `live` names the offset and length of every extent which a record named before the
    /// first call of [`Blobs::release`]. Everything else in it is free at once, and what is named is freed by its release.
    /// A list that was read later makes ranges free whose release is still to come, or waits for a reader: by then they
    /// may belong to others.
    pub async fn adopt(&self, segment: u64, live: Vec<(u64, u64)>) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        self.shared
            .run(move || {
                let empty = shared.segments.adopt(segment, &live)?;
                let folder = shared.root.get().map_err(Error::io("adopting a segment"))?;
                for name in empty {
                    remove_file(&folder, &name);
                }
                Ok(())
            })
            .await
    }

    /// Ids of the files of their own in one of the 256 folders, without those that are being written now. Each must be
    /// looked up in the metadata *after* this call; one which no record names can be removed.
    pub async fn files(&self, folder: u8) -> Result<Vec<BlobId>, Error> {
        let root = self.shared.root.clone();
        let mut ids = self
            .shared
            .run(move || list(&root, folder).map_err(Error::io("listing the blobs")))
            .await?;
        // Asked after the listing: a blob which is no draft now was committed before this line, or is dead.
        let drafts = self.shared.drafts.lock();
        ids.retain(|id| !drafts.contains(id));
        Ok(ids)
    }

    /// Removes a file which no record names; see [`Blobs::files`]. While somebody holds what was named nothing is removed, and
    /// the next time it is.
    pub async fn remove_file(&self, id: BlobId) -> Result<(), Error> {
        if self.shared.holds.is_held() {
            return Ok(());
        }
        let root = self.shared.root.clone();
        self.shared
            .run(move || {
                let folder = root.get().map_err(Error::io("removing a blob"))?;
                remove_file(&folder, &file_name(id));
                Ok(())
            })
            .await
    }

    /// Blobs whose commit was sent and whose answer never came; the caller looks each up, some time later, and calls either
    /// [`Blobs::settled`] or [`Blobs::release`]. Until then it is doubtful, however often this is asked.
    pub fn doubtful(&self) -> Vec<Extent> {
        self.shared.doubtful.lock().clone()
    }

    /// A doubtful blob turned out to be named by a record.
    pub fn settled(&self, extent: Extent) {
        self.shared.doubtful.lock().retain(|other| *other != extent);
        self.shared.drafts.lock().remove(&extent.id);
    }
}

fn list(root: &Root, folder: u8) -> io::Result<Vec<BlobId>> {
    let names = root.get()?.names(&folder_name(folder))?;
    let id = |name: OsString| BlobId::from_file_name(name.to_str()?);
    Ok(names.into_iter().filter_map(id).collect())
}
