//! Names of protocols.

use std::fmt;

/// A protocol as a summary names it: the highest layer that was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Address resolution.
    Arp,
    /// Name resolution over UDP or TCP.
    Dns,
    /// HTTP/1 requests and answers, recognised by their first line.
    Http,
    /// TLS records, recognised by their header.
    Tls,
    /// QUIC version 1 or 2, recognised by its long header.
    Quic,
    /// Secure Shell, recognised by its banner.
    Ssh,
    /// Address assignment, both families.
    Dhcp,
    /// Time.
    Ntp,
    /// TCP whose payload was not recognised, or without one.
    Tcp,
    /// UDP whose payload was not recognised.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP of IPv4.
    Icmp,
    /// ICMP of IPv6.
    Icmpv6,
    /// Another protocol over IP, by number; also later fragments of any.
    Ip(u8),
    /// Another protocol over the link, by EtherType.
    Ether(u16),
    /// A packet whose headers could not be read.
    Unreadable,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Arp => "ARP",
            Self::Dns => "DNS",
            Self::Http => "HTTP",
            Self::Tls => "TLS",
            Self::Quic => "QUIC",
            Self::Ssh => "SSH",
            Self::Dhcp => "DHCP",
            Self::Ntp => "NTP",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
            Self::Icmp => "ICMP",
            Self::Icmpv6 => "ICMPv6",
            Self::Ip(number) => return write!(f, "IP protocol {number}"),
            Self::Ether(kind) => return write!(f, "EtherType 0x{kind:04x}"),
            Self::Unreadable => "unreadable",
        };
        f.write_str(name)
    }
}
