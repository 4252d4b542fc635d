//! What can go wrong.

use std::io;

/// A process that could not give up what it wanted to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system did not do it.
    #[error("the system refuses to {doing}")]
    Rights {
        /// What was asked.
        doing: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// It did, and did not.
    #[error("rights were given up, and are still there")]
    Kept,
    /// Calls cannot be filtered.
    #[error("the system takes no filter of calls")]
    Calls(#[source] seccompiler::Error),
}

impl From<seccompiler::BackendError> for Error {
    fn from(error: seccompiler::BackendError) -> Self {
        Self::Calls(error.into())
    }
}
