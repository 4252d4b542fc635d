//! What can go wrong on a volume.

use crate::Extent;
use baleen_types::{Classify, FaultKind};
use rustix::io::Errno;
use std::io;
use std::path::PathBuf;

/// An error of the volume. Paths in it are for the log, not for clients.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system, its quota, or our reserve on it is used up. Nothing was stored, and what is stored is intact.
    #[error("the volume has no space left")]
    NoSpace,
    /// The bytes read are not the bytes written, or are gone.
    #[error("stored bytes are damaged: {what} (blob {id}, {place})", id = extent.id, place = extent.place)]
    Corrupt {
        /// What does not fit.
        what: &'static str,
        /// Where.
        extent: Extent,
    },
    /// Another process works on the volume.
    #[error("the volume {0} is in use by another process")]
    InUse(PathBuf),
    /// The folder holds something else, or a volume of a later version.
    #[error("the folder {0} is not a volume which this version can read")]
    NotAVolume(PathBuf),
    /// A file system was mounted in the folder, and is not.
    #[error(
        "the file system of {0} is not mounted; an empty file `plain` in the folder would say that there is to be none"
    )]
    NotMounted(PathBuf),
    /// More bytes were written than announced: a mistake of the caller, stopped before it reaches a neighbour.
    #[error("more bytes were written than the {announced} announced")]
    Overrun {
        /// As announced.
        announced: u64,
    },
    /// A setting cannot work.
    #[error("{0}")]
    Settings(&'static str),
    /// Reading or writing failed otherwise.
    #[error("{doing} failed")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// What is said of an extent that has no file.
pub(crate) const GONE: &str = "the file is gone";

impl Error {
    /// Whether it says that nothing is there under the name of an extent, rather than that other bytes are.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Corrupt { what, .. } if *what == GONE)
    }

    /// Classifies an error of the operating system by what can be done about it.
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::Io { doing, source },
        }
    }

    /// Classifies an error of who reads what was stored. What cannot be read is damage, whatever the file system says of it: a sector
    /// that is gone must not stand in the way of all others, and is healed where another place has it. Only what this process lacks
    /// itself may pass.
    pub(crate) fn reading(error: io::Error, extent: Extent) -> Self {
        let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOMEM].map(Errno::raw_os_error);
        let what = match error.kind() {
            io::ErrorKind::NotFound => GONE,
            io::ErrorKind::UnexpectedEof => "the file is too short",
            _ if error.raw_os_error().is_none_or(|code| lacks.contains(&code)) => {
                return Self::io("reading a blob")(error);
            }
            _ => "the file system cannot read it",
        };
        Self::Corrupt { what, extent }
    }

    /// Whether it says that bytes are lost. Others, such as too many open files, pass.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }

    /// An I/O job that did not come to its end, since the runtime is going down.
    pub(crate) fn stopped(doing: &'static str) -> Self {
        Self::Io {
            doing,
            source: io::Error::other("the process is stopping"),
        }
    }
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NoSpace | Self::InUse(_) | Self::NotMounted(_) | Self::Io { .. } => FaultKind::Unavailable,
            Self::Corrupt { .. } | Self::NotAVolume(_) => FaultKind::Corrupt,
            Self::Settings(_) => FaultKind::Invalid,
            Self::Overrun { .. } => FaultKind::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BlobId, Place};

    #[test]
    fn what_cannot_be_read_is_damage_and_what_this_process_lacks_is_not() {
        let extent = Extent {
            id: BlobId::from_bytes([1; 16]),
            place: Place::File,
            length: 1,
        };
        for (code, is_damage) in [
            (Errno::IO, true),
            (Errno::NOENT, true),
            (Errno::ISDIR, true),
            (Errno::UCLEAN, true),
            (Errno::MFILE, false),
            (Errno::NFILE, false),
            (Errno::NOMEM, false),
        ] {
            let error = Error::reading(io::Error::from_raw_os_error(code.raw_os_error()), extent);
            assert_eq!(error.is_damage(), is_damage, "{code:?}");
            assert_eq!(error.kind() == FaultKind::Corrupt, is_damage, "{code:?}");
        }
        assert!(Error::reading(io::ErrorKind::UnexpectedEof.into(), extent).is_damage());
        assert!(!Error::reading(io::Error::other("the process is stopping"), extent).is_damage());
    }
}
