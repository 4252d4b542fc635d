//! Limits of the formats and of what we read.

/// The most bytes kept of one packet (libpcap's `MAXIMUM_SNAPLEN`).
pub const PACKET_BYTES_MAX: usize = 262_144;

/// The largest block or record that is read; wiretap takes no larger one either.
pub const BLOCK_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that a classic record needs beside the packet.
pub const CLASSIC_OVERHEAD: usize = 16;

/// Bytes that an enhanced packet block needs at most beside the packet: 32, 3 of padding, and 24 of options.
pub const NG_OVERHEAD_MAX: usize = 59;

/// The longest text written into one option; longer ones are cut. An option's length field would hold 65,535.
pub const OPTION_BYTES_MAX: usize = 8192;

/// The most interfaces of one section that are read.
pub(crate) const INTERFACES_MAX: usize = 4096;

/// The most interfaces that are read of one file that is merged with others, over all of its sections.
pub(crate) const MERGED_INTERFACES_MAX: usize = 256;

const _: () = assert!(PACKET_BYTES_MAX + NG_OVERHEAD_MAX < BLOCK_BYTES_MAX);
const _: () = assert!(OPTION_BYTES_MAX < 65_536);
