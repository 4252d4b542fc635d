//! A folder of copies of extents that were written to another volume.
//!
//! Each copy is a file of its own, named by the extent's id and, if it is in a segment, by where: so that who finds a copy can look
//! up whether its extent is live. It holds the same header, blocks and checksums, and these cover the id, so that no other bytes
//! are ever taken for it. A long copy gets its name when it is whole and on disk; small
//! ones are flushed together with their names, and are there when the call returns.

use crate::format::stored_bytes;
use crate::holder::transfer;
use crate::jobs::Jobs;
use crate::segments::preallocate;
use crate::sync::{GroupSync, Target};
use crate::volume::{allocated_in, available, folder_path, lock, make_folders, remove_file};
use crate::{BlobId, Error, Extent, Holder, Paced, Place, Settings};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The text of the file `format`.
const FORMAT: &str = "baleen copies of blobs 1\n";

/// Longest body whose copy is flushed together with others: of longer ones the bytes take more time than the flush.
pub const TOGETHER_BYTES_MAX: u64 = 256 << 10;

/// Behind the name of a copy that is being written.
const DRAFT: &str = ".part";

/// A folder of copies. Clones share it.
#[derive(Clone)]
pub struct Copies {
    pub(crate) copied: Arc<Copied>,
}

pub(crate) struct Copied {
    pub(crate) dir: PathBuf,
    pub(crate) jobs: Jobs,
    reserve_bytes: u64,
    folders: Vec<Arc<GroupSync>>,
    /// Flushes everything at once.
    together: Arc<GroupSync>,
    /// Holds the lock until the folder is no longer used.
    _lock: File,
}

/// A copy that was found, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The blob.
    pub id: BlobId,
    /// Where it was written to first.
    pub place: Place,
}

impl Copies {
    /// Opens the folder, and makes it in the one above if it is not there. Blocks for some milliseconds.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it, [`Error::NotAVolume`] when it holds something else, and what the file system
    /// says.
    pub fn open(dir: &Path, settings: &Settings) -> Result<Self, Error> {
        match std::fs::create_dir(dir) {
            // Not with all above it: a mount that is not there must not be filled up in its place.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(Error::io("making the folder of copies")(error));
            }
            _ => {}
        }
        let lock = lock(dir)?;
        make_folders(dir, FORMAT, &[])?;
        let folder_sync = |n| GroupSync::new(Target::Folder(folder_path(dir, n)));
        let opened = File::open(dir).map_err(Error::io("opening the folder of copies"))?;
        Ok(Self {
            copied: Arc::new(Copied {
                dir: dir.to_owned(),
                jobs: Jobs::new(settings.io_jobs_max),
                reserve_bytes: settings.reserve_bytes,
                folders: (0..=u8::MAX).map(folder_sync).collect(),
                together: GroupSync::new(Target::FileSystem(opened)),
                _lock: lock,
            }),
        })
    }

    /// Writes a copy of an extent, from wherever its blocks are what was written; one that is there is replaced. Returns when it is
    /// on disk under its name. Only one call for an extent at a time.
    ///
    /// # Errors
    /// [`Error::NoSpace`]; [`Error::Corrupt`] if a block is nowhere what was written. What was there before is there then.
    pub async fn put(&self, extent: Extent, from: &[Holder], pace: &impl Paced) -> Result<(), Error> {
        let path = self.copied.path_of(&extent);
        if extent.length <= TOGETHER_BYTES_MAX && !path.exists() {
            return self.put_with_others(extent, from, pace, path).await;
        }
        let space = || check_space(&self.copied.dir, self.copied.reserve_bytes, extent.length);
        replace(&self.copied.jobs, extent, (from, pace), (path, space)).await?;
        self.copied.folders[usize::from(extent.id.folder())].flush().await
    }

    /// Writes a small copy that is flushed with all others that are being written, its name too: a flush for each would take longer than
    /// all else. Its name may be on disk before its bytes are, and so before this returns; nothing is lost by it, since there was none.
    async fn put_with_others(
        &self,
        extent: Extent,
        from: &[Holder],
        pace: &impl Paced,
        path: PathBuf,
    ) -> Result<(), Error> {
        let copied = &self.copied;
        check_space(&copied.dir, copied.reserve_bytes, extent.length)?;
        let doing = "writing a copy";
        let (draft, at) = (draft_of(&path), path.clone());
        let made = draft.clone();
        let make = move || Ok(Arc::new(File::create(made).map_err(Error::io(doing))?));
        let written = async {
            let file = copied.jobs.run(make).await?;
            transfer(&copied.jobs, extent, (from, pace), (&file, 0)).await?;
            let named = (draft.clone(), path.clone());
            let name = move || std::fs::rename(named.0, named.1).map_err(Error::io(doing));
            copied.jobs.run(name).await?;
            self.settle().await?;
            // Else the folder was moved away meanwhile.
            std::fs::metadata(&path).map(drop).map_err(Error::io(doing))
        };
        let outcome = written.await;
        if outcome.is_err() {
            // What is in memory may look right, and not be on disk.
            remove_file(&draft);
            remove_file(&at);
        }
        outcome
    }

    /// Whether the file system failed to write something, so that nothing can be said of what is written until the folder is opened
    /// anew.
    pub fn has_failed(&self) -> bool {
        self.copied.together.has_failed()
    }

    /// Returns when all copies that were written are on disk with their names: also those that an earlier run wrote, or a call that was
    /// given up. One flush serves all who wait.
    ///
    /// # Errors
    /// The file system does not say so.
    pub async fn settle(&self) -> Result<(), Error> {
        self.copied.together.flush().await
    }

    /// Which of some extents have a copy here.
    ///
    /// # Errors
    /// The file system does not say so.
    pub async fn among(&self, extents: Vec<Extent>) -> Result<Vec<Extent>, Error> {
        let copied = Arc::clone(&self.copied);
        let look = move || {
            let mut found = extents;
            let mut failure = None;
            found.retain(|extent| {
                let there = copied.path_of(extent).try_exists();
                there.unwrap_or_else(|error| {
                    failure = Some(error);
                    false
                })
            });
            match failure {
                None => Ok(found),
                Some(error) => Err(Error::io("looking for copies")(error)),
            }
        };
        self.copied.jobs.run(look).await
    }

    /// What the folder takes of the file system, names and all.
    ///
    /// # Errors
    /// A part of it cannot be looked at.
    pub async fn allocated_bytes(&self) -> Result<u64, Error> {
        let dir = self.copied.dir.clone();
        self.copied.jobs.run(move || allocated_in(&dir)).await
    }

    /// Removes the copy of an extent, if there is one, and what is left of the writing of one.
    ///
    /// # Errors
    /// It cannot be removed.
    pub async fn remove(&self, extent: Found) -> Result<(), Error> {
        let path = self.copied.path(extent.id, extent.place);
        let remove = move || {
            for path in [draft_of(&path), path] {
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(Error::io("removing a copy")(error));
                    }
                    _ => {}
                }
            }
            Ok(())
        };
        self.copied.jobs.run(remove).await
    }

    /// The copies in one of the 256 folders. What is left of writings that broke off is removed, so that nothing may be written
    /// meanwhile. Each is to be looked up in the metadata *after* this call.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn list(&self, folder: u8) -> Result<Vec<Found>, Error> {
        let path = folder_path(&self.copied.dir, folder);
        let list = move || {
            let mut found = Vec::new();
            for entry in std::fs::read_dir(&path)? {
                let entry = entry?;
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                if name.ends_with(DRAFT) {
                    remove_file(&entry.path());
                } else {
                    found.extend(Found::from_file_name(name));
                }
            }
            Ok(found)
        };
        let list = move || list().map_err(Error::io("listing copies"));
        self.copied.jobs.run(list).await
    }
}

impl Copied {
    pub(crate) fn path_of(&self, extent: &Extent) -> PathBuf {
        self.path(extent.id, extent.place)
    }

    fn path(&self, id: BlobId, place: Place) -> PathBuf {
        folder_path(&self.dir, id.folder()).join(Found { id, place }.file_name())
    }
}

impl Found {
    fn file_name(self) -> String {
        match self.place {
            Place::File => self.id.to_string(),
            Place::Segment { segment, offset } => format!("{}-{segment:x}-{offset:x}", self.id),
        }
    }

    fn from_file_name(name: &str) -> Option<Self> {
        let mut words = name.split('-');
        let id = BlobId::from_file_name(words.next()?)?;
        let mut number = || u64::from_str_radix(words.next()?, 16).ok();
        let place = match (number(), number()) {
            (None, None) => Place::File,
            (Some(segment), Some(offset)) => Place::Segment { segment, offset },
            _ => return None,
        };
        let found = Self { id, place };
        (found.file_name() == name).then_some(found)
    }
}

impl From<Extent> for Found {
    fn from(extent: Extent) -> Self {
        Self {
            id: extent.id,
            place: extent.place,
        }
    }
}

fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(DRAFT);
    name.into()
}

pub(crate) fn check_space(dir: &Path, reserve_bytes: u64, length: u64) -> Result<(), Error> {
    let needed = stored_bytes(length).saturating_add(reserve_bytes);
    if available(dir)? < needed {
        Err(Error::NoSpace)
    } else {
        Ok(())
    }
}

/// Writes a whole extent beside `path`, and puts it there when it is on disk. The name is not flushed.
pub(crate) async fn replace(
    jobs: &Jobs,
    extent: Extent,
    from: (&[Holder], &impl Paced),
    (path, space): (PathBuf, impl FnOnce() -> Result<(), Error>),
) -> Result<(), Error> {
    let draft = draft_of(&path);
    space()?;
    let doing = "writing a copy";
    let at = draft.clone();
    let make = move || {
        let file = File::create(&at).map_err(Error::io(doing))?;
        preallocate(&file, 0, stored_bytes(extent.length)).map_err(Error::io(doing))?;
        Ok(Arc::new(file))
    };
    let written = async {
        let file = jobs.run(make).await?;
        transfer(jobs, extent, from, (&file, 0)).await?;
        let (draft, path) = (draft.clone(), path.clone());
        let finish = move || {
            file.sync_data().map_err(Error::io(doing))?;
            std::fs::rename(draft, path).map_err(Error::io(doing))
        };
        jobs.run(finish).await
    };
    let outcome = written.await;
    if outcome.is_err() {
        remove_file(&draft);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_copies_round_trip_and_others_are_refused() {
        let id = BlobId::from_bytes(*b"\x00123456789abcdef");
        for place in [
            Place::File,
            Place::Segment { segment: 0, offset: 0 },
            Place::Segment {
                segment: u64::MAX,
                offset: 4096,
            },
        ] {
            let found = Found { id, place };
            assert_eq!(Found::from_file_name(&found.file_name()), Some(found));
        }
        for more in ["-", "-1", "-1-", "-01-0", "-1-2-3", "-G-0", ".part", "-1-2.part"] {
            let name = format!("{id}{more}");
            assert_eq!(Found::from_file_name(&name), None, "{name}");
        }
    }
}
