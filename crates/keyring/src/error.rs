//! What can go wrong with master keys.

use baleen_sealing::{BadRing, KeyNumber};
use baleen_types::{Classify, FaultKind};
use std::path::PathBuf;

/// A failure of the keyring. All of it is for the operator, and none of it shows a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("the metadata store failed")]
    Meta(#[from] baleen_meta::Error),
    /// The file could not be read or written.
    #[error("the master key file {} cannot be {doing}", path.display())]
    File {
        /// What was being done to it.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no file, or open to others.
    #[error("the master key file {} {why}", path.display())]
    Unfit {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file holds a key that is no secret.
    #[error(
        "key {number} in {} is no secret: it was not drawn by chance; for a new store take the file away, and the start makes \
         one; for a store in use restore the file from your backup",
        path.display()
    )]
    Guessable {
        /// Which file.
        path: PathBuf,
        /// Which key.
        number: KeyNumber,
    },
    /// The file holds something else.
    #[error("{} does not hold master keys: {why}; restore it from your backup", path.display())]
    NotARing {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: BadRing,
    },
    /// The store was sealed under a key, and there is no file.
    #[error(
        "there is no master key at {}, and this store was sealed under one; restore the file from your backup, or name it \
         with BALEEN_MASTER_KEY_FILE: another key does not open the store's secrets",
        path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file lacks a key that the store needs, or has another one in its place.
    #[error(
        "{} is not the master key of this store: secrets are sealed under key {number}, and {}; restore the file from the \
         backup that goes with the store",
        path.display(),
        if *is_there { "the key of that number there is another one" } else { "the file has none of that number" }
    )]
    WrongKey {
        /// Which file.
        path: PathBuf,
        /// The key that is needed.
        number: KeyNumber,
        /// Whether the file has a key of that number.
        is_there: bool,
    },
    /// Another command is changing the file.
    #[error("another command is changing the master key file {}", path.display())]
    Busy {
        /// Which file.
        path: PathBuf,
    },
    /// Secrets are still sealed under older keys, or may be.
    #[error("older master keys are still needed: {why}")]
    StillNeeded {
        /// Why.
        why: String,
    },
    /// The ring cannot grow.
    #[error("a master key cannot be added: {0}")]
    Ring(BadRing),
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Meta(error) => error.kind(),
            Self::File { .. } => FaultKind::Unavailable,
            Self::Unfit { .. }
            | Self::Guessable { .. }
            | Self::NotARing { .. }
            | Self::Missing { .. }
            | Self::WrongKey { .. } => FaultKind::Corrupt,
            Self::Busy { .. } | Self::StillNeeded { .. } | Self::Ring(_) => FaultKind::Conflict,
        }
    }
}
