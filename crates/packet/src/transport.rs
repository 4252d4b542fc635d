//! Transport headers: ports, and where the payload begins.

use crate::network::{PROTOCOL_SCTP, PROTOCOL_TCP, PROTOCOL_UDP};
use crate::reader::Reader;

/// The ports of a TCP segment, UDP datagram or SCTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ports {
    /// Where it was sent from.
    pub source: u16,
    /// Where it is sent to.
    pub destination: u16,
}

/// Reads the ports and finds the payload; `None` for a protocol without ports or a header that breaks off.
pub(crate) fn ports(protocol: u8, mut reader: Reader<'_>) -> Option<(Ports, Reader<'_>)> {
    if !matches!(protocol, PROTOCOL_TCP | PROTOCOL_UDP | PROTOCOL_SCTP) {
        return None;
    }
    let start = reader;
    let ports = Ports {
        source: reader.u16()?,
        destination: reader.u16()?,
    };
    let mut payload = start;
    let header_bytes = match protocol {
        // Source and destination port, sequence, acknowledgement, then the header's length in words (RFC 9293, 3.1).
        PROTOCOL_TCP => reader
            .skip(8)
            .and_then(|()| reader.u8())
            .map_or(20, |offset| usize::from(offset >> 4) * 4),
        PROTOCOL_UDP => 8,
        _ => 12,
    };
    // A payload that was cut off is empty, the ports are known all the same.
    if payload.skip(header_bytes.max(8)).is_none() {
        payload = Reader::new(&[]);
    }
    Some((ports, payload))
}
