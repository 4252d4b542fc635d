//! Classic pcap, little endian.
//!
//! Source: draft-ietf-opsawg-pcap, sections 4 (file header) and 5 (packet record).

use crate::record::{Record, length_field};
use baleen_types::LinkType;

/// How fine the time stamps of a file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// The original format, which every tool reads.
    #[default]
    Micros,
    /// The same with another magic number.
    Nanos,
}

impl Precision {
    const fn magic(self) -> u32 {
        match self {
            Self::Micros => 0xa1b2_c3d4,
            Self::Nanos => 0xa1b2_3c4d,
        }
    }
}

/// Appends the file header.
pub fn put_header(out: &mut Vec<u8>, link: LinkType, snaplen: u32, precision: Precision) {
    out.extend_from_slice(&precision.magic().to_le_bytes());
    out.extend_from_slice(&[2, 0, 4, 0]);
    // Time zone and accuracy: always zero.
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&snaplen.to_le_bytes());
    out.extend_from_slice(&u32::from(link.number()).to_le_bytes());
}

/// Appends one packet. Seconds beyond the year 2106 do not fit the format and wrap.
#[inline]
pub fn put_packet(out: &mut Vec<u8>, record: &Record<'_>, precision: Precision) {
    put_packet_header(out, record, precision);
    record.put_bytes(out);
}

/// Appends what stands before a packet's bytes, for who puts them himself.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a second has less than 32 bits of nanoseconds"
)]
pub fn put_packet_header(out: &mut Vec<u8>, record: &Record<'_>, precision: Precision) {
    let seconds = (record.stamp_nanos / 1_000_000_000) as u32;
    let nanos = (record.stamp_nanos % 1_000_000_000) as u32;
    let fraction = match precision {
        Precision::Micros => nanos / 1000,
        Precision::Nanos => nanos,
    };
    let mut header = [0u8; 16];
    header[..4].copy_from_slice(&seconds.to_le_bytes());
    header[4..8].copy_from_slice(&fraction.to_le_bytes());
    header[8..12].copy_from_slice(&length_field(record.captured_length()).to_le_bytes());
    header[12..].copy_from_slice(&record.original_length.to_le_bytes());
    out.extend_from_slice(&header);
}

#[cfg(test)]
mod tests;
