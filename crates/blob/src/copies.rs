//! A folder of copies of extents that were written to another volume.
//!
//! Each copy is a file of its own, named by the extent's id and, if it is in a segment, by where: so that who finds a copy can look
//! up whether its extent is live. It holds the same header, blocks and checksums, and these cover the id, so that no other bytes
//! are ever taken for it. A long copy gets its name when it is whole and on disk; small
//! ones are flushed together with their names, and are there when the call returns.

use crate::buffers::Buffers;
use crate::folder::{Disk, Folder, Root};
use crate::format::stored_bytes;
use crate::holder::transfer;
use crate::jobs::Jobs;
use crate::segments::preallocate;
use crate::sync::{GroupSync, Target};
use crate::volume::{FILES, allocated_in, folder_name, make_folders, remove_file};
use crate::{BlobId, Blobs, Error, Extent, Holder, Paced, Place, Seen, Settings};
use parking_lot::Mutex;
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
    pub(crate) folder: Arc<Folder>,
    pub(crate) jobs: Jobs,
    pub(crate) buffers: Buffers,
    reserve_bytes: u64,
    folders: Vec<Arc<GroupSync>>,
    /// Flushes everything at once; another one after it failed.
    together: Mutex<Arc<GroupSync>>,
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
    /// Opens the folder, and makes it in the one above if it is not there. Blocks for some milliseconds. `was_mount` says that a file
    /// system has to be mounted there, unless there is a file `plain`.
    ///
    /// # Errors
    /// [`Error::InUse`] when another process has it, [`Error::NotAVolume`] when it holds something else, [`Error::NotMounted`], and
    /// what the file system says.
    pub fn open(dir: &Path, was_mount: bool, settings: &Settings) -> Result<Self, Error> {
        Self::open_with(dir, was_mount, settings, Buffers::new(settings.transfer_bytes_max))
    }

    /// The same, for copies of what is in a volume, whose settings and whose memory they share.
    ///
    /// # Errors
    /// As there.
    pub fn of(volume: &Blobs, dir: &Path, was_mount: bool) -> Result<Self, Error> {
        Self::open_with(dir, was_mount, volume.settings(), volume.buffers().clone())
    }

    fn open_with(dir: &Path, was_mount: bool, settings: &Settings, buffers: Buffers) -> Result<Self, Error> {
        let mut folder = Folder::enter(dir, was_mount)?;
        let lock = folder.lock()?;
        make_folders(&folder, FORMAT, &[])?;
        let watched = folder.watch(Path::new(FILES));
        watched.map_err(Error::io("opening the folder of copies"))?;
        let together = together(&folder)?;
        let root = Root::of(folder);
        let doing = "opening the folder of copies";
        let folder = root.get().map_err(Error::io(doing))?;
        let folder_sync = |n| GroupSync::new(Target::Folder(root.clone(), folder_name(n)));
        Ok(Self {
            copied: Arc::new(Copied {
                folder,
                jobs: Jobs::new(settings.io_jobs_max),
                buffers,
                reserve_bytes: settings.reserve_bytes,
                folders: (0..=u8::MAX).map(folder_sync).collect(),
                together: Mutex::new(together),
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
        let copied = &self.copied;
        let name = Found::from(extent).name();
        let is_there = copied.folder.exists(&name).unwrap_or(true);
        if extent.length <= TOGETHER_BYTES_MAX && !is_there {
            return self.put_with_others(extent, from, pace, name).await;
        }
        let at = (&copied.folder, name, copied.reserve_bytes);
        replace(&copied.jobs, extent, (from, pace), at).await?;
        copied.folders[usize::from(extent.id.folder())].flush().await
    }

    /// Writes a small copy that is flushed with all others that are being written, its name too: a flush for each would take longer than
    /// all else. Its name may be on disk before its bytes are, and so before this returns; nothing is lost by it, since there was none.
    async fn put_with_others(
        &self,
        extent: Extent,
        from: &[Holder],
        pace: &impl Paced,
        name: PathBuf,
    ) -> Result<(), Error> {
        let copied = &self.copied;
        check_space(&copied.folder, copied.reserve_bytes, extent.length)?;
        let doing = "writing a copy";
        let draft = draft_of(&name);
        let (folder, made) = (Arc::clone(&copied.folder), draft.clone());
        let make = move || Ok(Arc::new(folder.create(&made).map_err(Error::io(doing))?));
        let written = async {
            let file = copied.jobs.run(make).await?;
            transfer(&copied.jobs, extent, (from, pace), (&file, 0)).await?;
            let (folder, from, to) = (Arc::clone(&copied.folder), draft.clone(), name.clone());
            let rename = move || folder.rename(&from, &to).map_err(Error::io(doing));
            copied.jobs.run(rename).await?;
            self.settle().await
        };
        let outcome = written.await;
        if outcome.is_err() {
            // What is in memory may look right, and not be on disk.
            remove_file(&copied.folder, &draft);
            remove_file(&copied.folder, &name);
        }
        outcome
    }

    /// Which folder it is.
    pub fn seen(&self) -> Seen {
        self.copied.folder.seen().clone()
    }

    /// Whether it is still what is found under its path.
    pub fn is_in_place(&self) -> bool {
        self.copied.folder.is_in_place()
    }

    /// Whether others than its owner may look into it.
    pub fn is_open_to_others(&self) -> bool {
        self.copied.folder.is_open_to_others().unwrap_or(false)
    }

    /// Whether a file system is mounted in it.
    pub fn is_mount(&self) -> bool {
        self.copied.folder.is_mount().unwrap_or(false)
    }

    /// Whether the file system failed to write something. Until [`Copies::flush_anew`] nothing is said to be on disk.
    pub fn has_failed(&self) -> bool {
        self.copied.together.lock().has_failed()
    }

    /// As if the file system had failed to write something. For tests.
    #[doc(hidden)]
    pub fn fail(&self) {
        let _ = self.copied.together.lock().fail(io::Error::other("a test has it fail"));
    }

    /// Believes again what the file system says from now on, after it failed. It tells nothing of what it failed to write: of short
    /// copies that are there, and that nobody was told of, none may be taken for one any more. Blocks.
    ///
    /// # Errors
    /// The folder cannot be opened.
    pub fn flush_anew(&self) -> Result<(), Error> {
        *self.copied.together.lock() = together(&self.copied.folder)?;
        Ok(())
    }

    /// Returns when all copies that were written are on disk with their names: also those that an earlier run wrote, or a call that was
    /// given up. One flush serves all who wait.
    ///
    /// # Errors
    /// The file system does not say so, or the folder is not in its place any more.
    pub async fn settle(&self) -> Result<(), Error> {
        let together = Arc::clone(&self.copied.together.lock());
        together.flush().await?;
        self.copied.folder.check_in_place("flushing copies")
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
                let there = copied.folder.exists(&Found::from(*extent).name());
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

    /// The room on its file system; `None` if it is not in its place. Blocks.
    pub fn disk(&self) -> Option<Disk> {
        let folder = &self.copied.folder;
        folder.is_in_place().then(|| folder.disk().ok())?
    }

    /// What the folder takes of the file system, names and all.
    ///
    /// # Errors
    /// A part of it cannot be looked at.
    pub async fn allocated_bytes(&self) -> Result<u64, Error> {
        let dir = self.copied.folder.path().to_owned();
        self.copied.jobs.run(move || allocated_in(&dir)).await
    }

    /// Removes the copy of an extent, if there is one, and what is left of the writing of one.
    ///
    /// # Errors
    /// It cannot be removed, or the folder is not in its place any more.
    pub async fn remove(&self, extent: Found) -> Result<(), Error> {
        let copied = Arc::clone(&self.copied);
        let remove = move || {
            copied.folder.check_in_place("removing a copy")?;
            let name = extent.name();
            for name in [draft_of(&name), name] {
                match copied.folder.remove(&name) {
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
        let (copied, path) = (Arc::clone(&self.copied), folder_name(folder));
        let list = move || {
            let mut found = Vec::new();
            for name in copied.folder.names(&path)? {
                let Some(name) = name.to_str() else { continue };
                if name.ends_with(DRAFT) {
                    remove_file(&copied.folder, &path.join(name));
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

fn together(folder: &Folder) -> Result<Arc<GroupSync>, Error> {
    GroupSync::of_file_system(folder).map_err(Error::io("opening the folder of copies"))
}

impl Found {
    pub(crate) fn name(self) -> PathBuf {
        folder_name(self.id.folder()).join(self.file_name())
    }

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

fn check_space(folder: &Folder, reserve_bytes: u64, length: u64) -> Result<(), Error> {
    let needed = stored_bytes(length).saturating_add(reserve_bytes);
    if folder.available()? < needed {
        Err(Error::NoSpace)
    } else {
        Ok(())
    }
}

/// Writes a whole extent beside its name, and gives it that when it is on disk, as far as so many bytes are left then. The name is not
/// flushed.
pub(crate) async fn replace(
    jobs: &Jobs,
    extent: Extent,
    from: (&[Holder], &impl Paced),
    (folder, name, reserve_bytes): (&Arc<Folder>, PathBuf, u64),
) -> Result<(), Error> {
    let draft = draft_of(&name);
    check_space(folder, reserve_bytes, extent.length)?;
    let doing = "writing a copy";
    let (inside, made) = (Arc::clone(folder), draft.clone());
    let make = move || {
        let file = inside.create(&made).map_err(Error::io(doing))?;
        preallocate(&file, 0, stored_bytes(extent.length)).map_err(Error::io(doing))?;
        Ok(Arc::new(file))
    };
    let written = async {
        let file = jobs.run(make).await?;
        transfer(jobs, extent, from, (&file, 0)).await?;
        let (folder, draft) = (Arc::clone(folder), draft.clone());
        let finish = move || {
            file.sync_data().map_err(Error::io(doing))?;
            folder.rename(&draft, &name).map_err(Error::io(doing))?;
            folder.check_in_place(doing)
        };
        jobs.run(finish).await
    };
    let outcome = written.await;
    if outcome.is_err() {
        remove_file(folder, &draft);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewBlob, OwnerTag, Placement};
    use baleen_runtime::SeededEntropy;

    /// Nothing that is written while the file system fails is there afterwards; and it is believed again without that anybody who reads
    /// has to let go of the folder.
    #[tokio::test]
    async fn a_failed_flush_ends_with_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings::default();
        let home = Blobs::open(&dir.path().join("home"), settings, SeededEntropy::new(1)).unwrap();
        let west = Copies::open(&dir.path().join("west"), false, &settings).unwrap();
        let mut extents = Vec::new();
        for _ in 0..2 {
            let new = NewBlob {
                owner: OwnerTag::default(),
                length: Some(5000),
                placement: Placement::OwnFile,
            };
            let mut writer = home.writer(new).await.unwrap();
            writer.write(vec![7; 5000].into()).await.unwrap();
            let written = writer.finish().await.unwrap();
            extents.push(written.extent());
            written.submit().keep();
        }
        let from = [Holder::Volume(home)];
        west.put(extents[0], &from, &()).await.unwrap();
        let reader = Holder::Copies(west.clone());
        west.fail();
        for _ in 0..2 {
            assert!(west.put(extents[1], &from, &()).await.is_err());
            assert!(west.settle().await.is_err() && west.has_failed());
            assert!(!reader.has(extents[1]).await.unwrap());
        }
        west.flush_anew().unwrap();
        west.put(extents[1], &from, &()).await.unwrap();
        west.settle().await.unwrap();
        assert!(!west.has_failed());
        for extent in extents {
            reader.verify(extent).await.unwrap();
        }
    }

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
