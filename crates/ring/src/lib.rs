//! Capture sources: the kernel's packet ring (AF_PACKET, TPACKET_V3) and the machine's network interfaces.
//!
//! A [`Ring`] maps a ring of blocks shared with the kernel. The kernel fills a block with packets that the socket's
//! filter accepted and hands it over; [`Ring::next_block`] lends it to the caller, and dropping the [`Block`] hands it
//! back. Nothing is copied here. The filter is attached and locked before the socket is bound, so that no unfiltered
//! packet ever enters, and needs CAP_NET_RAW alone.
//!
//! This is the only crate with `unsafe` code, all of it in `sys.rs` (and `lab.rs`, for tests), each block with its
//! reason. How packets are found inside a block is a pure function over bytes (`block.rs`), which holds for any content.
//!
//! Left out: filters are compiled elsewhere, files are written elsewhere, and nothing here knows of limits or time.

mod block;
mod error;
mod fanout;
mod interface;
#[cfg(feature = "lab")]
pub mod lab;
mod limits;
mod packet;
mod ring;
mod route;
mod sys;

pub use block::{BlockWalk, walk_block};
pub use error::Error;
pub use interface::{ANY, HardwareType, Interface, LinkCounters, find_interface, interfaces, link_statistics};
pub use limits::{BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, RING_BYTES_MAX, RINGS_MAX, SNAPLEN_MAX};
pub use packet::{LinkAddress, Packet, PacketType, Pieces};
pub use ring::{Block, Ring, Settings, Statistics, Wake, Waker};
pub use route::default_interface;
