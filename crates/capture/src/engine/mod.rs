//! The capture engine: from kernel rings to the parts of capture files.
//!
//! ```text
//! ring ─ reader thread ─┐ lock per block           bounded channel
//! ring ─ reader thread ─┼──▶ Writer ──▶ part buffer ──▶ Part ──▶ who uploads or writes
//!                       ┘   limits, encoder   ▲                    │
//!                                             └──── pool ◀── drop ─┘
//! ```
//!
//! One thread for each ring takes packets out of it and encodes them into the current part buffer, under one lock a block;
//! so limits are exact over all rings of all interfaces. A thread never waits for IO. Buffers come from a pool of fixed
//! number: when all of them are with the consumer, packets stay in the kernel's ring, and when that is full the kernel
//! drops and counts. Memory is bounded in every state by `rings × ring size + buffers × (part size + 1 MiB)`.
//!
//! Into files of this machine there is a shorter way, an [`Outlet`] in place of parts: the thread itself writes packets from where they
//! lie in the ring (`outlet.rs`). It waits for the disk then, and what comes meanwhile has the rest of the ring.
//!
//! Parts are cut between records: any run of parts of a file from the first one is a valid file. The first file begins with
//! its head even if no packet ever comes, and no part is empty. A capture has further files if it is to rotate
//! (`rotation.rs`); limits and counts are those of all of them.
//!
//! Left out: where parts go, what becomes of a capture, who may ask for one.

mod error;
mod follow;
mod head;
mod limits;
mod losses;
mod masked;
mod outcome;
mod outlet;
mod parts;
mod pool;
mod progress;
mod reader;
mod request;
mod ring_source;
mod rotation;
mod running;
mod section;
mod source;
mod start;
mod watch;
mod writer;

pub use baleen_packet::masking::Masking;
pub use error::EngineError;
pub use follow::{FOLLOWER_BYTES_MAX, FOLLOWERS_MAX, FollowError, Following};
pub use limits::{
    BUFFERS_MIN, FILES_MAX, INTERFACES_MAX, PART_BYTES_DEFAULT, PART_BYTES_MIN, PARTS_MAX, ROTATION_BYTES_MIN,
    ROTATION_TIME_MIN, SNAPLEN_MIN,
};
pub use outcome::{EndReason, InterfaceOutcome, Outcome};
pub use outlet::{Outlet, write_pieces};
pub use parts::{Part, file_bytes_max};
pub use progress::Progress;
pub use request::{CaptureRequest, Format, Interfaces, Limits, Settings};
pub(crate) use ring_source::RingSource;
pub use rotation::Rotation;
pub use running::{CaptureHandle, Parts, RunningCapture};
pub(crate) use section::section;
pub use source::{Batch, Counters, Description, Link, Source, Wake};
pub use start::Engine;
pub use watch::{Seen, Watch, WatchRequest};

#[cfg(test)]
mod tests;
