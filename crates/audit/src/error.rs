//! What can go wrong with the log.

use baleen_types::{Classify, FaultKind};

/// Why the log could not be written or read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The store refused.
    #[error("the audit log cannot be reached")]
    Meta(#[from] baleen_meta::Error),
    /// The account's log is being written by others too fast for us to get in.
    #[error("the audit log of an account is contended")]
    Contended,
    /// The writer has ended: the process is stopping.
    #[error("the audit log is closed")]
    Closed,
    /// A stored entry is none.
    #[error("entry {sequence} of the audit log is damaged: {why}")]
    Damaged {
        /// Which one.
        sequence: u64,
        /// What was found.
        why: &'static str,
    },
}

impl From<baleen_meta::record::RecordError> for Error {
    fn from(error: baleen_meta::record::RecordError) -> Self {
        Self::Meta(error.into())
    }
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Meta(error) => error.kind(),
            Self::Contended | Self::Closed => FaultKind::Unavailable,
            Self::Damaged { .. } => FaultKind::Corrupt,
        }
    }
}
