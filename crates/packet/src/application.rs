//! Application protocols, told by the first bytes of a payload; by the port only where the bytes agree.

use crate::network::{PROTOCOL_SCTP, PROTOCOL_TCP};
use crate::protocol::Protocol;
use crate::reader::Reader;
use crate::transport::Ports;

pub(crate) const PORTS_DNS: &[u16] = &[53, 5353, 5355];
const PORTS_DHCP: &[u16] = &[67, 68, 546, 547];
const PORT_NTP: u16 = 123;

/// Names what travels between two ports.
pub(crate) fn name(protocol: u8, ports: Ports, payload: &[u8]) -> Protocol {
    let either = |wanted: &[u16]| wanted.contains(&ports.source) || wanted.contains(&ports.destination);
    match protocol {
        PROTOCOL_SCTP => Protocol::Sctp,
        PROTOCOL_TCP => {
            if is_http(payload) {
                Protocol::Http
            } else if is_tls(payload) {
                Protocol::Tls
            } else if payload.starts_with(b"SSH-") {
                Protocol::Ssh
            } else if either(PORTS_DNS) && payload.get(2..).is_some_and(is_dns) {
                Protocol::Dns
            } else {
                Protocol::Tcp
            }
        }
        _ => {
            if either(PORTS_DNS) && is_dns(payload) {
                Protocol::Dns
            } else if is_quic(payload) {
                Protocol::Quic
            } else if either(PORTS_DHCP) {
                Protocol::Dhcp
            } else if either(&[PORT_NTP]) && payload.len() >= 48 {
                Protocol::Ntp
            } else {
                Protocol::Udp
            }
        }
    }
}

fn is_http(payload: &[u8]) -> bool {
    const STARTS: &[&[u8]] = &[
        b"GET ",
        b"POST ",
        b"PUT ",
        b"HEAD ",
        b"DELETE ",
        b"OPTIONS ",
        b"PATCH ",
        b"CONNECT ",
        b"TRACE ",
        b"HTTP/1.",
        b"PRI * HTTP/2",
    ];
    STARTS.iter().any(|start| payload.starts_with(start))
}

/// A record of a known type with the version bytes that TLS 1.0 to 1.3 put on the wire (RFC 8446, 5.1).
fn is_tls(payload: &[u8]) -> bool {
    matches!(payload, [20..=23, 3, 0..=4, _, _, ..])
}

/// A header with a plausible number of questions (RFC 1035, 4.1.1); multicast answers ask nothing.
pub(crate) fn is_dns(payload: &[u8]) -> bool {
    let mut reader = Reader::new(payload);
    let header = (|| {
        reader.skip(2)?;
        let flags = reader.u16()?;
        let questions = reader.u16()?;
        reader.skip(6)?;
        Some((flags, questions))
    })();
    header.is_some_and(|(flags, questions)| {
        let operation = flags >> 11 & 0xF;
        operation <= 6 && questions <= 16 && (questions > 0 || flags & 0x8000 != 0)
    })
}

/// A long header of version 1 (RFC 9000) or 2 (RFC 9369).
fn is_quic(payload: &[u8]) -> bool {
    matches!(payload, [first, 0, 0, 0, 1, ..] | [first, 0x6B, 0x33, 0x43, 0xCF, ..] if first & 0xC0 == 0xC0)
}
