//! What can go wrong with counters.

use baleen_types::{Classify, FaultKind};

/// A failure of the counters.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed, or a row is not what was stored.
    #[error("the counters of usage could not be read or written")]
    Meta(#[from] baleen_meta::Error),
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Meta(error) => error.kind(),
        }
    }
}
