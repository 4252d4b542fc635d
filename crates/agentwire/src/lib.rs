//! What agents and their server say to each other: messages, their framing, the proof that a key is one's own, and the clock
//! filter. Both ends use it.
//!
//! Invariants:
//! * Bytes from the other end never panic, and never make anybody hold more than one frame.
//! * A message is known by its place in its enum: variants are only ever added behind the last, and each has a test with the bytes it
//!   has always had.
//!
//! Pure: no socket, no clock, no key is made here.

mod clock;
mod frame;
pub mod limits;
mod message;
mod proof;

pub use clock::{ClockFilter, Estimate, Stamps};
pub use frame::{FrameError, Frames, encode};
pub use message::{
    AddressKey, Addresses, Beat, Begin, Counts, Ended, FileFormat, Hello, Interface, Job, Live, Mask, OrderFilter,
    OrderId, PortRange, ToAgent, ToServer, Tuple, TupleEnd, Unsound,
};
pub use proof::{BadProof, KeyProof, PUBLIC_KEY_BYTES, Purpose};

/// The version of the protocol that this build speaks; a server and an agent use the lower of theirs.
///
/// 1: the first. 2: [`ToAgent::BeginMasked`], [`ToAgent::BeginLive`], [`ToAgent::Show`].
pub const PROTOCOL: u16 = 2;

/// The version that has words for views, and for addresses that become others.
pub const VIEWS_SINCE: u16 = 2;

/// The view as which a capture for somebody who watches is sent; further ones have other numbers.
pub const LIVE_VIEW: u32 = 0;
