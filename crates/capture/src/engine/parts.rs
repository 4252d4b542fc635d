//! Parts of a file and their sizes.

use super::limits::{PART_BYTES_MAX, PARTS_PER_SIZE};
use bytes::Bytes;

/// One part of a file, in order. Its memory goes back to the capture when it is dropped.
#[derive(Clone, Debug)]
pub struct Part {
    /// Of which file of the capture, from 0.
    pub file: u32,
    /// Its place in that file, from 1.
    pub number: u32,
    /// The bytes; there are some.
    pub bytes: Bytes,
    /// Packets in the capture's files with this part.
    pub packets_until: u64,
    /// Bytes kept of them.
    pub bytes_until: u64,
    /// Packets known to be lost in the kernel when the part was full.
    pub dropped_until: u64,
    /// Whether this is known to be its file's last one. A file whose end finds nothing to be written has none that says so.
    pub ends_file: bool,
}

/// The size from which on a part is full. It doubles every 2,000 parts when their number is limited.
pub(crate) fn part_target(part_bytes: usize, number: u32, is_limited: bool) -> usize {
    if !is_limited {
        return part_bytes;
    }
    let doublings = (number.saturating_sub(1) / PARTS_PER_SIZE).min(16);
    (part_bytes << doublings).min(PART_BYTES_MAX.max(part_bytes))
}

/// The largest file that fits into so many parts.
pub fn file_bytes_max(part_bytes: usize, parts_max: u32) -> u64 {
    let mut total = 0u64;
    let mut first = 1;
    while first <= parts_max {
        let count = PARTS_PER_SIZE.min(parts_max - first + 1);
        total = total.saturating_add(part_target(part_bytes, first, true) as u64 * u64::from(count));
        first += count;
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::limits::{PART_BYTES_DEFAULT, PARTS_MAX};

    const MIB: usize = 1 << 20;

    #[test]
    fn sizes_double_and_stop() {
        for (number, expected) in [
            (1, 8),
            (2000, 8),
            (2001, 16),
            (4001, 32),
            (6001, 64),
            (8001, 128),
            (10_000, 128),
            (u32::MAX, 128),
        ] {
            assert_eq!(part_target(8 * MIB, number, true), expected * MIB, "{number}");
        }
        assert_eq!(part_target(MIB, 9999, false), MIB);
    }

    #[test]
    fn ten_thousand_parts_hold_hundreds_of_gigabytes() {
        let total = file_bytes_max(PART_BYTES_DEFAULT, PARTS_MAX);
        assert_eq!(total, 2000 * (8 + 16 + 32 + 64 + 128) * MIB as u64);
        assert_eq!(file_bytes_max(PART_BYTES_DEFAULT, 1), PART_BYTES_DEFAULT as u64);
    }
}
