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
    /// It does not let this process be another user, whom only root can become.
    #[error("this process cannot go on as user {user}")]
    User {
        /// Who.
        user: String,
        /// Why not.
        source: io::Error,
    },
    /// Threads that are there already would keep everything.
    #[error("there are {0} threads already, which would keep what this one gives up")]
    Threads(usize),
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
