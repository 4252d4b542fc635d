//! One packet, from its first byte to the name of what it carries.

use crate::application;
use crate::link::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, network_of};
use crate::network::{self, Network, PROTOCOL_ICMP, PROTOCOL_ICMPV6};
use crate::protocol::Protocol;
use crate::transport::{self, Ports};
use baleen_types::LinkType;

/// What the headers of one packet say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dissection {
    /// The IP header, if there is one.
    pub network: Option<Network>,
    /// The ports, if the protocol has them and they were captured.
    pub ports: Option<Ports>,
    /// The highest protocol that was recognised.
    pub protocol: Protocol,
}

/// Reads the headers of a packet. What breaks off or makes no sense ends the reading, not the program.
///
/// ```
/// use baleen_packet::{Protocol, dissect};
/// use baleen_types::LinkType;
/// assert_eq!(dissect(LinkType::ETHERNET, b"short").protocol, Protocol::Unreadable);
/// ```
pub fn dissect(link: LinkType, bytes: &[u8]) -> Dissection {
    let only = |protocol| Dissection {
        network: None,
        ports: None,
        protocol,
    };
    let Some((kind, reader)) = network_of(link, bytes) else {
        return only(Protocol::Unreadable);
    };
    let read = match kind {
        ETHERTYPE_IPV4 => network::ipv4(reader),
        ETHERTYPE_IPV6 => network::ipv6(reader),
        ETHERTYPE_ARP => return only(Protocol::Arp),
        _ => return only(Protocol::Ether(kind)),
    };
    let Some((network, payload)) = read else {
        return only(Protocol::Unreadable);
    };
    let mut ports = None;
    let protocol = match network.protocol {
        number if network.later_fragment => Protocol::Ip(number),
        PROTOCOL_ICMP => Protocol::Icmp,
        PROTOCOL_ICMPV6 => Protocol::Icmpv6,
        number => match transport::ports(number, payload) {
            None => Protocol::Ip(number),
            Some((found, payload)) => {
                ports = Some(found);
                application::name(number, found, payload.rest())
            }
        },
    };
    Dissection {
        network: Some(network),
        ports,
        protocol,
    }
}

#[cfg(test)]
mod tests;
