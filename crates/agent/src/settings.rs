//! What the owner of this host allows and wants. No message of a server changes any of it.

use crate::connection::ServerAddress;
use baleen_filter::Filter;
use std::path::PathBuf;

/// The settings of an agent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the server takes agents.
    pub server: ServerAddress,
    /// What the agent is called, for people.
    pub name: String,
    /// Where the identity is, and what waits to be sent.
    pub folder: PathBuf,
    /// Most bytes of what waits to be sent.
    pub spool_bytes: u64,
    /// What may be captured.
    pub allowed: Allowed,
    /// Bytes of the ring of each interface.
    pub ring: baleen_ring::Settings,
}

/// What may be captured here, whatever is ordered.
#[derive(Clone, Debug)]
pub struct Allowed {
    /// On which interfaces; `any` is all of them, and without one it is that of the default route.
    pub interfaces: Vec<String>,
    /// Whether packets for other machines are seen.
    pub promiscuous: bool,
    /// Packets that are never given.
    pub never: Vec<Filter>,
    /// Most bytes of a packet.
    pub snaplen_max: u32,
}

impl Settings {
    /// The folder of what waits to be sent.
    pub fn spool(&self) -> PathBuf {
        self.folder.join("spool")
    }
}
