//! What can go wrong between us and the kernel.

use baleen_types::{Classify, FaultKind};
use std::io;

/// An error of the packet ring or of the interface list.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process lacks CAP_NET_RAW in this network namespace.
    #[error("capturing needs the capability CAP_NET_RAW: run as root, or `setcap cap_net_raw+ep` on the program")]
    NotPermitted,
    /// No interface of that name.
    #[error("there is no network interface `{name}`; there are: {known}")]
    NoSuchInterface {
        /// The name that was asked for.
        name: String,
        /// The names that exist, with commas.
        known: String,
    },
    /// No default route, or one without an interface.
    #[error("no interface has a default route; name the interface to capture on")]
    NoDefaultRoute,
    /// The kernel has no room for the ring.
    #[error("the kernel has no memory for a capture ring of {bytes} bytes; use a smaller ring")]
    NoRingMemory {
        /// What was asked for.
        bytes: usize,
    },
    /// The kernel did not take the filter.
    #[error("the kernel refuses the filter of {instructions} instructions")]
    FilterRefused {
        /// Length of the program.
        instructions: usize,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A setting is out of its bounds.
    #[error("capture ring: {0}")]
    Settings(&'static str),
    /// The kernel's block makes no sense; the ring is not read further.
    #[error("the kernel's packet block is malformed: {0}")]
    Malformed(&'static str),
    /// Any other refusal.
    #[error("cannot {doing}")]
    System {
        /// What was being done.
        doing: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
}

impl Classify for Error {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NotPermitted => FaultKind::Denied,
            Self::NoSuchInterface { .. } | Self::NoDefaultRoute => FaultKind::NotFound,
            Self::NoRingMemory { .. } => FaultKind::Unavailable,
            Self::FilterRefused { .. } | Self::Settings(_) => FaultKind::Invalid,
            Self::Malformed(_) | Self::System { .. } => FaultKind::Internal,
        }
    }
}
