//! Views of packet headers, and the summary of a capture. Pure: bytes in, values out.
//!
//! [`dissect()`] walks link, network and transport header once and names the application protocol where the first bytes
//! say it. Nothing here panics or trusts a length: a packet that breaks off gives what was readable until there.
//! [`Summary`] counts packets, protocols and conversations in bounded memory.
//!
//! [`masking`] makes of a packet what may be kept of it: no payload, other addresses.
//!
//! Left out: fields by name, reassembly, display filters; those are the decode engine's.

mod application;
mod dissect;
mod link;
pub mod masking;
mod network;
mod protocol;
mod reader;
mod summary;
mod transport;

pub use dissect::{Dissection, dissect};
pub use network::Network;
pub use protocol::Protocol;
pub use summary::{CONVERSATIONS_MAX, Conversation, ProtocolCount, Summary};
pub use transport::Ports;
