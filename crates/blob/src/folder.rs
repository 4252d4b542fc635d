//! A folder that was opened: all work in it goes by its descriptor, and so never into another that is put in its place by a rename,
//! a mount or an unmount.

use crate::Error;
use parking_lot::Mutex;
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};
use std::ffi::OsString;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file by which somebody says that a folder is meant as it is: though a file system was mounted there and none is, and though it
/// holds bodies and no stamp.
pub(crate) const PLAIN: &str = "plain";

/// Bodies may lie in them as clients sent them: they are for their owner alone, whatever the folder above is.
const FOLDER_MODE: u32 = 0o700;
pub(crate) const FILE_MODE: u32 = 0o600;

/// The room on a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disk {
    /// Bytes that are left for us.
    pub free_bytes: u64,
    /// All bytes.
    pub size_bytes: u64,
}

/// The room on the file system of a folder. Blocks.
///
/// # Errors
/// There is no such folder, or the file system does not say.
pub fn disk_of(dir: &Path) -> Result<Disk, Error> {
    Folder::open(dir).map_err(Error::io("asking for free space"))?.disk()
}

/// Which file or folder it is: its device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

/// Which folder of a volume it is, with those in it that could be others by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen(Vec<(PathBuf, Identity)>);

impl Seen {
    /// Whether all of them are what is found under their paths.
    pub(crate) fn is_in_place(&self) -> bool {
        self.0.iter().all(|(path, identity)| identity.is_at(path))
    }

    /// Whether the folder itself is what is found under a path.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        self.0.first().is_some_and(|(_, identity)| identity.is_at(path))
    }
}

impl Identity {
    pub(crate) fn of(file: &std::fs::Metadata) -> Self {
        Self(file.dev(), file.ino())
    }

    fn is_at(self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|found| Self::of(&found) == self)
    }
}

/// An open folder. Names are relative to it.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    opened: File,
    seen: Seen,
}

impl Folder {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = File::from(retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty()))?);
        Ok(Self {
            path: path.to_owned(),
            seen: Seen(vec![(path.to_owned(), Identity::of(&opened.metadata()?))]),
            opened,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Remembers which folder in it this is.
    pub(crate) fn watch(&mut self, name: &Path) -> io::Result<()> {
        let found = self.open_at(name, OFlags::RDONLY | OFlags::DIRECTORY)?.metadata()?;
        self.seen.0.push((self.path.join(name), Identity::of(&found)));
        Ok(())
    }

    /// Whether it is what is found under its path.
    pub(crate) fn is_in_place(&self) -> bool {
        self.seen.is_in_place()
    }

    /// What is done in a folder that was moved away or unmounted is done right, and is not what its owner believes that it is for.
    pub(crate) fn check_in_place(&self, doing: &'static str) -> Result<(), Error> {
        if self.is_in_place() {
            Ok(())
        } else {
            Err(Error::io(doing)(io::Error::other(
                "the folder is not in its place any more",
            )))
        }
    }

    /// Whether a folder in it that is watched is still there, wherever it is itself.
    pub(crate) fn has_part(&self, name: &Path) -> bool {
        let found = self.open_at(name, OFlags::RDONLY | OFlags::DIRECTORY);
        let found = found.and_then(|found| found.metadata());
        let seen = self.seen_of(name);
        found.is_ok_and(|found| seen.is_some_and(|(_, seen)| Identity::of(&found) == *seen))
    }

    /// Whether a folder in it that is watched is what is found under its path.
    pub(crate) fn has_in_place(&self, name: &Path) -> bool {
        let seen = self.seen_of(name);
        seen.is_some_and(|(path, identity)| identity.is_at(path))
    }

    fn seen_of(&self, name: &Path) -> Option<&(PathBuf, Identity)> {
        // By all of the path: it may itself be called as a folder in it is.
        let path = self.path.join(name);
        self.seen.0.iter().find(|(seen, _)| *seen == path)
    }

    /// Whether another file system than that of the folder above is mounted in it.
    pub(crate) fn is_mount(&self) -> io::Result<bool> {
        let above = retry_on_intr(|| rustix::fs::statat(&self.opened, "..", AtFlags::empty()))?;
        Ok(self.opened.metadata()?.dev() != above.st_dev)
    }

    /// Whether others than its owner may look into it.
    pub(crate) fn is_open_to_others(&self) -> io::Result<bool> {
        Ok(self.opened.metadata()?.mode() & 0o077 != 0)
    }

    /// Opens it once more, as a description of its own.
    pub(crate) fn open_again(&self) -> io::Result<File> {
        self.open_at(Path::new("."), OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// Opens the folder of a volume, and makes it in the one above if it is not there. Where a file system was mounted nothing is made, or
    /// what it should hold would fill up another one; unless somebody says with a file that it is meant.
    pub(crate) fn enter(path: &Path, was_mount: bool) -> Result<Self, Error> {
        let doing = "opening the volume's folder";
        if !was_mount {
            match DirBuilder::new().mode(FOLDER_MODE).create(path) {
                // Not with all above it: a mount that is not there must not be filled up in its place.
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(Error::io("making the volume's folder")(error));
                }
                _ => {}
            }
        }
        let folder = match Self::open(path) {
            Err(error) if was_mount && error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NotMounted(path.to_owned()));
            }
            folder => folder.map_err(Error::io(doing))?,
        };
        if was_mount {
            folder.check_mounted()?;
        }
        Ok(folder)
    }

    /// Refuses a folder in which nothing is mounted, and that has no file which says that it is meant.
    pub(crate) fn check_mounted(&self) -> Result<(), Error> {
        let doing = "looking at the volume's folder";
        if self.is_mount().map_err(Error::io(doing))? || self.exists(Path::new(PLAIN)).map_err(Error::io(doing))? {
            Ok(())
        } else {
            Err(Error::NotMounted(self.path.clone()))
        }
    }

    /// Forgets what a file said about mounts: it is known by now, and must not be believed when another file system is mounted over it
    /// and goes.
    pub(crate) fn forget_plain(&self) -> io::Result<()> {
        match self.remove(Path::new(PLAIN)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn open_at(&self, name: &Path, flags: OFlags) -> io::Result<File> {
        let mode = Mode::from_raw_mode(FILE_MODE);
        let opened = retry_on_intr(|| rustix::fs::openat(&self.opened, name, flags | OFlags::CLOEXEC, mode))?;
        Ok(opened.into())
    }

    /// To read.
    pub(crate) fn open_file(&self, name: &Path) -> io::Result<File> {
        self.open_at(name, OFlags::RDONLY)
    }

    /// To read and write.
    pub(crate) fn edit(&self, name: &Path) -> io::Result<File> {
        self.open_at(name, OFlags::RDWR)
    }

    /// A new file, to read and write; it is an error if there is one.
    pub(crate) fn create_new(&self, name: &Path) -> io::Result<File> {
        self.open_at(name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL)
    }

    /// An empty file, in place of what is there.
    pub(crate) fn create(&self, name: &Path) -> io::Result<File> {
        self.open_at(name, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Ok(retry_on_intr(|| {
            rustix::fs::renameat(&self.opened, from, &self.opened, to)
        })?)
    }

    pub(crate) fn remove(&self, name: &Path) -> io::Result<()> {
        Ok(retry_on_intr(|| {
            rustix::fs::unlinkat(&self.opened, name, AtFlags::empty())
        })?)
    }

    pub(crate) fn exists(&self, name: &Path) -> io::Result<bool> {
        match retry_on_intr(|| rustix::fs::statat(&self.opened, name, AtFlags::empty())) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The names in a folder of it.
    pub(crate) fn names(&self, name: &Path) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in Dir::new(self.open_at(name, OFlags::RDONLY | OFlags::DIRECTORY)?)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    /// Makes a folder and those above it, as far as they are not there.
    pub(crate) fn make_folder(&self, name: &Path) -> io::Result<()> {
        let make = || retry_on_intr(|| rustix::fs::mkdirat(&self.opened, name, Mode::from_raw_mode(FOLDER_MODE)));
        match (make(), name.parent()) {
            (Err(Errno::NOENT), Some(above)) if !above.as_os_str().is_empty() => {
                self.make_folder(above)?;
                Ok(make()?)
            }
            (Err(Errno::EXIST), _) => self.open_at(name, OFlags::RDONLY | OFlags::DIRECTORY).map(drop),
            (made, _) => Ok(made?),
        }
    }

    /// Flushes the names in a folder of it.
    pub(crate) fn flush(&self, name: &Path) -> io::Result<()> {
        self.open_at(name, OFlags::RDONLY | OFlags::DIRECTORY)?.sync_all()
    }

    /// Writes a file, durably and at once.
    pub(crate) fn replace(&self, name: &Path, text: &str) -> io::Result<()> {
        let draft = name.with_extension("new");
        let mut file = self.create(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_data()?;
        self.rename(&draft, name)?;
        self.flush(Path::new("."))
    }

    /// Bytes that its file system has left.
    pub(crate) fn available(&self) -> Result<u64, Error> {
        Ok(self.disk()?.free_bytes)
    }

    /// The room on its file system.
    pub(crate) fn disk(&self) -> Result<Disk, Error> {
        let stat = retry_on_intr(|| rustix::fs::fstatvfs(&self.opened));
        let stat = stat.map_err(|error| Error::io("asking for free space")(error.into()))?;
        Ok(Disk {
            free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
            size_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }

    /// Takes it for this process.
    pub(crate) fn lock(&self) -> Result<File, Error> {
        let doing = "locking the volume";
        let file = self.open_at(Path::new("lock"), OFlags::WRONLY | OFlags::CREATE);
        let file = file.map_err(Error::io(doing))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Error::InUse(self.path.clone())),
            Err(TryLockError::Error(error)) => Err(Error::io(doing)(error)),
        }
    }
}

/// The folder of a volume, which may go and come while the volume is in use. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Root(Arc<Mutex<Open>>);

#[derive(Debug)]
struct Open {
    /// `None` while it is away.
    folder: Option<Arc<Folder>>,
    /// Which one it is, or was.
    seen: Seen,
}

impl Root {
    pub(crate) fn of(folder: Folder) -> Self {
        let seen = folder.seen.clone();
        let folder = Some(Arc::new(folder));
        Self(Arc::new(Mutex::new(Open { folder, seen })))
    }

    pub(crate) fn get(&self) -> io::Result<Arc<Folder>> {
        let folder = self.0.lock().folder.clone();
        // Where nothing is, nothing is damaged: it may come back as it was.
        folder.ok_or_else(|| io::Error::other("the folder of the volume is not there"))
    }

    /// Takes another in its place.
    pub(crate) fn set(&self, folder: Folder) {
        let seen = folder.seen.clone();
        let folder = Some(Arc::new(folder));
        *self.0.lock() = Open { folder, seen };
    }

    /// Lets go of it.
    pub(crate) fn close(&self) {
        self.0.lock().folder = None;
    }

    /// Which one it is, or was.
    pub(crate) fn seen(&self) -> Seen {
        self.0.lock().seen.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_folder_may_be_called_as_one_in_it() {
        let outer = tempfile::tempdir().unwrap();
        let (path, name) = (outer.path().join("files"), Path::new("files"));
        std::fs::create_dir_all(path.join(name)).unwrap();
        let mut folder = Folder::open(&path).unwrap();
        assert!(
            !folder.has_part(name) && !folder.has_in_place(name),
            "nobody watches it"
        );
        folder.watch(name).unwrap();
        assert!(folder.has_part(name) && folder.has_in_place(name));
        std::fs::rename(path.join(name), path.join("other")).unwrap();
        std::fs::create_dir(path.join(name)).unwrap();
        assert!(!folder.has_part(name) && !folder.has_in_place(name));
    }

    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("folder");
        let folder = Folder::enter(&path, false).unwrap();
        folder.make_folder(Path::new("a/b")).unwrap();
        folder.create_new(Path::new("a/b/new")).unwrap();
        folder.replace(Path::new("a/text"), "text").unwrap();
        let _lock = folder.lock().unwrap();
        for (name, mode) in [
            ("", 0o700),
            ("a", 0o700),
            ("a/b", 0o700),
            ("a/b/new", 0o600),
            ("a/text", 0o600),
            ("lock", 0o600),
        ] {
            let found = std::fs::metadata(path.join(name)).unwrap().mode() & 0o777;
            assert_eq!(found, mode, "{name}");
        }
        assert!(!folder.is_open_to_others().unwrap());
        for mode in [0o750, 0o701] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert!(folder.is_open_to_others().unwrap(), "{mode:o}");
        }
    }

    #[test]
    fn work_goes_to_the_folder_that_was_opened_whatever_is_in_its_place() {
        let outer = tempfile::tempdir().unwrap();
        let (path, away) = (outer.path().join("folder"), outer.path().join("away"));
        std::fs::create_dir(&path).unwrap();
        let folder = Folder::open(&path).unwrap();
        let (deep, file) = (Path::new("a/b"), Path::new("a/b/file"));
        for _ in 0..2 {
            folder.make_folder(deep).unwrap();
        }
        assert!(!folder.has_in_place(Path::new("a")), "nobody watches it");
        let mut watched = Folder::open(&path).unwrap();
        watched.watch(Path::new("a")).unwrap();
        assert!(watched.is_in_place() && watched.has_in_place(Path::new("a")));
        std::fs::rename(path.join("a"), path.join("b")).unwrap();
        std::fs::create_dir(path.join("a")).unwrap();
        assert!(!watched.is_in_place() && !watched.has_in_place(Path::new("a")));
        std::fs::remove_dir(path.join("a")).unwrap();
        std::fs::rename(path.join("b"), path.join("a")).unwrap();
        assert!(watched.is_in_place());
        assert!(folder.is_in_place() && !folder.is_mount().unwrap() && !folder.exists(file).unwrap());
        std::fs::rename(&path, &away).unwrap();
        assert!(!folder.is_in_place());
        std::fs::create_dir_all(path.join(deep)).unwrap();
        assert!(!folder.is_in_place());
        std::fs::write(path.join(file), "of another").unwrap();
        folder.create_new(file).unwrap();
        assert!(folder.create_new(file).is_err());
        folder.replace(file, "ours").unwrap();
        assert_eq!(folder.names(deep).unwrap(), ["file"]);
        assert_eq!(std::fs::read_to_string(away.join(file)).unwrap(), "ours");
        folder.rename(file, Path::new("other")).unwrap();
        folder.remove(Path::new("other")).unwrap();
        folder.flush(deep).unwrap();
        assert_eq!(
            folder.edit(file).unwrap_err().kind(),
            io::ErrorKind::NotFound,
            "and not that of another"
        );
        assert_eq!(std::fs::read_to_string(path.join(file)).unwrap(), "of another");
        std::fs::write(away.join("a/c"), "").unwrap();
        assert!(folder.make_folder(Path::new("a/c")).is_err(), "a file is in the way");
        assert!(folder.make_folder(Path::new("a/c/d")).is_err());
        std::fs::remove_dir_all(&path).unwrap();
        std::fs::rename(&away, &path).unwrap();
        assert!(folder.is_in_place());
    }
}
