//! What can go wrong with identities.

use baleen_types::{Classify, FaultKind, Invalid};
use std::path::PathBuf;

/// A failure of the identity service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error("the metadata store failed")]
    Meta(#[source] baleen_meta::Error),
    /// Two starts made the root user at the same time.
    #[error("another process is making the root user; start again")]
    Race,
    /// A sealed secret does not open.
    #[error("the secret of access key {access_key_id} does not open; is this the master key of this store?")]
    Sealed {
        /// Whose secret it is.
        access_key_id: String,
        /// What the sealer said.
        source: baleen_sealing::DoesNotOpen,
    },
    /// A record is not what was stored.
    #[error("a stored {0} record is damaged")]
    Damaged(&'static str),
    /// A value given by the operator does not fit.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A file of the operator's could not be read or written.
    #[error("{doing} {}", path.display())]
    File {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The master key file is not a master key.
    #[error("{} does not hold a master key: 64 hex digits are expected; restore it from your backup", path.display())]
    NotAMasterKey {
        /// The file.
        path: PathBuf,
    },
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Meta(error) => error.kind(),
            Self::Race => FaultKind::Conflict,
            Self::Sealed { .. } | Self::Damaged(_) | Self::NotAMasterKey { .. } => FaultKind::Corrupt,
            Self::Invalid(_) => FaultKind::Invalid,
            Self::File { .. } => FaultKind::Unavailable,
        }
    }
}
