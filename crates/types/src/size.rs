//! Numbers with limits, and sizes as people read them.

use crate::Invalid;

/// The largest part number of a multipart upload (S3, "Multipart upload limits").
pub const PART_NUMBER_MAX: u16 = 10_000;

/// The number of one part of a multipart upload: 1 to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartNumber(u16);

impl PartNumber {
    /// Checks the bounds.
    ///
    /// ```
    /// use baleen_types::PartNumber;
    /// assert!(PartNumber::new(10_000).is_ok());
    /// assert!(PartNumber::new(0).is_err());
    /// ```
    pub fn new(number: u32) -> Result<Self, Invalid> {
        u16::try_from(number)
            .ok()
            .filter(|n| (1..=PART_NUMBER_MAX).contains(n))
            .map(Self)
            .ok_or_else(|| Invalid::new("part number", format!("1 to {PART_NUMBER_MAX} are allowed")))
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// Writes a number of bytes for a person: `999 B`, `1.5 KiB`, `20.0 MiB`.
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // The exponent is found on integers, so that 1,048,575 is not shown as "1024.0 KiB" of the wrong unit.
    let step = (bytes.ilog2() / 10).clamp(1, 6);
    let tenths = (u128::from(bytes) * 10) >> (10 * step);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[step as usize - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_numbers_at_their_limits() {
        assert!(PartNumber::new(1).is_ok() && PartNumber::new(10_000).is_ok());
        for wrong in [0, 10_001, 65_537, u32::MAX] {
            assert!(PartNumber::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (20 << 20, "20.0 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(format_bytes(bytes), text);
        }
    }
}
