//! Packets in a chunk: varints and bytes, one behind the other.
//!
//! | | |
//! | --- | --- |
//! | varint | nanoseconds since the packet before, zigzag; since 0 for the first |
//! | varint | number of the interface in this chunk × 4 + direction (0 not known, 1 in, 2 out) |
//! | if it is a new one | varint link type, varint length and bytes of its name |
//! | varint | length on the wire |
//! | varint, bytes | what is kept |
//!
//! Interfaces are named in each chunk, so that a chunk can be read by itself.

use crate::limits::{CHUNK_INTERFACES_MAX, INTERFACE_NAME_BYTES_MAX};
use baleen_pcapfile::Direction;
use baleen_types::LinkType;
use std::sync::Arc;

/// Bytes that a packet takes besides its own, at most.
pub(crate) const RECORD_OVERHEAD_MAX: usize = 10 + 2 + 3 + 2 + INTERFACE_NAME_BYTES_MAX + 5 + 3;

/// Where packets came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interface {
    /// Its name when they were captured.
    pub name: Arc<str>,
    /// How their first header is read.
    pub link: LinkType,
}

/// Writes the packets of one chunk.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    before: u64,
    /// The recorder's numbers of the chunk's interfaces.
    interfaces: Vec<u32>,
}

/// A packet to be written. `bytes` are cut already.
pub(crate) struct Kept<'a> {
    pub(crate) stamp: u64,
    pub(crate) interface: u32,
    pub(crate) direction: Option<Direction>,
    pub(crate) original_length: u32,
    pub(crate) bytes: &'a [u8],
}

impl Encoder {
    /// Whether the chunk has a place for another packet of that interface.
    pub(crate) fn has_place(&self, interface: u32) -> bool {
        self.interfaces.len() < CHUNK_INTERFACES_MAX || self.interfaces.contains(&interface)
    }

    /// Adds a packet; see [`Encoder::has_place`].
    pub(crate) fn put(&mut self, out: &mut Vec<u8>, packet: &Kept<'_>, of: &Interface) {
        let delta = packet.stamp.wrapping_sub(self.before).cast_signed();
        self.before = packet.stamp;
        put_varint(out, ((delta << 1) ^ (delta >> 63)).cast_unsigned());
        let known = self.interfaces.iter().position(|known| *known == packet.interface);
        let local = known.unwrap_or(self.interfaces.len());
        put_varint(out, (local as u64) << 2 | direction_code(packet.direction));
        if known.is_none() {
            self.interfaces.push(packet.interface);
            put_varint(out, u64::from(of.link.number()));
            put_varint(out, of.name.len() as u64);
            out.extend_from_slice(of.name.as_bytes());
        }
        put_varint(out, u64::from(packet.original_length));
        put_varint(out, packet.bytes.len() as u64);
        out.extend_from_slice(packet.bytes);
    }
}

/// A packet that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read<'a> {
    pub(crate) stamp: u64,
    /// Number of its interface in this chunk.
    pub(crate) local: usize,
    pub(crate) direction: Option<Direction>,
    pub(crate) original_length: u32,
    pub(crate) bytes: &'a [u8],
}

/// Reads all packets of a chunk; `None` when anything about them makes no sense.
pub(crate) fn read_all(mut bytes: &[u8]) -> Option<(Vec<Read<'_>>, Vec<Interface>)> {
    let (mut packets, mut interfaces) = (Vec::new(), Vec::new());
    let mut stamp = 0u64;
    while !bytes.is_empty() {
        let delta = varint(&mut bytes)?;
        stamp = stamp.wrapping_add((delta >> 1) ^ (delta & 1).wrapping_neg());
        let key = varint(&mut bytes)?;
        let local = usize::try_from(key >> 2).ok()?;
        if local == interfaces.len() && local < CHUNK_INTERFACES_MAX {
            interfaces.push(interface(&mut bytes)?);
        } else if local > interfaces.len() {
            return None;
        }
        interfaces.get(local)?;
        let original_length = u32::try_from(varint(&mut bytes)?).ok()?;
        let length = usize::try_from(varint(&mut bytes)?).ok()?;
        let (kept, rest) = bytes.split_at_checked(length)?;
        bytes = rest;
        packets.push(Read {
            stamp,
            local,
            direction: match key & 3 {
                0 => None,
                1 => Some(Direction::Inbound),
                2 => Some(Direction::Outbound),
                _ => return None,
            },
            original_length,
            bytes: kept,
        });
    }
    Some((packets, interfaces))
}

fn interface(bytes: &mut &[u8]) -> Option<Interface> {
    let link = LinkType::new(u16::try_from(varint(bytes)?).ok()?);
    let length = usize::try_from(varint(bytes)?).ok()?;
    let (name, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(Interface {
        name: std::str::from_utf8(name).ok()?.into(),
        link,
    })
}

fn direction_code(direction: Option<Direction>) -> u64 {
    match direction {
        None => 0,
        Some(Direction::Inbound) => 1,
        Some(Direction::Outbound) => 2,
    }
}

/// LEB128.
fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if place == 9 && part > 1 {
            return None;
        }
        value |= part << (place * 7);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIRECTIONS: [Option<Direction>; 3] = [None, Some(Direction::Inbound), Some(Direction::Outbound)];

    proptest! {
        #[test]
        fn packets_come_back(packets in proptest::collection::vec(
            (any::<u64>(), 0..5u32, 0..3usize, any::<u32>(), proptest::collection::vec(any::<u8>(), 0..50)), 0..40)
        ) {
            let names = ["lo", "", "eth0", "ü", "wg0"].map(|name| Interface { name: name.into(), link: LinkType::new(7) });
            let (mut encoder, mut out) = (Encoder::default(), Vec::new());
            for (stamp, interface, direction, original_length, bytes) in &packets {
                let before = out.len();
                prop_assert!(encoder.has_place(*interface));
                let kept = Kept {
                    stamp: *stamp,
                    interface: *interface,
                    direction: DIRECTIONS[*direction],
                    original_length: *original_length,
                    bytes,
                };
                encoder.put(&mut out, &kept, &names[*interface as usize]);
                prop_assert!(out.len() - before <= bytes.len() + RECORD_OVERHEAD_MAX);
            }
            let (read, interfaces) = read_all(&out).unwrap();
            prop_assert_eq!(read.len(), packets.len());
            for (read, (stamp, interface, direction, original_length, bytes)) in read.iter().zip(&packets) {
                prop_assert_eq!(&interfaces[read.local], &names[*interface as usize]);
                let got = (read.stamp, read.direction, read.original_length, read.bytes);
                prop_assert_eq!(got, (*stamp, DIRECTIONS[*direction], *original_length, bytes.as_slice()));
            }
            // Cut anywhere it is read up to there or refused, but for a cut between two packets.
            for end in 0..out.len() {
                if let Some((some, _)) = read_all(&out[..end]) {
                    prop_assert!(some.len() < read.len() && some[..] == read[..some.len()]);
                }
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_all(&bytes);
        }
    }

    #[test]
    fn the_largest_packet_is_within_the_overhead() {
        let of = Interface {
            name: "n".repeat(INTERFACE_NAME_BYTES_MAX).into(),
            link: LinkType::new(u16::MAX),
        };
        let mut encoder = Encoder {
            before: 0,
            interfaces: (0..63).collect(),
        };
        let mut out = Vec::new();
        let kept = Kept {
            stamp: 1 << 63,
            interface: 99,
            direction: Some(Direction::Outbound),
            original_length: u32::MAX,
            bytes: &[0; 2048],
        };
        encoder.put(&mut out, &kept, &of);
        assert!(out.len() - 2048 <= RECORD_OVERHEAD_MAX, "{}", out.len());
        assert!(!encoder.has_place(100) && encoder.has_place(99));
    }
}
