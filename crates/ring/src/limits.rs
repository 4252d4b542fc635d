//! Limits of the ring, related to each other at compile time.

/// The largest number of bytes kept of one packet: libpcap's `MAXIMUM_SNAPLEN`, and above any GRO super-packet that
/// Linux builds by default.
pub const SNAPLEN_MAX: u32 = 262_144;

/// The smallest block: TPACKET_V3 cuts a packet that does not fit a block, so that a block has to hold the largest one.
pub const BLOCK_BYTES_MIN: usize = 512 * 1024;

/// The largest block; the kernel needs it in one physical piece, and rarely has larger ones.
pub const BLOCK_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The largest ring. It is kernel memory that cannot be swapped out.
pub const RING_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// The most rings of one interface.
pub const RINGS_MAX: usize = 8;

/// The frame size told to the kernel. With V3 it only has to divide the block size; packets take what they need.
pub(crate) const FRAME_BYTES: usize = 2048;

/// The largest program that the kernel takes (`BPF_MAXINSNS`).
pub(crate) const INSTRUCTIONS_MAX: usize = 4096;

const _: () = assert!(BLOCK_BYTES_MIN > SNAPLEN_MAX as usize + 4096);
const _: () = assert!(BLOCK_BYTES_MIN.is_multiple_of(FRAME_BYTES));
const _: () = assert!(BLOCK_BYTES_MAX <= RING_BYTES_MAX);
