//! The layout of a TPACKET_V3 block, read as bytes.
//!
//! The kernel is trusted to own up to what it wrote, but an offset read from memory never reaches an index unchecked:
//! a walk over any bytes ends, yields only slices inside the block, and does not panic.
//!
//! Source: Linux `include/uapi/linux/if_packet.h` (`tpacket_block_desc`, `tpacket3_hdr`) and
//! `Documentation/networking/packet_mmap.rst`.

use crate::packet::{LinkAddress, Packet};
use crate::sys::prefetch;
use baleen_types::VlanTag;

/// Offset of the word by which kernel and reader hand the block to each other.
pub(crate) const STATUS_OFFSET: usize = 8;
const BLOCK_HEADER_BYTES: usize = 48;
/// `tpacket3_hdr` (48 bytes) and the `sockaddr_ll` behind it (20 bytes).
const PACKET_HEADER_BYTES: usize = 68;

/// How far ahead of a packet the header of another is fetched.
const PACKETS_AHEAD: usize = 3;
const CACHE_LINE_BYTES: usize = 64;
/// Of headers that are closer to each other the processor foresees the next by itself.
const STEP_FORESEEN_MAX: usize = 512;

const STATUS_VLAN_VALID: u32 = 1 << 4;
const STATUS_VLAN_PROTOCOL_VALID: u32 = 1 << 6;
const VLAN_CUSTOMER: u16 = 0x8100;

/// An iterator over the packets of one block.
#[derive(Clone, Debug)]
pub struct BlockWalk<'a> {
    bytes: &'a [u8],
    at: usize,
    left: u32,
    sequence: u64,
}

/// Starts a walk over one block; `None` when even the block's own header does not fit or says nonsense.
pub fn walk_block(bytes: &[u8]) -> Option<BlockWalk<'_>> {
    let header = bytes.first_chunk::<BLOCK_HEADER_BYTES>()?;
    let packets = word(header, 12);
    let first = word(header, 16) as usize;
    // What lies behind `blk_len` is left over from an earlier round of the ring.
    let length = (word(header, 20) as usize).min(bytes.len());
    if packets > 0 && (first < BLOCK_HEADER_BYTES || first > length) {
        return None;
    }
    Some(BlockWalk {
        bytes: &bytes[..length],
        at: first,
        left: packets,
        sequence: u64::from_ne_bytes(*header[24..].first_chunk::<8>()?),
    })
}

impl BlockWalk<'_> {
    /// Packets which the block claims to hold and which were not yielded yet.
    pub fn remaining(&self) -> u32 {
        self.left
    }

    /// The kernel's running number of the block, from 1.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl<'a> Iterator for BlockWalk<'a> {
    type Item = Packet<'a>;

    #[inline]
    fn next(&mut self) -> Option<Packet<'a>> {
        if self.left == 0 {
            return None;
        }
        let Some(packet) = packet_at(self.bytes, self.at) else {
            self.left = 0;
            return None;
        };
        let step = word(self.bytes.get(self.at..)?.first_chunk::<4>()?, 0) as usize;
        self.left -= 1;
        // The processor sees no order in headers that are far from each other, and none of them is near: another processor has
        // written it. Packets are mostly as long as the one before.
        if step >= STEP_FORESEEN_MAX {
            let ahead = self.at.saturating_add(step.saturating_mul(PACKETS_AHEAD));
            prefetch(self.bytes, ahead);
            prefetch(self.bytes, ahead.saturating_add(CACHE_LINE_BYTES));
        }
        // A step of less than a header would run in place; the last packet has step 0.
        if step < PACKET_HEADER_BYTES {
            self.left = 0;
        }
        self.at = self.at.saturating_add(step);
        Some(packet)
    }
}

#[inline]
fn packet_at(block: &[u8], at: usize) -> Option<Packet<'_>> {
    let frame = block.get(at..)?;
    let header = frame.first_chunk::<PACKET_HEADER_BYTES>()?;
    let captured_length = word(header, 12) as usize;
    let status = word(header, 20);
    let bytes = frame.get(usize::from(half(header, 24))..)?.get(..captured_length)?;
    let vlan = (status & STATUS_VLAN_VALID != 0).then(|| VlanTag {
        protocol: if status & STATUS_VLAN_PROTOCOL_VALID != 0 {
            half(header, 36)
        } else {
            VLAN_CUSTOMER
        },
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the kernel keeps a 16-bit field in a 32-bit word"
        )]
        control: word(header, 32) as u16,
    });
    Some(Packet {
        seconds: word(header, 4),
        nanoseconds: word(header, 8),
        original_length: word(header, 16),
        bytes,
        vlan,
        link: LinkAddress {
            protocol: u16::from_be_bytes([header[50], header[51]]),
            interface: word(header, 52),
            hardware: half(header, 56),
            packet_type: header[58],
            address_length: header[59],
            address: [
                header[60], header[61], header[62], header[63], header[64], header[65], header[66], header[67],
            ],
        },
    })
}

#[inline]
fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[inline]
fn half<const N: usize>(bytes: &[u8; N], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

#[cfg(test)]
mod tests;
