//! What can go wrong with the ring.

use baleen_types::{Classify, FaultKind};
use std::io;
use std::path::PathBuf;

/// An error of the ring. Paths in it are for the log, not for clients.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process, or another part of this one, has it open.
    #[error("the look-back folder {0} is in use by another process")]
    InUse(PathBuf),
    /// It is sealed, and the key that was given is not the one, or none was given.
    #[error(
        "the look-back folder {0} is sealed under another key; give the key it was written with, or remove the folder"
    )]
    WrongKey(PathBuf),
    /// It was written by a later version.
    #[error("the look-back file {0} was written by a later version")]
    TooNew(PathBuf),
    /// The disk is full.
    #[error("the disk of the look-back ring is full")]
    NoSpace,
    /// A setting cannot work.
    #[error("{0}")]
    Settings(&'static str),
    /// A query asks for what the ring does not do.
    #[error("{0}")]
    Query(&'static str),
    /// More interfaces than a recorder keeps apart.
    #[error("the look-back ring has seen too many interfaces")]
    TooManyInterfaces,
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

impl Error {
    /// Classifies an error of the operating system by what can be done about it.
    pub(crate) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace,
            _ => Self::Io { doing, source },
        }
    }
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::InUse(_) | Self::NoSpace | Self::TooManyInterfaces | Self::Io { .. } => FaultKind::Unavailable,
            Self::WrongKey(_) | Self::TooNew(_) => FaultKind::Corrupt,
            Self::Settings(_) | Self::Query(_) => FaultKind::Invalid,
        }
    }
}
