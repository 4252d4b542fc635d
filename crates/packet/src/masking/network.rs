//! IPv4 and IPv6.

use super::checksum::{Slot, Sum};
use super::options::home_address;
use super::transport::Upper;
use super::{Mask, NESTING_MAX, part, u16_at};
use crate::network::EXTENSION_HEADERS_MAX;

const IPV4_BYTES: usize = 20;
const IPV6_BYTES: usize = 40;
/// Where a fragment begins, in units of eight bytes, and whether more follow it.
const IPV4_OFFSET: u16 = 0x1FFF;
const IPV4_MORE: u16 = 0x2000;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;

/// Extension headers of an IPv6 packet, as far as they could be read.
#[derive(Debug)]
struct Chain {
    /// Bytes of them.
    bytes: usize,
    /// What is behind them; `None` when nothing behind them can be read.
    protocol: Option<u8>,
    is_fragment: bool,
    /// Where the address is to which the packet goes in the end, if that is not the header's.
    last_stop: Option<usize>,
    /// Where the address is from which the packet comes in truth: that of a sender who is not at home.
    home: Option<usize>,
}

impl Mask {
    pub(super) fn ipv4(&mut self, bytes: &mut [u8], wire: usize, depth: u8) -> usize {
        let header = usize::from(bytes.first().copied().unwrap_or(0) & 0x0F) * 4;
        let (Some(total), Some(fragment)) = (u16_at(bytes, 2), u16_at(bytes, 6)) else {
            return 0;
        };
        // The length of a super-packet does not fit the field; 0 is written then.
        let total = if total == 0 { wire } else { usize::from(total) };
        let is_ipv4 = bytes[0] >> 4 == 4 && header >= IPV4_BYTES && total >= header;
        if !is_ipv4 || bytes.len() < header || depth > NESTING_MAX {
            return 0;
        }
        let there = total.min(bytes.len());
        let checksum = Slot {
            at: 10,
            covers: header,
            is_whole: true,
            is_optional: false,
        };
        let was = checksum.look(bytes, Sum::default());
        let (head, rest) = bytes.split_at_mut(header);
        let (payload, padding) = rest.split_at_mut(there - header);
        let before = Sum::default().add(&head[12..20]);
        self.v4(&mut head[12..16]);
        self.v4(&mut head[16..20]);
        if self.addresses.is_some() {
            self.ipv4_options(&mut head[IPV4_BYTES..]);
        }
        let upper = Upper {
            protocol: head[9],
            is_whole: there == total && fragment & (IPV4_OFFSET | IPV4_MORE) == 0,
            wire: total - header,
            depth,
            before,
            after: Sum::default().add(&head[12..20]),
        };
        let kept = if fragment & IPV4_OFFSET > 0 {
            0
        } else {
            self.transport(&upper, payload)
        };
        checksum.put(head, Sum::default(), was);
        self.with_padding(header + kept, there, padding)
    }

    pub(super) fn ipv6(&mut self, bytes: &mut [u8], wire: usize, depth: u8) -> usize {
        let Some(length) = u16_at(bytes, 4) else { return 0 };
        if bytes.len() < IPV6_BYTES || bytes[0] >> 4 != 6 || depth > NESTING_MAX {
            return 0;
        }
        // As above; and so does that of a jumbogram not.
        let length = if length == 0 {
            wire.saturating_sub(IPV6_BYTES)
        } else {
            usize::from(length)
        };
        let (head, rest) = bytes.split_at_mut(IPV6_BYTES);
        let there = length.min(rest.len());
        let (payload, padding) = rest.split_at_mut(there);
        let chain = chain(head[6], payload);
        let before = sum(head, payload, &chain);
        self.v6(&mut head[8..24]);
        self.v6(&mut head[24..40]);
        if self.addresses.is_some() {
            self.extensions(head[6], &mut payload[..chain.bytes]);
        }
        let after = sum(head, payload, &chain);
        let kept = match chain.protocol {
            None => 0,
            Some(protocol) => {
                let upper = Upper {
                    protocol,
                    is_whole: there == length && !chain.is_fragment,
                    wire: length.saturating_sub(chain.bytes),
                    depth,
                    before,
                    after,
                };
                self.transport(&upper, &mut payload[chain.bytes..])
            }
        };
        self.with_padding(IPV6_BYTES + chain.bytes + kept, IPV6_BYTES + there, padding)
    }

    /// What is kept with what stands behind a packet: in a short frame, whatever was in memory.
    fn with_padding(&self, kept: usize, packet: usize, padding: &mut [u8]) -> usize {
        padding.fill(0);
        if kept < packet || self.headers_only {
            kept
        } else {
            packet + padding.len()
        }
    }

    /// Changes what extension headers hold; `bytes` are whole headers, the first of them of this kind.
    fn extensions(&mut self, mut kind: u8, bytes: &mut [u8]) {
        let mut at = 0;
        while let Some([next, units, ..]) = bytes.get(at..) {
            let (next, size) = (*next, size(kind, *units));
            let header = part(bytes, at, at + size);
            match kind {
                ROUTING => self.routing(header),
                HOP_BY_HOP | DESTINATION_OPTIONS => self.ipv6_options(part(header, 2, size)),
                _ => {}
            }
            kind = next;
            at += size;
        }
    }

    /// RFC 8200, 4.4 (type 0, without use today), RFC 6275, 6.4 (type 2), RFC 8754 (type 4).
    fn routing(&mut self, header: &mut [u8]) {
        let size = header.len();
        let end = match header.get(2..5) {
            Some([0 | 2, ..]) => {
                part(header, 4, 8).fill(0);
                size
            }
            // A tag is whatever its network wants it to be.
            Some([4, _, last]) => {
                let end = 8 + (usize::from(*last) + 1) * 16;
                part(header, 6, 8).fill(0);
                end
            }
            _ => {
                part(header, 4, size).fill(0);
                return;
            }
        };
        self.v6_list(part(header, 8, end));
        part(header, end, size).fill(0);
    }
}

fn size(kind: u8, units: u8) -> usize {
    if kind == FRAGMENT {
        8
    } else {
        8 + usize::from(units) * 8
    }
}

/// Reads extension headers; one that breaks off is none, and nothing is behind it.
fn chain(mut kind: u8, bytes: &[u8]) -> Chain {
    let mut chain = Chain {
        bytes: 0,
        protocol: None,
        is_fragment: false,
        last_stop: None,
        home: None,
    };
    for _ in 0..=EXTENSION_HEADERS_MAX {
        if !matches!(kind, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS) {
            chain.protocol = Some(kind);
            break;
        }
        let at = chain.bytes;
        let Some(header) = bytes.get(at..at + 8) else { break };
        let size = size(kind, header[1]);
        if bytes.len() < at + size {
            break;
        }
        let mut is_later = false;
        match (kind, header) {
            (FRAGMENT, _) => {
                let place = u16::from_be_bytes([header[2], header[3]]);
                is_later = place >> 3 > 0;
                chain.is_fragment |= place & !0b110 > 0;
            }
            (DESTINATION_OPTIONS, _) => {
                let option = home_address(&bytes[at + 2..at + size]);
                chain.home = chain.home.or(option.map(|option| at + 2 + option));
            }
            (ROUTING, [_, _, 0 | 2, left, ..]) if *left > 0 && size >= 24 => chain.last_stop = Some(at + size - 16),
            (ROUTING, [_, _, 4, left, ..]) if *left > 0 && size >= 24 => chain.last_stop = Some(at + 8),
            _ => {}
        }
        chain.bytes += size;
        if is_later {
            break;
        }
        kind = header[0];
    }
    chain
}

/// The sum of the addresses in a pseudo-header: the destination is the last one (RFC 8200, 8.1), and the source is the home address
/// (RFC 6275, 11.3.1).
fn sum(head: &[u8], payload: &[u8], chain: &Chain) -> Sum {
    let address = |elsewhere: Option<usize>, at: usize| match elsewhere {
        Some(at) => &payload[at..at + 16],
        None => &head[at..at + 16],
    };
    Sum::default()
        .add(address(chain.home, 8))
        .add(address(chain.last_stop, 24))
}
