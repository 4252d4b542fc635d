//! What IP carries: TCP, UDP, ICMP, and tunnels.

use super::checksum::{Slot, Sum, Was};
use super::{Mask, NESTING_MAX, part, u16_at};
use crate::application::{PORTS_DNS, is_dns};
use crate::network::{PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP};

pub(super) const PROTOCOL_IGMP: u8 = 2;
const PROTOCOL_IPV4: u8 = 4;
const PROTOCOL_IPV6: u8 = 41;
const PROTOCOL_GRE: u8 = 47;
const PROTOCOL_AUTHENTICATION: u8 = 51;

const TCP_BYTES: usize = 20;
const UDP_BYTES: usize = 8;
const SCTP_BYTES: usize = 12;
const VXLAN_BYTES: usize = 8;
const PORT_VXLAN: u16 = 4789;
/// Flags of VXLAN: its number is there (RFC 7348, 5), and a group of policies.
const VXLAN_HAS_NUMBER: u8 = 0x08;
const VXLAN_GROUPS: u8 = 0x80;

/// What is known of a payload of IP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Upper {
    pub(super) protocol: u8,
    /// Whether all of it is there.
    pub(super) is_whole: bool,
    /// Its bytes on the wire.
    pub(super) wire: usize,
    pub(super) depth: u8,
    /// The sum of the addresses as they were.
    pub(super) before: Sum,
    /// The sum of the addresses as they are now.
    pub(super) after: Sum,
}

impl Upper {
    /// Where the checksum is, and whether it covers a pseudo-header.
    fn checksum(&self, bytes: &[u8]) -> Option<(Slot, bool)> {
        let slot = |at, covers: usize| Slot {
            at,
            covers,
            is_whole: self.is_whole && covers <= bytes.len(),
            is_optional: false,
        };
        match self.protocol {
            PROTOCOL_TCP => Some((slot(16, self.wire), true)),
            PROTOCOL_UDP => {
                let length = usize::from(u16_at(bytes, 4)?);
                let mut slot = slot(6, if length == 0 { self.wire } else { length });
                slot.is_optional = true;
                slot.is_whole &= slot.covers >= UDP_BYTES;
                Some((slot, true))
            }
            PROTOCOL_ICMP | PROTOCOL_IGMP => Some((slot(2, self.wire), false)),
            PROTOCOL_ICMPV6 => Some((slot(2, self.wire), true)),
            PROTOCOL_GRE if bytes.first()? & GRE_CHECKSUM > 0 => Some((slot(4, self.wire), false)),
            _ => None,
        }
    }

    fn pseudo(&self, addresses: Sum, slot: Slot, has_pseudo: bool) -> Sum {
        if has_pseudo {
            let covers = u32::try_from(slot.covers).unwrap_or(u32::MAX);
            addresses.number(self.protocol.into()).number(covers)
        } else {
            Sum::default()
        }
    }
}

/// Bits of the first byte of a GRE header (RFC 2784, RFC 2890); source routes, of RFC 1701, nobody has.
const GRE_CHECKSUM: u8 = 0x80;
const GRE_ROUTING: u8 = 0x40;
const GRE_KEY: u8 = 0x20;
const GRE_SEQUENCE: u8 = 0x10;
const ETHERTYPE_BRIDGED: u16 = 0x6558;

impl Mask {
    /// Changes a payload of IP; what is not kept of it is zero afterwards.
    pub(super) fn transport(&mut self, upper: &Upper, bytes: &mut [u8]) -> usize {
        let checksum = upper.checksum(bytes);
        let was = checksum.map_or(Was::Absent, |(slot, has_pseudo)| {
            slot.look(bytes, upper.pseudo(upper.before, slot, has_pseudo))
        });
        let kept = match upper.protocol {
            PROTOCOL_TCP => self.tcp(bytes),
            PROTOCOL_UDP => self.udp(upper, bytes),
            PROTOCOL_ICMP => self.icmp(upper, bytes),
            PROTOCOL_ICMPV6 => self.icmpv6(upper, bytes),
            PROTOCOL_IGMP => self.igmp(bytes),
            PROTOCOL_IPV4 | PROTOCOL_IPV6 => self.by_version(bytes, upper.wire, upper.depth + 1),
            PROTOCOL_GRE => self.gre(upper, bytes),
            PROTOCOL_AUTHENTICATION => self.authentication(upper, bytes),
            PROTOCOL_SCTP => sctp(bytes),
            _ => 0,
        };
        bytes[kept..].fill(0);
        if let Some((slot, has_pseudo)) = checksum {
            slot.put(bytes, upper.pseudo(upper.after, slot, has_pseudo), was);
        }
        kept
    }

    /// A header that breaks off has ports at most, as in an ICMP message, and no address.
    fn tcp(&mut self, bytes: &mut [u8]) -> usize {
        let Some(words) = bytes.get(12).map(|first| usize::from(first >> 4)) else {
            return bytes.len();
        };
        let header = words * 4;
        if header < TCP_BYTES {
            return TCP_BYTES.min(bytes.len());
        }
        if self.addresses.is_some() {
            Self::tcp_options(part(bytes, TCP_BYTES, header));
        }
        if bytes.len() <= header {
            return bytes.len();
        }
        let is_dns_port = self.has_dns_port(bytes);
        let (_, payload) = bytes.split_at_mut(header);
        // One message and nothing else; of one that goes on in another segment, who knows where it began.
        let is_message =
            is_dns_port && u16_at(payload, 0).is_some_and(|length| payload.len() == 2 + usize::from(length));
        let kept = if is_message && is_dns(&payload[2..]) {
            2 + self.dns(&mut payload[2..])
        } else {
            self.payload(payload)
        };
        header + kept
    }

    fn udp(&mut self, upper: &Upper, bytes: &mut [u8]) -> usize {
        if bytes.len() < UDP_BYTES {
            return bytes.len();
        }
        let all = bytes.len();
        let is_dns_port = self.has_dns_port(bytes);
        let is_vxlan = u16_at(bytes, 2) == Some(PORT_VXLAN);
        let end = match u16_at(bytes, 4) {
            None | Some(0) => all,
            Some(length) => usize::from(length).clamp(UDP_BYTES, all),
        };
        part(bytes, end, all).fill(0);
        let payload = part(bytes, UDP_BYTES, end);
        // Other traffic may come to that port by chance. One bit is of groups, which are blanked.
        let is_vxlan = is_vxlan
            && payload
                .first()
                .is_some_and(|flags| flags & !VXLAN_GROUPS == VXLAN_HAS_NUMBER);
        let kept = if is_vxlan && payload.len() > VXLAN_BYTES && upper.depth < NESTING_MAX {
            // Flags and a number; the rest is reserved (RFC 7348, 5).
            self.blank(&mut payload[1..4]);
            self.blank(&mut payload[7..8]);
            let wire = upper.wire.saturating_sub(UDP_BYTES + VXLAN_BYTES);
            VXLAN_BYTES + self.ethernet(&mut payload[VXLAN_BYTES..], wire, upper.depth + 1)
        } else if is_dns_port && is_dns(payload) {
            self.dns(payload)
        } else {
            self.payload(payload)
        };
        if UDP_BYTES + kept < end || self.headers_only {
            UDP_BYTES + kept
        } else {
            all
        }
    }

    /// Whether a payload is looked at as DNS: when it is to be kept, and its addresses are not.
    fn has_dns_port(&self, bytes: &[u8]) -> bool {
        let is_kept = self.addresses.is_some() && !self.headers_only && !self.zero_payload;
        let has_port = |at| u16_at(bytes, at).is_some_and(|port| PORTS_DNS.contains(&port));
        is_kept && (has_port(0) || has_port(2))
    }

    fn gre(&mut self, upper: &Upper, bytes: &mut [u8]) -> usize {
        let (Some(flags), Some(kind)) = (u16_at(bytes, 0), u16_at(bytes, 2)) else {
            return 0;
        };
        let [bits, version] = flags.to_be_bytes();
        if bits & GRE_ROUTING > 0 || version & 0b111 > 0 {
            return 0;
        }
        let word = |bit| if bits & bit > 0 { 4 } else { 0 };
        let key = 4 + word(GRE_CHECKSUM);
        let header = key + word(GRE_KEY) + word(GRE_SEQUENCE);
        if bytes.len() < header {
            return 0;
        }
        if bits & GRE_CHECKSUM > 0 {
            self.blank(&mut bytes[6..8]);
        }
        // A key may be written as an address is, and then it often is one.
        if bits & GRE_KEY > 0 {
            self.v4(&mut bytes[key..key + 4]);
        }
        let wire = upper.wire.saturating_sub(header);
        let inner = &mut bytes[header..];
        header
            + match kind {
                ETHERTYPE_BRIDGED => self.ethernet(inner, wire, upper.depth + 1),
                kind => self.network(kind, inner, wire, upper.depth + 1),
            }
    }

    /// RFC 4302, 2; the value that proves it proves addresses too, and goes.
    fn authentication(&mut self, upper: &Upper, bytes: &mut [u8]) -> usize {
        const FIXED_BYTES: usize = 12;
        let [protocol, units, ..] = *bytes else { return 0 };
        let header = (usize::from(units) + 2) * 4;
        if header < FIXED_BYTES || bytes.len() < header || upper.depth > NESTING_MAX {
            return 0;
        }
        self.blank(&mut bytes[FIXED_BYTES..header]);
        let behind = Upper {
            protocol,
            wire: upper.wire.saturating_sub(header),
            depth: upper.depth + 1,
            ..*upper
        };
        header + self.transport(&behind, &mut bytes[header..])
    }
}

/// The common header alone: chunks may have addresses, and the checksum covers them.
fn sctp(bytes: &mut [u8]) -> usize {
    part(bytes, 8, SCTP_BYTES).fill(0);
    bytes.len().min(SCTP_BYTES)
}
