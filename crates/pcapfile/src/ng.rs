//! pcapng, little endian, one section, time stamps in nanoseconds.
//!
//! Source: draft-ietf-opsawg-pcapng; the section of each block stands at its function.

use crate::limits::OPTION_BYTES_MAX;
use crate::record::{Direction, Record, length_field};
use baleen_types::LinkType;

pub(crate) const SECTION: u32 = 0x0a0d_0d0a;
pub(crate) const INTERFACE: u32 = 1;
pub(crate) const SIMPLE_PACKET: u32 = 3;
pub(crate) const STATISTICS: u32 = 5;
pub(crate) const ENHANCED_PACKET: u32 = 6;
pub(crate) const BYTE_ORDER: u32 = 0x1a2b_3c4d;

const COMMENT: u16 = 1;

/// What the section header says of the whole file; empty texts are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// The machine.
    pub hardware: String,
    /// The operating system.
    pub os: String,
    /// The program that wrote the file.
    pub application: String,
    /// Anything else, one option each.
    pub comments: Vec<String>,
}

/// What an interface block says; empty texts are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// How its packets are read.
    pub link: LinkType,
    /// The most bytes kept of one packet.
    pub snaplen: u32,
    /// Its name.
    pub name: String,
    /// A description.
    pub description: String,
    /// The capture filter as text.
    pub filter: String,
    /// Its Ethernet address.
    pub mac: Option<[u8; 6]>,
    /// Its speed in bits per second.
    pub speed: Option<u64>,
}

impl Interface {
    /// An interface with nothing said beside.
    pub fn new(link: LinkType, snaplen: u32, name: impl Into<String>) -> Self {
        Self {
            link,
            snaplen,
            name: name.into(),
            description: String::new(),
            filter: String::new(),
            mac: None,
            speed: None,
        }
    }
}

/// Counters of one interface since the capture began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Index of the interface.
    pub interface: u32,
    /// Nanoseconds since the epoch when they were read.
    pub stamp_nanos: u64,
    /// When the capture began, in nanoseconds since the epoch.
    pub start_nanos: Option<u64>,
    /// When the capture ended, in nanoseconds since the epoch.
    pub end_nanos: Option<u64>,
    /// Packets that the interface received.
    pub received: Option<u64>,
    /// Packets that the interface lost.
    pub interface_dropped: Option<u64>,
    /// Packets that the filter accepted.
    pub accepted: Option<u64>,
    /// Accepted packets that the operating system lost.
    pub os_dropped: Option<u64>,
    /// Packets that were delivered to the capture.
    pub delivered: Option<u64>,
}

/// Appends the section header (section 4.1).
pub fn put_section(out: &mut Vec<u8>, section: &Section) {
    put_block(out, SECTION, |out| {
        out.extend_from_slice(&BYTE_ORDER.to_le_bytes());
        out.extend_from_slice(&[1, 0, 0, 0]);
        // Length of the section: not known, as for every stream.
        out.extend_from_slice(&u64::MAX.to_le_bytes());
        for comment in &section.comments {
            put_text(out, COMMENT, comment);
        }
        put_text(out, 2, &section.hardware);
        put_text(out, 3, &section.os);
        put_text(out, 4, &section.application);
        end_options(out);
    });
}

/// Appends an interface description (section 4.2).
pub fn put_interface(out: &mut Vec<u8>, interface: &Interface) {
    put_block(out, INTERFACE, |out| {
        out.extend_from_slice(&interface.link.number().to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&interface.snaplen.to_le_bytes());
        put_text(out, 2, &interface.name);
        put_text(out, 3, &interface.description);
        if let Some(mac) = interface.mac {
            put_option(out, 6, &mac);
        }
        if let Some(speed) = interface.speed {
            put_option(out, 8, &speed.to_le_bytes());
        }
        put_option(out, 9, &[9]);
        if !interface.filter.is_empty() {
            // A leading zero says: a string for libpcap.
            let mut value = vec![0];
            value.extend_from_slice(cut(&interface.filter, OPTION_BYTES_MAX - 1).as_bytes());
            put_option(out, 11, &value);
        }
        end_options(out);
    });
}

/// Appends one packet (section 4.3).
#[inline]
pub fn put_packet(out: &mut Vec<u8>, record: &Record<'_>) {
    put_packet_with(out, record, |out| record.put_bytes(out));
}

/// The same around the packet's bytes, which somebody else puts: into `out`, or where they are written from behind what is in it.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the stamp is split into two words")]
pub fn put_packet_with(out: &mut Vec<u8>, record: &Record<'_>, put_bytes: impl FnOnce(&mut Vec<u8>)) {
    let captured = record.captured_length();
    let padding = captured.wrapping_neg() & 3;
    let options = options_bytes(record);
    let total = length_field(32 + captured + padding + options);
    let mut header = [0u8; 28];
    header[..4].copy_from_slice(&ENHANCED_PACKET.to_le_bytes());
    header[4..8].copy_from_slice(&total.to_le_bytes());
    header[8..12].copy_from_slice(&record.interface.to_le_bytes());
    header[12..16].copy_from_slice(&((record.stamp_nanos >> 32) as u32).to_le_bytes());
    header[16..20].copy_from_slice(&(record.stamp_nanos as u32).to_le_bytes());
    header[20..24].copy_from_slice(&length_field(captured).to_le_bytes());
    header[24..].copy_from_slice(&record.original_length.to_le_bytes());
    out.extend_from_slice(&header);
    put_bytes(out);
    match record.direction {
        // What nearly all packets have, in one piece.
        Some(direction) if record.dropped == 0 => {
            // Of one length for all, so that it is copied without a call.
            let mut end = [0u8; 3 + 16];
            end[padding..][..16].copy_from_slice(&direction_and_end(direction, total));
            let behind = out.len() + padding + 16;
            out.extend_from_slice(&end);
            out.truncate(behind);
        }
        direction => {
            out.extend_from_slice(&[0; 3][..padding]);
            if options > 0 {
                if let Some(direction) = direction {
                    put_option(out, 2, &flags(direction).to_le_bytes());
                }
                if record.dropped > 0 {
                    put_option(out, 4, &record.dropped.to_le_bytes());
                }
                end_options(out);
            }
            out.extend_from_slice(&total.to_le_bytes());
        }
    }
}

/// The flags word (section 4.3.1).
const fn flags(direction: Direction) -> u32 {
    match direction {
        Direction::Inbound => 1,
        Direction::Outbound => 2,
    }
}

/// The option of the flags word, the end of options and the length of the block.
#[inline]
fn direction_and_end(direction: Direction, total: u32) -> [u8; 16] {
    let mut end = [0u8; 16];
    end[..2].copy_from_slice(&2u16.to_le_bytes());
    end[2..4].copy_from_slice(&4u16.to_le_bytes());
    end[4..8].copy_from_slice(&flags(direction).to_le_bytes());
    end[12..].copy_from_slice(&total.to_le_bytes());
    end
}

#[inline]
fn options_bytes(record: &Record<'_>) -> usize {
    let flags = if record.direction.is_some() { 8 } else { 0 };
    let dropped = if record.dropped > 0 { 12 } else { 0 };
    if flags + dropped == 0 { 0 } else { flags + dropped + 4 }
}

/// Appends interface statistics (section 4.6).
pub fn put_statistics(out: &mut Vec<u8>, statistics: &Statistics) {
    put_statistics_with_comment(out, statistics, "");
}

/// The same with a comment, if it is not empty.
#[expect(clippy::cast_possible_truncation, reason = "the stamp is split into two words")]
pub fn put_statistics_with_comment(out: &mut Vec<u8>, statistics: &Statistics, comment: &str) {
    let stamp = |nanos: u64| {
        let mut words = [0u8; 8];
        words[..4].copy_from_slice(&((nanos >> 32) as u32).to_le_bytes());
        words[4..].copy_from_slice(&(nanos as u32).to_le_bytes());
        words
    };
    put_block(out, STATISTICS, |out| {
        out.extend_from_slice(&statistics.interface.to_le_bytes());
        out.extend_from_slice(&stamp(statistics.stamp_nanos));
        put_text(out, COMMENT, comment);
        for (code, time) in [(2, statistics.start_nanos), (3, statistics.end_nanos)] {
            if let Some(time) = time {
                put_option(out, code, &stamp(time));
            }
        }
        for (code, count) in [
            (4, statistics.received),
            (5, statistics.interface_dropped),
            (6, statistics.accepted),
            (7, statistics.os_dropped),
            (8, statistics.delivered),
        ] {
            if let Some(count) = count {
                put_option(out, code, &count.to_le_bytes());
            }
        }
        end_options(out);
    });
}

/// The longest block that [`put_statistics`] appends.
pub const STATISTICS_BYTES_MAX: usize = 24 + 7 * 12 + 4;

/// Writes a block around what `body` appends, and its length on both ends.
fn put_block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    body(out);
    let total = length_field(out.len() - start + 4).to_le_bytes();
    out[start + 4..start + 8].copy_from_slice(&total);
    out.extend_from_slice(&total);
}

fn put_text(out: &mut Vec<u8>, code: u16, text: &str) {
    if !text.is_empty() {
        put_option(out, code, cut(text, OPTION_BYTES_MAX).as_bytes());
    }
}

fn put_option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).expect("values are fixed or cut to OPTION_BYTES_MAX");
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(value);
    out.extend_from_slice(&[0; 3][..value.len().wrapping_neg() & 3]);
}

fn end_options(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 4]);
}

/// The longest beginning of `text` within `bytes` that is whole characters.
fn cut(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests;
