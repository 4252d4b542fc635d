//! The file of the master keys: outside the store, readable by its owner alone, changed whole or not at all.

use crate::Error;
use baleen_runtime::Entropy;
use baleen_sealing::{MASTER_KEY_BYTES, MasterKey, RING_TEXT_BYTES_MAX, Ring};
use rustix::fs::OFlags;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Bits that nobody needs on a file of keys: whatever others may, and that the group may write. Reading by the group is
/// how service managers hand secrets to a service.
const UNFIT_MODE: u32 = 0o027;

/// Where the master keys of a store are.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
}

/// By what a file is known to be another one than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    changed: (i64, i64),
    bytes: u64,
}

impl KeyFile {
    /// The file at a path; nothing is looked at yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the keys; `None` when there is no file.
    ///
    /// # Errors
    /// `Unfit` for what is no file or open to others; `NotARing` for what holds something else. The file is left as it is:
    /// what it was may be in it still.
    pub fn load(&self) -> Result<Option<Ring>, Error> {
        Ok(self.read()?.map(|(ring, _)| ring))
    }

    /// What the file is known by now; `None` when there is none.
    pub(crate) fn stamp(&self) -> Result<Option<Stamp>, Error> {
        match fs::metadata(&self.path) {
            Ok(found) => Ok(Some(Stamp::of(&found))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.failed("looked at", source)),
        }
    }

    pub(crate) fn read(&self) -> Result<Option<(Ring, Stamp)>, Error> {
        // A pipe in its place must not hold up the start.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(self.failed("read", source)),
        };
        let found = file.metadata().map_err(|source| self.failed("read", source))?;
        self.check(&found)?;
        // Room for all of it, so that growing leaves no copies behind.
        let mut text = Zeroizing::new(String::with_capacity(RING_TEXT_BYTES_MAX + 2));
        let most = u64::try_from(RING_TEXT_BYTES_MAX + 1).unwrap_or(u64::MAX);
        match file.take(most).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Err(self.no_ring(baleen_sealing::BadRing::Line(1)));
            }
            Err(source) => return Err(self.failed("read", source)),
        }
        let ring = Ring::parse(&text).map_err(|why| self.no_ring(why))?;
        self.sound(&ring)?;
        Ok(Some((ring, Stamp::of(&found))))
    }

    fn check(&self, found: &Metadata) -> Result<(), Error> {
        let why = if !found.is_file() {
            "is not a file"
        } else if found.mode() & UNFIT_MODE != 0 {
            "is open to others than its owner; chmod 600 closes it"
        } else {
            let folder = fs::metadata(self.folder()).map_err(|source| self.failed("looked at", source))?;
            if is_trusted(found.uid(), rustix::process::geteuid().as_raw(), folder.uid()) {
                return Ok(());
            }
            "belongs to another user, who can read and change it; chown it to the user that runs the server, and if that \
             other is not to know the key, change it with `baleen admin rotate-master-key`"
        };
        Err(Error::Unfit {
            path: self.path.clone(),
            why,
        })
    }

    /// Refuses keys that anybody guesses, whoever made them.
    fn sound(&self, ring: &Ring) -> Result<(), Error> {
        match ring.guessable() {
            None => Ok(()),
            Some(number) => Err(Error::Guessable {
                path: self.path.clone(),
                number,
            }),
        }
    }

    /// Makes the file of a new store, with its first key.
    pub(crate) fn create(&self, entropy: &dyn Entropy) -> Result<Ring, Error> {
        let ring = Ring::single(fresh_key(entropy));
        self.write(&ring)?;
        Ok(ring)
    }

    /// Adds a key, which is durable when this returns.
    pub(crate) fn add(&self, entropy: &dyn Entropy) -> Result<Ring, Error> {
        let (ring, _lock) = self.to_change()?;
        let ring = ring.with(fresh_key(entropy)).map_err(Error::Ring)?;
        self.write(&ring)?;
        Ok(ring)
    }

    /// Takes every key but the newest away, if that is still the one in `of`; gives what is left.
    pub(crate) fn retire(&self, of: &Ring) -> Result<Ring, Error> {
        let (ring, _lock) = self.to_change()?;
        if ring != *of {
            return Err(self.busy());
        }
        let ring = ring.newest_only();
        self.write(&ring)?;
        Ok(ring)
    }

    /// The keys, while no other command can change them. The lock is on the folder, since the file is another one after
    /// each change.
    fn to_change(&self) -> Result<(Ring, File), Error> {
        let lock = File::open(self.folder()).map_err(|source| self.failed("locked", source))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(self.busy()),
            Err(TryLockError::Error(source)) => return Err(self.failed("locked", source)),
        }
        let ring = self.load()?.ok_or_else(|| self.missing())?;
        Ok((ring, lock))
    }

    fn write(&self, ring: &Ring) -> Result<(), Error> {
        self.sound(ring)?;
        let written = write_private(&self.path, ring.to_text().as_bytes());
        written.map_err(|source| self.failed("written", source))
    }

    fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    pub(crate) fn missing(&self) -> Error {
        Error::Missing {
            path: self.path.clone(),
        }
    }

    fn busy(&self) -> Error {
        Error::Busy {
            path: self.path.clone(),
        }
    }

    fn no_ring(&self, why: baleen_sealing::BadRing) -> Error {
        Error::NotARing {
            path: self.path.clone(),
            why,
        }
    }

    fn failed(&self, doing: &'static str, source: std::io::Error) -> Error {
        Error::File {
            doing,
            path: self.path.clone(),
            source,
        }
    }
}

impl Stamp {
    fn of(found: &Metadata) -> Self {
        Self {
            inode: found.ino(),
            changed: (found.ctime(), found.ctime_nsec()),
            bytes: found.len(),
        }
    }
}

fn fresh_key(entropy: &dyn Entropy) -> MasterKey {
    let mut key = Zeroizing::new([0; MASTER_KEY_BYTES]);
    entropy.fill(key.as_mut_slice());
    key
}

/// Whether a file of this owner may hold keys: who runs this, or root, who reads everything anyway. Root looks after the files of
/// others as well (`baleen admin`, for a service with a user of its own), but not after one that somebody has put into a
/// folder that is not theirs.
fn is_trusted(owner: u32, runs_as: u32, folder_owner: u32) -> bool {
    owner == runs_as || owner == 0 || (runs_as == 0 && owner == folder_owner)
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Writes a file that only its owner can read, whole or not at all: synced under another name, then renamed. One that was
/// there keeps its owner, so that an administrator may write what a service has to read.
///
/// # Errors
/// What the system says; the file is as it was then.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    // A draft left by a crash is of no use to anyone, and may have another mode.
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    keep_owner(path, &file)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    File::open(folder_of(path))?.sync_all()
}

fn keep_owner(path: &Path, draft: &File) -> std::io::Result<()> {
    let before = match fs::metadata(path) {
        Ok(before) => before,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let now = draft.metadata()?;
    if (before.uid(), before.gid()) == (now.uid(), now.gid()) {
        return Ok(());
    }
    match fchown(draft, Some(before.uid()), Some(before.gid())) {
        // Its group may do nothing with it, and a process that has given up its rights cannot set one.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && before.uid() == now.uid() => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests;
