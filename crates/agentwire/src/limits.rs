//! Every limit of what agents and their server say to each other.

use std::time::Duration;

/// Longest frame behind its length: the longest filter (64 blocks and ranges at each end, or 4,096 characters) is a tenth of it.
pub const FRAME_BYTES_MAX: usize = 256 << 10;

/// Interfaces that an agent tells of. A server keeps them of each of its agents: some 8 KiB at most.
pub const INTERFACES_MAX: usize = 64;

/// Longest name of an interface: Linux has 15 bytes, others some more.
pub const INTERFACE_NAME_BYTES_MAX: usize = 127;

/// Captures that an agent may hold at once.
pub const ORDERS_MAX: usize = 64;

/// Longest text for people: the reason of a refusal, a release.
pub const TEXT_BYTES_MAX: usize = 1024;

/// Longest filter as text, as the server takes it from its users.
pub const FILTER_BYTES_MAX: usize = 16 << 10;

/// Blocks and ranges at one end of a five-tuple.
pub const END_ITEMS_MAX: usize = 64;

/// Five-tuples that an order leaves out.
pub const EXCLUDED_MAX: usize = 64;

/// How often an agent tells how it is.
pub const BEAT_PERIOD: Duration = Duration::from_secs(5);

/// Without a word for so long, an agent is lost: two beats and a third that is late.
pub const LOST_AFTER: Duration = Duration::from_secs(15);

/// How often its clock is asked for.
pub const PING_PERIOD: Duration = Duration::from_secs(10);

/// Samples of a clock that are kept, and for how long: eight, as NTP's filter does (RFC 5905, 10).
pub const CLOCK_SAMPLES: usize = 8;
/// See [`CLOCK_SAMPLES`].
pub const CLOCK_SAMPLE_AGE: Duration = Duration::from_secs(120);

/// The most packets that a kernel can have dropped in so many milliseconds, and in a minute more for the end: a thousand million a
/// second, which is more than a line of 400 Gbit/s brings.
pub const fn dropped_max(time_ms: u64) -> u64 {
    time_ms.saturating_add(60_000).saturating_mul(1_000_000)
}

const _: () = assert!(FILTER_BYTES_MAX * 4 < FRAME_BYTES_MAX);
