//! Settings of a volume, and its limits.

use crate::Error;

/// How much of a blob is read or written in one piece, if there is memory for it.
pub(crate) const UNIT_BLOCKS: u64 = 4;

/// Segment files kept open at once; others are opened again when needed.
pub(crate) const OPEN_SEGMENTS_MAX: usize = 128;

/// Segments that are wholly free and kept for reuse; more are given back to the file system.
pub(crate) const SPARE_SEGMENTS_MAX: usize = 1;

/// How a volume lays out and bounds its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Size of a new segment. Segments of another size stay in use when it changes.
    pub segment_bytes: u64,
    /// Largest blob that goes to a segment; longer ones, and those of unknown length, get a file of their own.
    pub segment_body_bytes_max: u64,
    /// Space on the file system that is never taken, so that metadata can still record deletions on a full disk.
    pub reserve_bytes: u64,
    /// Reads and writes at work at once; more wait.
    pub io_jobs_max: usize,
    /// Memory for what is read and written ahead, over all readers and writers. Who finds none of it left goes on block by block.
    pub transfer_bytes_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            // Small enough that a first start on a laptop takes next to nothing, large enough for four of the largest
            // bodies; recycled, so that a store of small bodies keeps few of them.
            segment_bytes: 64 << 20,
            segment_body_bytes_max: 16 << 20,
            reserve_bytes: 256 << 20,
            io_jobs_max: 32,
            // Three units for each of a hundred transfers, or one for each of two hundred and fifty.
            transfer_bytes_max: 64 << 20,
        }
    }
}

impl Settings {
    /// Refuses what cannot work.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.io_jobs_max == 0 {
            return Err(Error::Settings("io_jobs_max must be at least 1"));
        }
        if !self.segment_bytes.is_multiple_of(crate::format::ALIGNMENT) {
            return Err(Error::Settings("segment_bytes must be a multiple of 4096"));
        }
        if crate::format::allocated_bytes(self.segment_body_bytes_max) > self.segment_bytes {
            return Err(Error::Settings(
                "segment_body_bytes_max must fit into segment_bytes, with its checksums",
            ));
        }
        Ok(())
    }
}
