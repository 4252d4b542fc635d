//! What can be wrong with a capture file.

use baleen_types::{Classify, FaultKind};
use std::io;

/// A capture file that cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The first bytes belong to neither format.
    #[error("this is no pcap or pcapng file")]
    NotACapture,
    /// A version or a byte order that nobody has defined.
    #[error("the capture file has an unknown {0}")]
    Unknown(&'static str),
    /// A length or a reference that contradicts the rest.
    #[error("the capture file is damaged at byte {at}: {why}")]
    Damaged {
        /// Offset of the record.
        at: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// The bytes could not be read.
    #[error("cannot read the capture file")]
    Read(#[source] io::Error),
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NotACapture | Self::Unknown(_) => FaultKind::Invalid,
            Self::Damaged { .. } => FaultKind::Corrupt,
            Self::Read(_) => FaultKind::Unavailable,
        }
    }
}
