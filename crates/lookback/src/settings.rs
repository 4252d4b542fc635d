//! How much is kept, and for how long.

use crate::Error;
use crate::limits::{BLOCK_CHUNKS_MAX, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SNAPLEN_MAX, SNAPLEN_MIN, SPARE_BYTES};
use crate::record::RECORD_OVERHEAD_MAX;
use std::time::Duration;

/// What the ring keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes on the disk, at most.
    pub bytes: u64,
    /// How long packets are kept, at most.
    pub age: Duration,
    /// Bytes that are kept of a packet.
    pub snaplen: u32,
    /// Bytes on the wire of a conversation, both directions together, after which its packets are left out until it begins
    /// anew; `None` keeps all.
    pub flow_bytes: Option<u64>,
    /// One conversation in so many is kept; 1 keeps all.
    pub one_in: u32,
    /// How it lies on the disk.
    pub shape: Shape,
}

/// Sizes on the disk: what is read and freed at once. Tests make them small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of a segment, the file that is deleted at once.
    pub segment_bytes: u64,
    /// Bytes of packets in a chunk, which is written, checked and read at once.
    pub chunk_bytes: usize,
}

impl Shape {
    /// Segments of 256 MiB, or an eighth of a ring that is smaller.
    pub fn of(bytes: u64) -> Self {
        Self {
            segment_bytes: (bytes / 8).clamp(4 << 20, 256 << 20),
            chunk_bytes: 64 << 10,
        }
    }
}

impl Settings {
    /// A ring of so many bytes, with a day, 160 bytes of a packet, and 64 KiB of a conversation.
    pub fn of(bytes: u64) -> Self {
        Self {
            bytes,
            age: Duration::from_secs(24 * 3600),
            snaplen: 160,
            flow_bytes: Some(64 << 10),
            one_in: 1,
            shape: Shape::of(bytes),
        }
    }

    /// # Errors
    /// `Invalid` with what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        let Shape {
            segment_bytes,
            chunk_bytes,
        } = self.shape;
        if !(SNAPLEN_MIN..=SNAPLEN_MAX).contains(&self.snaplen) {
            return Err(Error::Settings("the look-back ring keeps 64 to 2048 bytes of a packet"));
        }
        if self.one_in == 0 || self.flow_bytes == Some(0) {
            return Err(Error::Settings("the look-back ring would keep nothing"));
        }
        if self.age < Duration::from_secs(60) || self.age > Duration::from_secs(366 * 24 * 3600) {
            return Err(Error::Settings(
                "the look-back ring keeps packets for a minute to a year",
            ));
        }
        if !(SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&segment_bytes)
            || !(self.snaplen as usize + RECORD_OVERHEAD_MAX..=64 << 10).contains(&chunk_bytes)
            || self.bytes < segment_bytes * 2 + (BLOCK_CHUNKS_MAX * chunk_bytes) as u64 + SPARE_BYTES
        {
            return Err(Error::Settings(
                "the look-back ring is too small, or cut into pieces that do not fit",
            ));
        }
        Ok(())
    }
}
