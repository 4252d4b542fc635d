//! ICMPv6: errors, neighbours, routers, groups.

use super::transport::Upper;
use super::{Mask, part, u16_at};

const FIXED_BYTES: usize = 4;
const HEADER_BYTES: usize = 8;
/// A header with one address behind it.
const ONE_ADDRESS: usize = 24;
/// A header with two.
const TWO_ADDRESSES: usize = 40;

impl Mask {
    /// RFC 4443, 4861, 2710 and 3810.
    pub(super) fn icmpv6(&mut self, upper: &Upper, bytes: &mut [u8]) -> usize {
        if bytes.len() < HEADER_BYTES {
            return bytes.len().min(FIXED_BYTES);
        }
        // Words in which nothing stands; elsewhere there is a size, a place, a number, or flags.
        match bytes[0] {
            1 | 3 | 133 | 135 | 137 => self.blank(&mut bytes[4..8]),
            130..=132 => self.blank(&mut bytes[6..8]),
            136 => self.blank(&mut bytes[5..8]),
            143 => self.blank(&mut bytes[4..6]),
            _ => {}
        }
        match bytes[0] {
            1..=4 => self.embedded(upper, bytes),
            128 | 129 => self.from(HEADER_BYTES, bytes),
            // Queries for groups; the newer ones have addresses of senders.
            130 => {
                self.v6(part(bytes, 8, ONE_ADDRESS));
                let end = u16_at(bytes, 26).map_or(ONE_ADDRESS, |sources| 28 + usize::from(sources) * 16);
                self.v6_list(part(bytes, 28, end));
                self.from(end, bytes)
            }
            131 | 132 => {
                self.v6(part(bytes, 8, ONE_ADDRESS));
                self.from(ONE_ADDRESS, bytes)
            }
            133 => self.neighbour_options(HEADER_BYTES, upper, bytes),
            134 => self.neighbour_options(16, upper, bytes),
            135 | 136 => {
                self.v6(part(bytes, 8, ONE_ADDRESS));
                self.neighbour_options(ONE_ADDRESS, upper, bytes)
            }
            137 => {
                self.v6_list(part(bytes, 8, TWO_ADDRESSES));
                self.neighbour_options(TWO_ADDRESSES, upper, bytes)
            }
            // Groups, each with addresses of senders, and data that nobody has.
            143 => {
                let mut at = HEADER_BYTES;
                for _ in 0..u16_at(bytes, 6).unwrap_or(0) {
                    let Some(sources) = u16_at(bytes, at + 2) else { break };
                    let (end, data) = (at + 20 + usize::from(sources) * 16, usize::from(bytes[at + 1]) * 4);
                    self.v6_list(part(bytes, at + 4, end));
                    self.blank(part(bytes, end, end + data));
                    at = end + data;
                }
                self.from(at, bytes)
            }
            _ => FIXED_BYTES,
        }
    }

    /// Options behind a message of neighbour discovery (RFC 4861, 4.6; RFC 8106, 5.1; RFC 4191, 2.3).
    fn neighbour_options(&mut self, mut at: usize, upper: &Upper, bytes: &mut [u8]) -> usize {
        while let Some([kind, units, ..]) = bytes.get(at..) {
            let (kind, size) = (*kind, usize::from(*units) * 8);
            if size == 0 || bytes.len() < at + size {
                break;
            }
            let option = part(bytes, at, at + size);
            match (kind, size) {
                (1 | 2, 8) => self.mac(&mut option[2..8]),
                (3, 32) => {
                    self.blank(&mut option[12..16]);
                    self.v6(&mut option[16..32]);
                }
                (4, 9..) => {
                    self.blank(&mut option[2..8]);
                    let wire = size - 8;
                    // What is not kept of it is zero, and the option keeps its size.
                    self.by_version(&mut option[8..], wire, upper.depth + 1);
                }
                (5, 8) => self.blank(&mut option[2..4]),
                (24, 24) => self.v6(&mut option[8..24]),
                (25, 24..) => {
                    self.blank(&mut option[2..4]);
                    self.v6_list(&mut option[8..]);
                }
                _ => self.blank(&mut option[2..]),
            }
            at += size;
        }
        self.from(at, bytes)
    }
}
