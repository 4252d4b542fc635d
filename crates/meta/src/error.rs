//! What can go wrong, sorted by what the caller or the operator can do about it.

use crate::{KEY_BYTES_MAX, REQUEST_BYTES_MAX, VALUE_BYTES_MAX};
use baleen_types::{Classify, FaultKind};
use std::path::PathBuf;
use std::sync::Arc;

/// An error of the metadata store. Cheap to clone, because one failed sync is told to all who waited for it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A key without bytes was given.
    #[error("a metadata key must have at least one byte")]
    EmptyKey,
    /// A key is longer than [`KEY_BYTES_MAX`].
    #[error("metadata key has {bytes} bytes, the limit is {KEY_BYTES_MAX}")]
    KeyTooLong {
        /// Length of the refused key.
        bytes: usize,
    },
    /// A value is larger than [`VALUE_BYTES_MAX`].
    #[error("metadata value has {bytes} bytes, the limit is {VALUE_BYTES_MAX}")]
    ValueTooLarge {
        /// Length of the refused value.
        bytes: usize,
    },
    /// All operations of one request together are larger than [`REQUEST_BYTES_MAX`].
    #[error("metadata request has {bytes} bytes, the limit is {REQUEST_BYTES_MAX}; split it")]
    RequestTooLarge {
        /// Bytes of the refused request, with the overhead that each operation counts.
        bytes: usize,
    },
    /// A counter add met a value which is not a counter, or the sum left the range of a counter.
    #[error("counter cannot be changed: {why}")]
    Counter {
        /// Which of both it was.
        why: &'static str,
    },
    /// A stored record cannot be read.
    #[error(transparent)]
    Record(#[from] crate::record::RecordError),
    /// A stored key does not have the shape of its table.
    #[error("stored key is malformed: {why}")]
    MalformedKey {
        /// What was expected.
        why: &'static str,
    },
    /// The disk has no room. Nothing of the request was kept; the store works on when there is room again.
    #[error("no space left for metadata while {doing}; nothing was written, free some space and repeat")]
    NoSpace {
        /// What the store was doing.
        doing: &'static str,
    },
    /// The disk or the system refused. Nothing of the request was kept.
    #[error("metadata store failed while {doing}")]
    Storage {
        /// What the store was doing.
        doing: &'static str,
        /// The refusal.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A write failed and could not be taken back either; whether it is kept shows only after the next start.
    #[error("metadata write failed and its fate is unknown until the store is opened again")]
    InDoubt {
        /// Why it could not be taken back.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The store was reopened after a failure; a snapshot from before cannot be read on.
    #[error("the metadata snapshot ended because the store was reopened after a failure; start over with a new one")]
    SnapshotLost,
    /// A stored file is not what was written.
    #[error("{role} {} is damaged: {why}; {advice}", path.display())]
    Damaged {
        /// What the file is for.
        role: &'static str,
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
        /// What the operator can do.
        advice: &'static str,
    },
    /// Stored bytes do not match their checksum.
    #[error("stored metadata is damaged, found while {doing}: {why}; check the disk and restore the metadata folder")]
    Corrupt {
        /// What the store was doing.
        doing: &'static str,
        /// What was found.
        why: String,
    },
    /// Another process has the store open.
    #[error("the metadata store {} is in use by another process; stop that one, or choose another data folder", path.display())]
    InUse {
        /// The store's folder.
        path: PathBuf,
    },
    /// The committer has ended: the process is stopping.
    #[error("the metadata store is closed")]
    Closed,
}

impl Error {
    /// Wraps a refusal by the disk or the system.
    pub(crate) fn storage(doing: &'static str, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Storage {
            doing,
            source: Arc::new(source),
        }
    }

    /// Wraps an I/O error, telling a full disk from everything else.
    pub(crate) fn io(doing: &'static str, source: std::io::Error) -> Self {
        if is_no_space(&source) {
            Self::NoSpace { doing }
        } else {
            Self::storage(doing, source)
        }
    }
}

/// Tells whether an I/O error means that there is no room: disk full, quota reached, or file too large.
pub(crate) fn is_no_space(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
    )
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::EmptyKey => FaultKind::Invalid,
            Self::KeyTooLong { .. } | Self::ValueTooLarge { .. } | Self::RequestTooLarge { .. } => FaultKind::TooLarge,
            Self::Counter { .. } | Self::MalformedKey { .. } | Self::Damaged { .. } | Self::Corrupt { .. } => {
                FaultKind::Corrupt
            }
            Self::Record(record) => record.kind(),
            Self::NoSpace { .. }
            | Self::Storage { .. }
            | Self::InDoubt { .. }
            | Self::SnapshotLost
            | Self::InUse { .. }
            | Self::Closed => FaultKind::Unavailable,
        }
    }
}
