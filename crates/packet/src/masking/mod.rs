//! Packets as they may be kept: without payload, or with other addresses.
//!
//! [`Mask::apply`] walks a packet as [`dissect()`](crate::dissect()) does, but further: through tags, tunnels, the packets inside ICMP,
//! and DNS. What it understands it keeps, with addresses changed and checksums made good; **what it does not understand it
//! does not keep**. So nothing of a packet is ever in a file by being odd.
//!
//! * A payload of TCP, UDP and ICMP is set to zero, or cut off when only headers are asked for. A DNS message is kept when
//!   nothing but addresses is to be hidden; of it, the records of addresses and names.
//! * A protocol, a fragment behind the first, a header that breaks off: cut off where it begins.
//! * A checksum that was right is right again, also one that was left to the network card. One that was wrong stays wrong, with a
//!   value that tells nothing of what it was. One that covers bytes which are not there is 0.
//!
//! Left out: addresses written as text in payloads (there are none left), and the reversal of what is done.

mod address;
mod checksum;
mod dns;
mod icmp;
mod icmpv6;
mod link;
mod names;
mod network;
mod options;
mod transport;

pub use address::AddressKey;

use address::Addresses;
use baleen_types::LinkType;

/// Packets inside packets that are looked into; more of them are an attack on parsers, not traffic.
const NESTING_MAX: u8 = 8;

/// What of packets is not kept as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Masking {
    /// Nothing behind the headers is kept.
    pub headers_only: bool,
    /// Payload is kept as zeros.
    pub zero_payload: bool,
    /// IPv4, IPv6 and Ethernet addresses become others, under this key; what could hold one and is not understood is not kept.
    pub addresses: Option<AddressKey>,
}

impl Masking {
    /// Whether anything is asked for.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Makes packets what may be kept of them.
#[derive(Debug)]
pub struct Mask {
    headers_only: bool,
    zero_payload: bool,
    addresses: Option<Addresses>,
}

impl Mask {
    /// A mask by what is asked for.
    pub fn new(masking: &Masking) -> Self {
        Self {
            headers_only: masking.headers_only,
            zero_payload: masking.zero_payload,
            addresses: masking.addresses.as_ref().map(Addresses::new),
        }
    }

    /// Makes `packet`, which had `original_length` bytes on the wire, what may be kept of it. It does not get longer.
    ///
    /// ```
    /// use baleen_packet::masking::{Mask, Masking};
    /// use baleen_types::LinkType;
    /// let mut mask = Mask::new(&Masking { headers_only: true, ..Masking::default() });
    /// let mut packet = b"no packet at all".to_vec();
    /// mask.apply(LinkType::RAW, &mut packet, 16);
    /// assert!(packet.is_empty());
    /// ```
    pub fn apply(&mut self, link: LinkType, packet: &mut Vec<u8>, original_length: u32) {
        let wire = (original_length as usize).max(packet.len());
        let kept = self.link(link, packet, wire);
        packet.truncate(kept);
    }

    /// A payload whose content nobody reads.
    fn payload(&self, bytes: &mut [u8]) -> usize {
        bytes.fill(0);
        if self.headers_only { 0 } else { bytes.len() }
    }

    /// A part of a header that is not understood, where an address may be.
    fn blank(&self, bytes: &mut [u8]) {
        if self.addresses.is_some() {
            bytes.fill(0);
        }
    }

    /// Changes an IPv4 address in place. Fewer than four bytes are none, and are blanked.
    fn v4(&mut self, bytes: &mut [u8]) {
        if let Some(addresses) = &mut self.addresses {
            match <&mut [u8; 4]>::try_from(&mut *bytes) {
                Ok(address) => *address = addresses.v4(*address),
                Err(_) => bytes.fill(0),
            }
        }
    }

    /// Changes an IPv6 address in place.
    fn v6(&mut self, bytes: &mut [u8]) {
        if let Some(addresses) = &mut self.addresses {
            match <&mut [u8; 16]>::try_from(&mut *bytes) {
                Ok(address) => *address = addresses.v6(*address),
                Err(_) => bytes.fill(0),
            }
        }
    }

    /// Changes an Ethernet address in place.
    fn mac(&mut self, bytes: &mut [u8]) {
        if let Some(addresses) = &mut self.addresses {
            match <&mut [u8; 6]>::try_from(&mut *bytes) {
                Ok(address) => *address = addresses.mac(*address),
                Err(_) => bytes.fill(0),
            }
        }
    }

    /// Changes IPv4 addresses that stand behind each other; what is left over is blanked.
    fn v4_list(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(4) {
            self.v4(chunk);
        }
    }

    /// Changes IPv6 addresses that stand behind each other; what is left over is blanked.
    fn v6_list(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(16) {
            self.v6(chunk);
        }
    }
}

/// A big-endian number at `at`, if it is there.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let [high, low] = *bytes.get(at..at + 2)? else {
        return None;
    };
    Some(u16::from_be_bytes([high, low]))
}

/// What is there of a range: both ends cut to the bytes.
fn part(bytes: &mut [u8], from: usize, to: usize) -> &mut [u8] {
    let to = to.min(bytes.len());
    &mut bytes[from.min(to)..to]
}

#[cfg(test)]
mod tests;
