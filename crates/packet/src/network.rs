//! IPv4 and IPv6 headers.

use crate::reader::Reader;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) const PROTOCOL_ICMP: u8 = 1;
pub(crate) const PROTOCOL_TCP: u8 = 6;
pub(crate) const PROTOCOL_UDP: u8 = 17;
pub(crate) const PROTOCOL_ICMPV6: u8 = 58;
pub(crate) const PROTOCOL_SCTP: u8 = 132;

/// Extension headers looked through; more of them are an attack on parsers, not traffic.
pub(crate) const EXTENSION_HEADERS_MAX: usize = 8;

/// Headers that may stand between an IPv6 header and what it carries (RFC 8200 section 4, and the IANA registry "IPv6
/// Extension Header Types").
const EXTENSION_HEADERS: [u8; 8] = [0, 43, 44, 51, 60, 135, 139, 140];

/// The network header of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Who sent it.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// The upper-layer protocol, behind extension headers.
    pub protocol: u8,
    /// A fragment behind the first has no transport header.
    pub later_fragment: bool,
    /// IPv6 extension headers stand in front of the upper-layer protocol. How far they are followed, and which of them, is
    /// a matter of the reader: filters may come to another protocol.
    pub has_extensions: bool,
}

/// Reads an IPv4 header (RFC 791).
pub(crate) fn ipv4(mut reader: Reader<'_>) -> Option<(Network, Reader<'_>)> {
    let start = reader;
    let header_bytes = usize::from(reader.u8()? & 0x0F) * 4;
    reader.skip(1)?;
    let total_bytes = usize::from(reader.u16()?);
    reader.skip(2)?;
    let fragment_offset = reader.u16()? & 0x1FFF;
    reader.skip(1)?;
    let protocol = reader.u8()?;
    reader.skip(2)?;
    let source = Ipv4Addr::from(reader.array::<4>()?);
    let destination = Ipv4Addr::from(reader.array::<4>()?);
    if header_bytes < 20 {
        return None;
    }
    let mut payload = start;
    // A super-packet made by offloading may say 0: its length does not fit the field.
    if total_bytes >= header_bytes {
        payload.limit(total_bytes);
    }
    payload.skip(header_bytes)?;
    let later_fragment = fragment_offset > 0;
    let network = Network {
        source: source.into(),
        destination: destination.into(),
        protocol,
        later_fragment,
        has_extensions: false,
    };
    Some((network, payload))
}

/// Reads an IPv6 header and its extension headers (RFC 8200, section 4).
pub(crate) fn ipv6(mut reader: Reader<'_>) -> Option<(Network, Reader<'_>)> {
    const HOP_BY_HOP: u8 = 0;
    const ROUTING: u8 = 43;
    const FRAGMENT: u8 = 44;
    const AUTHENTICATION: u8 = 51;
    const DESTINATION_OPTIONS: u8 = 60;

    reader.skip(4)?;
    let payload_bytes = usize::from(reader.u16()?);
    let mut protocol = reader.u8()?;
    reader.skip(1)?;
    let source = Ipv6Addr::from(reader.array::<16>()?);
    let destination = Ipv6Addr::from(reader.array::<16>()?);
    // 0 is a jumbogram or a super-packet: the length does not fit the field.
    if payload_bytes > 0 {
        reader.limit(payload_bytes);
    }
    let mut later_fragment = false;
    let has_extensions = EXTENSION_HEADERS.contains(&protocol);
    for _ in 0..EXTENSION_HEADERS_MAX {
        let mut ahead = reader;
        let bytes = match protocol {
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                let next = ahead.u8();
                next.zip(ahead.u8())
                    .map(|(next, length)| (next, 8 + usize::from(length) * 8))
            }
            AUTHENTICATION => {
                let next = ahead.u8();
                next.zip(ahead.u8())
                    .map(|(next, length)| (next, 8 + usize::from(length) * 4))
            }
            FRAGMENT => {
                let next = ahead.u8();
                let offset = ahead.skip(1).and_then(|()| ahead.u16());
                later_fragment |= offset.is_some_and(|o| o >> 3 > 0);
                next.map(|next| (next, 8))
            }
            _ => break,
        };
        // A chain that breaks off leaves the addresses readable.
        let Some((next, bytes)) = bytes else { break };
        if reader.skip(bytes).is_none() {
            break;
        }
        protocol = next;
    }
    let network = Network {
        source: source.into(),
        destination: destination.into(),
        protocol,
        later_fragment,
        has_extensions,
    };
    Some((network, reader))
}
