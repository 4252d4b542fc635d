//! The folder with the backups. All of it blocks.

use crate::Error;
use crate::limits::NEEDED_AT_ONCE;
use crate::manifest::{Manifest, RecordFile};
use crate::records::RowReader;
use baleen_blob::{BlobId, Extent, copy_bytes};
use baleen_objects::live_extent;
use std::collections::HashSet;
use std::fmt;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

const FORMAT: &str = "baleen backups 1\n";
const MANIFEST: &str = "manifest";

/// The end of the name of an extent's copy that was found to be damaged.
pub(crate) const DAMAGED: &str = "damaged";

/// The file of the master keys in a backup, if it was asked for.
pub(crate) const MASTER_KEY: &str = "master.key";

/// Which backup of a folder; they are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(pub u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:06}", self.0)
    }
}

/// A folder with backups, held by this process.
#[derive(Debug)]
pub struct BackupFolder {
    path: PathBuf,
    _lock: File,
}

impl BackupFolder {
    /// Opens the folder of a store's backups, or makes one.
    ///
    /// # Errors
    /// `InUse`, `NotBackups`, `Foreign`, `Gone`.
    pub(crate) fn open_for(path: &Path, store: &str, vacant: Vacant) -> Result<Self, Error> {
        let is_vacant = is_vacant(path)?;
        if is_vacant && vacant == Vacant::IsWrong {
            return Err(Error::Gone(path.to_owned()));
        }
        make_private(path)?;
        let lock = lock(path)?;
        let folder = Self {
            path: path.to_owned(),
            _lock: lock,
        };
        if is_vacant {
            for name in FOLDERS {
                make_private(&path.join(name))?;
            }
            write_synced(&path.join("store"), format!("{store}\n").as_bytes())?;
            // Last, so that a half-made one is told, and made once more.
            write_synced(&path.join("format"), FORMAT.as_bytes())?;
            folder.sync("")?;
        }
        folder.check_format()?;
        let of = std::fs::read_to_string(path.join("store")).map_err(Error::io("reading", &path.join("store")))?;
        if of.trim_end() != store {
            return Err(Error::Foreign(path.to_owned()));
        }
        folder.clear()?;
        Ok(folder)
    }

    /// Opens a folder that is there.
    ///
    /// # Errors
    /// `InUse`, `NotBackups`.
    pub fn open(path: &Path) -> Result<Self, Error> {
        if !path.join("format").exists() {
            return Err(Error::NotBackups(path.to_owned()));
        }
        let folder = Self {
            path: path.to_owned(),
            _lock: lock(path)?,
        };
        folder.check_format()?;
        Ok(folder)
    }

    fn check_format(&self) -> Result<(), Error> {
        let format = self.path.join("format");
        match std::fs::read_to_string(&format) {
            Ok(text) if text == FORMAT => Ok(()),
            Ok(_) => Err(Error::NotBackups(self.path.clone())),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Error::NotBackups(self.path.clone())),
            Err(error) => Err(Error::io("reading", &format)(error)),
        }
    }

    /// Removes what was under way when somebody was stopped. Extents that have their names stay: the next backup may need them.
    fn clear(&self) -> Result<(), Error> {
        for path in children(&self.path.join("new"))? {
            std::fs::remove_file(&path).map_err(Error::io("removing", &path))?;
        }
        for path in children(&self.path.join("backups"))? {
            if path.extension().is_some_and(|end| end == "new" || end == "gone") {
                std::fs::remove_dir_all(&path).map_err(|error| match error.kind() {
                    // A thread of who was stopped puts files where they are being removed.
                    ErrorKind::DirectoryNotEmpty => Error::InUse(self.path.clone()),
                    _ => Error::io("removing", &path)(error),
                })?;
            }
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole backups, the oldest first.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn backups(&self) -> Result<Vec<Number>, Error> {
        backups_in(&self.path)
    }

    /// What belongs to a backup.
    ///
    /// # Errors
    /// `Damaged`, `NoBackup`.
    pub fn manifest(&self, number: Number) -> Result<Manifest, Error> {
        let path = self.backup_path(number).join(MANIFEST);
        if !path.exists() {
            return Err(Error::NoBackup(self.path.clone()));
        }
        Manifest::read(&path)
    }

    pub(crate) fn backup_path(&self, number: Number) -> PathBuf {
        self.path.join("backups").join(number.to_string())
    }

    /// Begins a backup in a folder that is none yet.
    pub(crate) fn begin(&self) -> Result<(Number, PathBuf), Error> {
        let last = self.backups()?.last().map_or(0, |last| last.0);
        let number = Number(last + 1);
        let path = self.backup_path(number).with_extension("new");
        make_private(&path)?;
        Ok((number, path))
    }

    /// Makes what was begun a backup: everything that it needs is on disk.
    pub(crate) fn end(&self, (number, path): (Number, &Path), manifest: &Manifest) -> Result<(), Error> {
        write_synced(&path.join(MANIFEST), manifest.encode()?.as_bytes())?;
        sync_folder(path)?;
        let whole = self.backup_path(number);
        std::fs::rename(path, &whole).map_err(Error::io("naming", &whole))?;
        self.sync("backups")
    }

    pub(crate) fn extent_path(&self, id: BlobId) -> PathBuf {
        let name = id.to_string();
        let mut path = self.path.join("extents");
        path.push(&name[..2]);
        path.push(&name[2..4]);
        path.push(name);
        path
    }

    /// Whether an extent is there already.
    pub(crate) fn has(&self, extent: Extent) -> bool {
        let found = std::fs::metadata(self.extent_path(extent.id));
        found.is_ok_and(|found| found.len() == copy_bytes(extent.length))
    }

    pub(crate) fn new_path(&self, id: BlobId) -> PathBuf {
        self.path.join("new").join(id.to_string())
    }

    /// Gives extents their names, when their bytes are on disk.
    pub(crate) fn keep(&self, ids: &[BlobId]) -> Result<(), Error> {
        self.sync_all()?;
        for id in ids {
            let (from, to) = (self.new_path(*id), self.extent_path(*id));
            if let Some(folder) = to.parent() {
                make_private(folder)?;
            }
            std::fs::rename(&from, &to).map_err(Error::io("naming", &to))?;
            // Of no use any more; that it cannot be removed harms nobody.
            let _ = std::fs::remove_file(to.with_extension(DAMAGED));
        }
        Ok(())
    }

    /// Returns when everything that was written to the file system of the folder is on disk.
    pub(crate) fn sync_all(&self) -> Result<(), Error> {
        let failed = Error::io("flushing", &self.path);
        let synced = File::open(&self.path).and_then(|folder| Ok(rustix::fs::syncfs(&folder)?));
        synced.map_err(failed)
    }

    fn sync(&self, name: &str) -> Result<(), Error> {
        sync_folder(&self.path.join(name))
    }

    /// Removes the oldest backups, so that `keep` are left, and the extents that none of those needs; gives the number of
    /// backups removed.
    pub(crate) fn prune(&self, keep: usize) -> Result<usize, Error> {
        let backups = self.backups()?;
        let (old, kept) = backups.split_at(backups.len().saturating_sub(keep));
        if old.is_empty() {
            return Ok(0);
        }
        let manifests = kept.iter().map(|number| Ok((*number, self.manifest(*number)?)));
        // Before anything is removed: what cannot be read might need what is there.
        let manifests = manifests.collect::<Result<Vec<_>, Error>>()?;
        for number in old {
            let (path, gone) = (
                self.backup_path(*number),
                self.backup_path(*number).with_extension("gone"),
            );
            std::fs::rename(&path, &gone).map_err(Error::io("removing", &path))?;
            std::fs::remove_dir_all(&gone).map_err(Error::io("removing", &gone))?;
        }
        self.sync("backups")?;
        self.remove_unneeded(&manifests)?;
        Ok(old.len())
    }

    /// Removes extents which no backup needs, in as many passes as their number asks for.
    fn remove_unneeded(&self, kept: &[(Number, Manifest)]) -> Result<(), Error> {
        let all: u64 = kept.iter().map(|(_, manifest)| manifest.extents).sum();
        let passes = u8::try_from(all.div_ceil(NEEDED_AT_ONCE).clamp(1, 128)).unwrap_or(128);
        for pass in 0..passes {
            let is_due = |id: &BlobId| id.as_bytes()[0] % passes == pass;
            let mut needed = HashSet::new();
            for (number, manifest) in kept {
                self.each_extent((*number, manifest), |extent| {
                    if is_due(&extent.id) {
                        needed.insert(extent.id);
                    }
                    Ok(())
                })?;
            }
            self.each_named(|id, path| {
                if is_due(&id) && !needed.contains(&id) {
                    std::fs::remove_file(path).map_err(Error::io("removing", path))?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Shows all extents that a backup needs.
    pub(crate) fn each_extent(
        &self,
        (number, manifest): (Number, &Manifest),
        show: impl FnMut(Extent) -> Result<(), Error>,
    ) -> Result<(), Error> {
        each_mark(&self.backup_path(number), &manifest.records, show)
    }

    /// Shows the files of all extents; what has no name of one is left alone.
    pub(crate) fn each_file(&self, mut show: impl FnMut(BlobId, &Path) -> Result<(), Error>) -> Result<(), Error> {
        self.each_named(|id, path| match path.extension() {
            None => show(id, path),
            Some(_) => Ok(()),
        })
    }

    /// The same, and those that were found to be damaged and are kept beside.
    fn each_named(&self, mut show: impl FnMut(BlobId, &Path) -> Result<(), Error>) -> Result<(), Error> {
        for high in children(&self.path.join("extents"))? {
            for low in children(&high)? {
                for path in children(&low)? {
                    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
                    let mut id = [0; 16];
                    if hex::decode_to_slice(name, &mut id).is_ok() {
                        show(BlobId::from_bytes(id), &path)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Shows the extents of which marks are in the files.
pub(crate) fn each_mark(
    dir: &Path,
    files: &[RecordFile],
    mut show: impl FnMut(Extent) -> Result<(), Error>,
) -> Result<(), Error> {
    for file in files.iter().filter(|file| file.is_marks) {
        let mut reader = RowReader::open(dir, file)?;
        while let Some(rows) = reader.next()? {
            for row in rows {
                show(live_extent(&row.key, &row.value)?)?;
            }
        }
    }
    Ok(())
}

/// What it means that a folder has no backups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vacant {
    /// The first is to be made in it.
    IsNew,
    /// There were some.
    IsWrong,
}

/// The folders in a folder of backups.
const FOLDERS: [&str; 3] = ["extents", "backups", "new"];

/// Whether there is nothing in a folder but what is left of one who was stopped when it was made.
fn is_vacant(path: &Path) -> Result<bool, Error> {
    let inside = match std::fs::read_dir(path) {
        Ok(inside) => inside,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(Error::io("listing", path)(error)),
    };
    for entry in inside {
        let name = entry.map_err(Error::io("listing", path))?.file_name();
        let is_left = match name.to_str() {
            Some("lock" | "store") => true,
            Some(name) if FOLDERS.contains(&name) => children(&path.join(name))?.is_empty(),
            _ => false,
        };
        if !is_left {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The newest backup of a folder that can be read, and what is wrong with one that is newer.
#[derive(Debug, Default)]
pub struct Newest {
    /// What belongs to it, if there is one.
    pub backup: Option<(Number, Manifest)>,
    /// Why it is not the newest of all.
    pub unread: Option<Error>,
}

/// Looks for the newest backup in a folder; asks nobody who is at work there. Blocks.
///
/// # Errors
/// The folder cannot be read.
pub fn newest(path: &Path) -> Result<Newest, Error> {
    let mut newest = Newest::default();
    if !path.join("format").exists() {
        return Ok(newest);
    }
    for number in backups_in(path)?.into_iter().rev() {
        match Manifest::read(&path.join("backups").join(number.to_string()).join(MANIFEST)) {
            Ok(manifest) => {
                newest.backup = Some((number, manifest));
                break;
            }
            Err(error) => drop(newest.unread.get_or_insert(error)),
        }
    }
    Ok(newest)
}

/// The whole backups in a folder, the oldest first.
fn backups_in(path: &Path) -> Result<Vec<Number>, Error> {
    let mut found: Vec<_> = children(&path.join("backups"))?
        .iter()
        .filter(|path| path.join(MANIFEST).exists())
        .filter_map(|path| path.file_name()?.to_str()?.parse().ok().map(Number))
        .collect();
    found.sort_unstable();
    Ok(found)
}

/// The paths in a folder, in their order.
fn children(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(path).map_err(Error::io("listing", path))? {
        paths.push(entry.map_err(Error::io("listing", path))?.path());
    }
    paths.sort_unstable();
    Ok(paths)
}

fn lock(path: &Path) -> Result<File, Error> {
    let name = path.join("lock");
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).open(&name);
    let file = file.map_err(Error::io("opening", &name))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(Error::io("locking", &name)(error)),
    }
}

/// Makes a folder that only its owner can look into: in backups are all secrets of a store, sealed, and all bodies, most not.
pub(crate) fn make_private(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Error::io("making", path))
}

pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(Error::io("writing", path))
}

pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::io("flushing", path))
}
