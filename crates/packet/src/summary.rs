//! What was caught, in a few lines.

use crate::dissect::{Dissection, dissect};
use crate::protocol::Protocol;
use baleen_types::{LinkType, Timestamp};
use std::collections::HashMap;
use std::net::SocketAddr;

/// Conversations counted one by one; packets of further ones are counted together. With about 150 bytes each, the
/// summary stays under 16 MiB whatever the traffic.
pub const CONVERSATIONS_MAX: usize = 100_000;

/// From so many protocols on, further EtherTypes are counted as unreadable: hostile traffic can invent 65,536 of them. The
/// named ones and the 256 numbers over IP always fit.
const PROTOCOLS_MAX: usize = 256;

/// Counts packets, bytes, protocols and conversations while a capture is written or read.
#[derive(Debug, Default)]
pub struct Summary {
    packets: u64,
    bytes: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    protocols: HashMap<Protocol, Count>,
    conversations: HashMap<Key, Count>,
    uncounted_packets: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    packets: u64,
    bytes: u64,
}

/// Both directions of a five-tuple have one key: the lower end first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    protocol: u8,
    low: SocketAddr,
    high: SocketAddr,
}

/// Both directions of a five-tuple, with what was caught of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// IP protocol number.
    pub protocol: u8,
    /// One end; port 0 when the protocol has none.
    pub low: SocketAddr,
    /// The other end.
    pub high: SocketAddr,
    /// Packets in both directions.
    pub packets: u64,
    /// Original bytes in both directions.
    pub bytes: u64,
}

/// How much of a protocol was caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolCount {
    /// The protocol.
    pub protocol: Protocol,
    /// Its packets.
    pub packets: u64,
    /// Their original bytes.
    pub bytes: u64,
}

impl Summary {
    /// An empty summary.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one packet: its captured bytes, and its length on the wire.
    pub fn add(&mut self, link: LinkType, at: Timestamp, captured: &[u8], original_length: u32) {
        self.packets += 1;
        self.bytes += u64::from(original_length);
        self.first = Some(self.first.map_or(at, |first| first.min(at)));
        self.last = Some(self.last.map_or(at, |last| last.max(at)));
        let dissection = dissect(link, captured);
        let is_counted = self.protocols.len() < PROTOCOLS_MAX
            || !matches!(dissection.protocol, Protocol::Ether(_))
            || self.protocols.contains_key(&dissection.protocol);
        let protocol = if is_counted {
            dissection.protocol
        } else {
            Protocol::Unreadable
        };
        self.protocols.entry(protocol).or_default().add(original_length);
        let Some(key) = Key::of(&dissection) else { return };
        if self.conversations.len() < CONVERSATIONS_MAX || self.conversations.contains_key(&key) {
            self.conversations.entry(key).or_default().add(original_length);
        } else {
            self.uncounted_packets += 1;
        }
    }

    /// Packets seen.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Original bytes seen.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Times of the earliest and the latest packet.
    pub fn span(&self) -> Option<(Timestamp, Timestamp)> {
        self.first.zip(self.last)
    }

    /// Number of conversations counted, at most [`CONVERSATIONS_MAX`].
    pub fn conversations(&self) -> usize {
        self.conversations.len()
    }

    /// Packets of conversations above the bound: when not 0, the number of conversations is a lower bound.
    pub fn uncounted_packets(&self) -> u64 {
        self.uncounted_packets
    }

    /// Protocols by packets, most first.
    pub fn protocols(&self) -> Vec<ProtocolCount> {
        let mut rows: Vec<_> = self
            .protocols
            .iter()
            .map(|(&protocol, count)| ProtocolCount {
                protocol,
                packets: count.packets,
                bytes: count.bytes,
            })
            .collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.packets), row.protocol));
        rows
    }

    /// The largest conversations by bytes, at most `limit`.
    pub fn top_conversations(&self, limit: usize) -> Vec<Conversation> {
        let mut rows: Vec<_> = self
            .conversations
            .iter()
            .map(|(key, count)| Conversation {
                protocol: key.protocol,
                low: key.low,
                high: key.high,
                packets: count.packets,
                bytes: count.bytes,
            })
            .collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.bytes), row.low, row.high, row.protocol));
        rows.truncate(limit);
        rows
    }
}

impl Count {
    fn add(&mut self, original_length: u32) {
        self.packets += 1;
        self.bytes += u64::from(original_length);
    }
}

impl Key {
    fn of(dissection: &Dissection) -> Option<Self> {
        let network = dissection.network?;
        let (from, to) = dissection
            .ports
            .map_or((0, 0), |ports| (ports.source, ports.destination));
        let (a, b) = (
            SocketAddr::new(network.source, from),
            SocketAddr::new(network.destination, to),
        );
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        Some(Self {
            protocol: network.protocol,
            low,
            high,
        })
    }
}

#[cfg(test)]
mod tests;
