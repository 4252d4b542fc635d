//! What can go wrong with a backup.

use baleen_types::{Classify, FaultKind, causes};
use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};

/// An error of a backup or a restore. For operators: it names paths.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody is at work in the folder.
    #[error("the backup folder {0} is in use by another process")]
    InUse(PathBuf),
    /// The folder holds something else, or backups of a later release.
    #[error("{0} is not a folder of backups that this release can read")]
    NotBackups(PathBuf),
    /// The folder has backups of another store.
    #[error(
        "{0} has the backups of another store (one that was restored is another); name a folder of its own for this one"
    )]
    Foreign(PathBuf),
    /// The backups of the store were in this folder, and are not: its disk is not mounted, for instance.
    #[error("the backups of this store that were in {0} are not there")]
    Gone(PathBuf),
    /// There is no whole backup, or none of that number.
    #[error("there is no such backup in {0}")]
    NoBackup(PathBuf),
    /// A store is to be made where something is.
    #[error("{0} is not empty: a store is restored into a new folder only")]
    Occupied(PathBuf),
    /// A store is to be made where a file system is mounted, whose folder cannot be given another name.
    #[error("{0} is a mount point: a store is restored into a folder below it")]
    Mounted(PathBuf),
    /// The backup is not what was written.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// Extents of the backup are not what was written, each with what is wrong.
    #[error("the backup is damaged: {} extents cannot be restored\n{}", .0.len(), .0.join("\n"))]
    DamagedExtents(Vec<String>),
    /// The store is not what was written, in more places than a backup is made of.
    #[error("{0} bodies of the store are damaged: no backup is made of it; baleen fsck names them")]
    TooMuchDamage(usize),
    /// The file system said no.
    #[error("{doing} {path} failed")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The keyspace failed.
    #[error(transparent)]
    Meta(#[from] baleen_meta::Error),
    /// The volume failed.
    #[error(transparent)]
    Blob(#[from] baleen_blob::Error),
    /// A row of the store is not what it should be.
    #[error(transparent)]
    Objects(#[from] baleen_objects::ObjectError),
    /// The process is going down.
    #[error("the work was stopped")]
    Stopped,
}

impl Error {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    /// Whether something is not what was written. A file that cannot be read is as bad as one with other bytes: who looks goes
    /// on, and names both.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_)
            | Self::Objects(_)
            | Self::NotBackups(_)
            | Self::Blob(baleen_blob::Error::Corrupt { .. }) => true,
            Self::Io { source, .. } | Self::Blob(baleen_blob::Error::Io { source, .. }) => !lacks(source),
            _ => false,
        }
    }

    /// Whether it is the copy of an extent that is damaged, and not the volume that it goes to.
    pub(crate) fn is_unread(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Blob(baleen_blob::Error::Corrupt { .. })) && self.is_damage()
    }

    /// The error with its causes.
    pub fn words(&self) -> String {
        causes(self)
    }
}

/// Whether it is this process that lacks something, or stops, and the file may be whole.
fn lacks(error: &io::Error) -> bool {
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOMEM].map(Errno::raw_os_error);
    error.kind() == io::ErrorKind::Other || error.raw_os_error().is_some_and(|code| lacks.contains(&code))
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::InUse(_) | Self::Gone(_) | Self::Io { .. } | Self::Stopped => FaultKind::Unavailable,
            Self::NotBackups(_) | Self::Foreign(_) | Self::Occupied(_) | Self::Mounted(_) => FaultKind::Invalid,
            Self::NoBackup(_) => FaultKind::NotFound,
            Self::Damaged(_) | Self::DamagedExtents(_) | Self::TooMuchDamage(_) => FaultKind::Corrupt,
            Self::Meta(error) => error.kind(),
            Self::Blob(error) => error.kind(),
            Self::Objects(error) => error.kind(),
        }
    }
}
