//! After a restart: what the metadata does not name is free.
//!
//! Old segments are only read until they are adopted. To adopt them the owner has to say what is live at a moment before
//! the first release, so that everything which dies later is released exactly once: neither missing from the list and
//! released again, nor named in it and forgotten. Old files of their own stay until they are asked about, at any time:
//! their names are never used again, so that removing one twice does no harm.

use crate::volume::remove_file;
use crate::{BlobId, Blobs, Error, Extent};
use std::io;
use std::path::PathBuf;
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
                remove_all(&empty);
                Ok(())
            })
            .await
    }

    /// Ids of the files of their own in one of the 256 folders, without those that are being written now. Each must be
    /// looked up in the metadata *after* this call; one which no record names can be removed.
    pub async fn files(&self, folder: u8) -> Result<Vec<BlobId>, Error> {
        let path = self.shared.folder_path(folder);
        let mut ids = self
            .shared
            .run(move || list(path).map_err(Error::io("listing the blobs")))
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
        let path = self.shared.file_path(id);
        self.shared
            .run(move || {
                remove_file(&path);
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

fn list(folder: PathBuf) -> io::Result<Vec<BlobId>> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        ids.extend(entry?.file_name().to_str().and_then(BlobId::from_file_name));
    }
    Ok(ids)
}

fn remove_all(paths: &[PathBuf]) {
    for path in paths {
        remove_file(path);
    }
}
