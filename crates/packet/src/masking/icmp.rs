//! ICMP and IGMP of IPv4.

use super::transport::Upper;
use super::{Mask, part, u16_at};

/// What every message has, and what nearly every one has.
const FIXED_BYTES: usize = 4;
const HEADER_BYTES: usize = 8;

impl Mask {
    /// RFC 792; the kinds that came later are named.
    pub(super) fn icmp(&mut self, upper: &Upper, bytes: &mut [u8]) -> usize {
        if bytes.len() < HEADER_BYTES {
            return bytes.len().min(FIXED_BYTES);
        }
        match bytes[0] {
            // Errors, with the packet they are about, whole or its beginning; objects behind it (RFC 4884) are in no one's. Of the
            // second word there is the size of a packet that would fit (RFC 1191), or the place of what is wrong.
            kind @ (3 | 4 | 11 | 12) => {
                match (kind, bytes[1]) {
                    (3, 4) => self.blank(&mut bytes[4..6]),
                    (12, _) => self.blank(&mut bytes[5..8]),
                    _ => self.blank(&mut bytes[4..8]),
                }
                self.embedded(upper, bytes)
            }
            // Redirect: a gateway, then such a packet.
            5 => {
                self.v4(&mut bytes[4..8]);
                self.embedded(upper, bytes)
            }
            // Router advertisement (RFC 1256): addresses, each with a preference.
            9 => {
                let (count, words) = (usize::from(bytes[4]), usize::from(bytes[5]));
                let end = HEADER_BYTES + if words == 2 { count * 8 } else { 0 };
                for entry in part(bytes, HEADER_BYTES, end).chunks_mut(8) {
                    self.v4(part(entry, 0, 4));
                }
                self.from(end, bytes)
            }
            0 | 8 | 15 | 16 => self.from(HEADER_BYTES, bytes),
            10 => {
                self.blank(&mut bytes[4..8]);
                self.from(HEADER_BYTES, bytes)
            }
            // Times; the mask of a network (RFC 950).
            13 | 14 => self.from(20, bytes),
            17 | 18 => self.from(12, bytes),
            _ => FIXED_BYTES,
        }
    }

    /// IGMP, all three versions (RFC 3376).
    pub(super) fn igmp(&mut self, bytes: &mut [u8]) -> usize {
        if bytes.len() < HEADER_BYTES {
            return bytes.len().min(FIXED_BYTES);
        }
        match bytes[0] {
            0x11 | 0x12 | 0x16 | 0x17 => {
                self.v4(&mut bytes[4..8]);
                let end = match u16_at(bytes, 10) {
                    Some(sources) if bytes[0] == 0x11 => 12 + usize::from(sources) * 4,
                    _ => HEADER_BYTES,
                };
                self.v4_list(part(bytes, 12, end));
                self.from(end, bytes)
            }
            // Groups, each with addresses of senders, and data that nobody has.
            0x22 => {
                self.blank(&mut bytes[4..6]);
                let mut at = HEADER_BYTES;
                for _ in 0..u16_at(bytes, 6).unwrap_or(0) {
                    let Some(sources) = u16_at(bytes, at + 2) else { break };
                    let (end, data) = (at + 8 + usize::from(sources) * 4, usize::from(bytes[at + 1]) * 4);
                    self.v4_list(part(bytes, at + 4, end));
                    self.blank(part(bytes, end, end + data));
                    at = end + data;
                }
                self.from(at, bytes)
            }
            _ => FIXED_BYTES,
        }
    }

    /// What is behind a header of so many bytes is a payload.
    pub(super) fn from(&self, header: usize, bytes: &mut [u8]) -> usize {
        let header = header.min(bytes.len());
        header + self.payload(&mut bytes[header..])
    }

    /// A packet behind the header of the message about it.
    pub(super) fn embedded(&mut self, upper: &Upper, bytes: &mut [u8]) -> usize {
        let wire = upper.wire.saturating_sub(HEADER_BYTES);
        HEADER_BYTES + self.by_version(&mut bytes[HEADER_BYTES..], wire, upper.depth + 1)
    }
}
