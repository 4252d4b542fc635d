//! Limits of the engine.

use std::time::Duration;

/// The usual size of a part: above S3's minimum of 5 MiB for all parts but the last.
pub const PART_BYTES_DEFAULT: usize = 8 * 1024 * 1024;

/// The smallest size of a part; for files, which have no minimum.
pub const PART_BYTES_MIN: usize = 64 * 1024;

/// The largest part that a size of part grows to.
pub(crate) const PART_BYTES_MAX: usize = 128 * 1024 * 1024;

/// The most parts of one multipart upload (S3, "Multipart upload limits").
pub const PARTS_MAX: u32 = 10_000;

/// After how many parts their size doubles, so that [`PARTS_MAX`] of them reach hundreds of GiB, while short captures
/// stay small in memory.
pub(crate) const PARTS_PER_SIZE: u32 = 2000;

/// The fewest buffers: one to fill while another is with the consumer.
pub const BUFFERS_MIN: usize = 2;

/// The most buffers of one capture.
pub(crate) const BUFFERS_MAX: usize = 256;

/// The most interfaces of one capture: each takes a thread and a ring.
pub const INTERFACES_MAX: usize = 16;

/// The shortest snap length: it holds every link header that is put back (cooked, with a tag, has 24 bytes).
pub const SNAPLEN_MIN: u32 = 32;

/// The smallest file of a capture that has several: a part of the smallest size.
pub const ROTATION_BYTES_MIN: u64 = PART_BYTES_MIN as u64;

/// The shortest file of a capture that has several.
pub const ROTATION_TIME_MIN: Duration = Duration::from_secs(1);

/// The most files of one capture; the last one takes all the rest.
pub const FILES_MAX: u32 = 1 << 16;

/// What a buffer holds beside its part: the record that crosses the size, the statistics that waited for a buffer, and those
/// at the end.
pub(crate) const BUFFER_SLACK: usize = 512 * 1024;

/// How often a pcapng file gets statistics of each interface.
pub(crate) const STATISTICS_PERIOD: Duration = Duration::from_secs(10);

/// How many of them wait for a buffer at most, of each interface: those of ten minutes. The oldest go first.
pub(crate) const STATISTICS_WAITING_MAX: usize = 64;

/// The longest wait of a reader without looking round.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(1);

/// How long a reader that found no buffer waits before it looks whether the capture was given up.
pub(crate) const BUFFER_WAIT: Duration = Duration::from_millis(100);

/// A difference of the two clocks beyond which the time of day was set, so that packet stamps tell nothing.
pub(crate) const CLOCK_STEP: Duration = Duration::from_millis(500);

/// How long after the end packets of the last block are awaited, beyond the ring's own time for handing it over.
pub(crate) const DRAIN_SLACK: Duration = Duration::from_millis(500);

const _: () = assert!(
    BUFFER_SLACK
        > baleen_pcapfile::PACKET_BYTES_MAX
            + baleen_pcapfile::NG_OVERHEAD_MAX
            + INTERFACES_MAX * (1 + STATISTICS_WAITING_MAX) * baleen_pcapfile::ng::STATISTICS_BYTES_MAX
);
const _: () = assert!(PART_BYTES_DEFAULT > 5 * 1024 * 1024 && PART_BYTES_DEFAULT <= PART_BYTES_MAX);
