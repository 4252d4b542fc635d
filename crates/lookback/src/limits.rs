//! What the ring is bounded by.

use std::time::Duration;

/// Bytes of a chunk's plain content; the largest is the contents of a segment.
pub(crate) const CHUNK_PLAIN_MAX: usize = 256 << 10;

/// Bytes of a chunk as it is stored, without its head: packing never adds, sealing adds a tag.
pub(crate) const CHUNK_STORED_MAX: usize = CHUNK_PLAIN_MAX + 16;

/// Chunks of packets in one block; one bit of a mask for each.
pub(crate) const BLOCK_CHUNKS_MAX: usize = 16;

/// Index keys of one block: a flood of flows ends the block early, so that its directory stays within a chunk.
pub(crate) const BLOCK_KEYS_MAX: usize = 16 << 10;

/// Blocks of one segment, so that its contents stay within a chunk.
pub(crate) const SEGMENT_BLOCKS_MAX: usize = 4096;

/// Full chunks that wait for the disk. One that finds no place is left out, and counted.
pub(crate) const PENDING_CHUNKS_MAX: usize = 8;

/// Interfaces of which packets stand in one chunk.
pub(crate) const CHUNK_INTERFACES_MAX: usize = 64;

/// Interfaces that a recorder knows.
pub const INTERFACES_MAX: usize = 1024;

/// Bytes of an interface's name that are kept.
pub const INTERFACE_NAME_BYTES_MAX: usize = 64;

/// Bytes that are kept of a packet, at the least and at the most.
pub const SNAPLEN_MIN: u32 = 64;
/// See [`SNAPLEN_MIN`].
pub const SNAPLEN_MAX: u32 = 2048;

/// Packets that one query returns: what bounds its memory, together with [`SNAPLEN_MAX`].
pub const QUERY_PACKETS_MAX: usize = 100_000;

/// Ports that a range of a five-tuple is spelled out to in a hint; a wider one narrows nothing.
pub(crate) const HINT_PORTS_MAX: usize = 64;

/// Conversations whose bytes are counted for the cut-off.
pub(crate) const CUTOFF_SLOTS: usize = 1 << 18;

/// A conversation that was silent for so long begins anew.
pub(crate) const CUTOFF_IDLE_SECS: u32 = 120;

/// A conversation that lives for so long has a fresh allowance: a window of ten minutes shows each that was alive.
pub(crate) const CUTOFF_RENEWED_SECS: u32 = 600;

/// A chunk that is not full is written after so long: what a kill may cost.
pub(crate) const FLUSH_AFTER: Duration = Duration::from_secs(5);

/// What was written is flushed to the disk after so long: what a loss of power may cost.
pub(crate) const SYNC_AFTER: Duration = Duration::from_secs(5);

/// After a write that failed, the disk is tried again after so long.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(30);

/// Segments into which the age is divided at least, so that nothing is kept for much longer.
pub(crate) const SEGMENTS_OF_AGE: u32 = 24;

/// A segment whose packets are stamped later than this from now was written under a clock that has been set back.
pub(crate) const FUTURE_SLACK: Duration = Duration::from_secs(3600);

/// What a segment may take beyond its size and a block: a directory, and its end.
pub(crate) const SPARE_BYTES: u64 = 512 << 10;

/// The smallest segment: one block with its directory, and the contents.
pub(crate) const SEGMENT_BYTES_MIN: u64 = 64 << 10;

/// The largest segment; its offsets have 32 bits.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 1 << 30;

const _: () = assert!(BLOCK_KEYS_MAX * 6 + BLOCK_CHUNKS_MAX * 24 + 16 <= CHUNK_PLAIN_MAX);
const _: () = assert!(SEGMENT_BLOCKS_MAX * 56 + 16 <= CHUNK_PLAIN_MAX);
const _: () = assert!(BLOCK_CHUNKS_MAX <= u16::BITS as usize);
