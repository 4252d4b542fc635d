//! What the index knows of a packet: the keys by which it is found.
//!
//! The rule that all of it serves: **a packet that a five-tuple matches is never missed.** The index reads headers with
//! `packet`, the filter with its own program, and where the two could come to different ends the packet gets a key that
//! says so: [`Key::Unsure`] where protocol and ports may be others than was read, [`Key::Unreadable`] where nothing is
//! known. Such keys let a chunk pass whatever the hint asks.

use crate::hash::{HashKey, hash};
use baleen_packet::{Network, Ports, Protocol, dissect};
use baleen_types::LinkType;
use std::net::IpAddr;

/// TCP, UDP and SCTP: what `packet` reads ports of.
const PORTS_READ: [u8; 3] = [6, 17, 132];
/// DCCP and UDP-Lite: what only the filter reads ports of.
const PORTS_NOT_READ: [u8; 2] = [33, 136];

/// A property by which chunks are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    /// There is a packet of which nothing is known.
    Unreadable,
    /// There is a packet of which only the addresses are known.
    Unsure,
    Protocol(u8),
    /// Of either end.
    Port(u16),
    /// Of either end.
    Address(IpAddr),
    /// Both directions of a conversation have the same.
    Conversation(u8, (IpAddr, u16), (IpAddr, u16)),
}

impl Key {
    /// The conversation between two ends, whichever of them sent.
    pub(crate) fn conversation(protocol: u8, one: (IpAddr, u16), other: (IpAddr, u16)) -> Self {
        Self::Conversation(protocol, one.min(other), one.max(other))
    }

    pub(crate) fn hash(&self, key: &HashKey) -> u64 {
        let mut bytes = Bytes::default();
        match self {
            Self::Unreadable => bytes.put(&[0]),
            Self::Unsure => bytes.put(&[1]),
            Self::Protocol(number) => bytes.put(&[2, *number]),
            Self::Port(port) => {
                bytes.put(&[3]);
                bytes.put(&port.to_be_bytes());
            }
            Self::Address(address) => {
                bytes.put(&[4]);
                bytes.put_address(*address);
            }
            Self::Conversation(protocol, one, other) => {
                bytes.put(&[5, *protocol]);
                for (address, port) in [one, other] {
                    bytes.put_address(*address);
                    bytes.put(&port.to_be_bytes());
                }
            }
        }
        hash(key, bytes.as_slice())
    }
}

/// At most a conversation of IPv6, without an allocation.
struct Bytes {
    bytes: [u8; 48],
    length: usize,
}

impl Default for Bytes {
    fn default() -> Self {
        Self {
            bytes: [0; 48],
            length: 0,
        }
    }
}

impl Bytes {
    fn put(&mut self, more: &[u8]) {
        self.bytes[self.length..self.length + more.len()].copy_from_slice(more);
        self.length += more.len();
    }

    fn put_address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => {
                self.put(&[4]);
                self.put(&address.octets());
            }
            IpAddr::V6(address) => {
                self.put(&[6]);
                self.put(&address.octets());
            }
        }
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// What one packet is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    /// Which conversation it belongs to: what the cut-off counts by, and what shortens the work for the index, since packets
    /// of one identity have the same keys.
    pub(crate) flow: u64,
    known: Known,
}

#[derive(Clone, Copy, Debug)]
enum Known {
    Nothing,
    NotIp,
    Ip {
        network: Network,
        ports: Option<Ports>,
        is_unsure: bool,
    },
}

impl Identity {
    pub(crate) fn of(link: LinkType, frame: &[u8], key: &HashKey) -> Self {
        let read = dissect(link, frame);
        let Some(network) = read.network else {
            // Addresses and type of the link: a storm of ARP or of a routing protocol is a conversation too.
            let head = &frame[..frame.len().min(14)];
            return Self {
                flow: hash(key, head),
                known: match read.protocol {
                    Protocol::Arp | Protocol::Ether(_) => Known::NotIp,
                    _ => Known::Nothing,
                },
            };
        };
        let number = network.protocol;
        let are_ports_lost = read.ports.is_none() && PORTS_READ.contains(&number) && !network.later_fragment;
        let is_unsure = network.has_extensions || are_ports_lost || PORTS_NOT_READ.contains(&number);
        let (source, destination) = read.ports.map_or((0, 0), |ports| (ports.source, ports.destination));
        let conversation = Key::conversation(number, (network.source, source), (network.destination, destination));
        Self {
            flow: conversation.hash(key),
            known: Known::Ip {
                network,
                ports: read.ports,
                is_unsure,
            },
        }
    }

    /// Whether [`Identity::each`] gives the same for every packet of this flow.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.known, Known::Ip { is_unsure: false, .. })
    }

    /// Gives the hash of each key.
    pub(crate) fn each(&self, key: &HashKey, mut take: impl FnMut(u64)) {
        let (network, ports, is_unsure) = match self.known {
            Known::Nothing => return take(Key::Unreadable.hash(key)),
            Known::NotIp => return,
            Known::Ip {
                network,
                ports,
                is_unsure,
            } => (network, ports, is_unsure),
        };
        take(self.flow);
        take(Key::Address(network.source).hash(key));
        take(Key::Address(network.destination).hash(key));
        if is_unsure {
            take(Key::Unsure.hash(key));
        }
        take(Key::Protocol(network.protocol).hash(key));
        if let Some(ports) = ports {
            take(Key::Port(ports.source).hash(key));
            take(Key::Port(ports.destination).hash(key));
        }
    }
}
