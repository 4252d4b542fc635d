//! Why a capture does not start.

use baleen_types::{Classify, FaultKind};
use std::io;

/// A capture that cannot start; nothing was opened that is not closed again.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The interface or its ring.
    #[error(transparent)]
    Ring(#[from] baleen_ring::Error),
    /// The filter, on this type of link.
    #[error(transparent)]
    Filter(#[from] baleen_filter::Error),
    /// The interface is there, and down.
    #[error("the network interface `{0}` is down; bring it up with `ip link set {0} up`")]
    InterfaceDown(String),
    /// Interfaces that cannot stand in one file or one request.
    #[error("{0}")]
    Interfaces(&'static str),
    /// Limits or settings out of bounds.
    #[error("{0}")]
    Limits(&'static str),
    /// The operating system gives no thread.
    #[error("cannot start a capture thread")]
    Thread(#[source] io::Error),
}

impl Classify for EngineError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Ring(error) => error.kind(),
            Self::Filter(error) => error.kind(),
            Self::InterfaceDown(_) => FaultKind::Conflict,
            Self::Interfaces(_) | Self::Limits(_) => FaultKind::Invalid,
            Self::Thread(_) => FaultKind::Unavailable,
        }
    }
}
