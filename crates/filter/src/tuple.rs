//! Five-tuples: addresses, ports and protocol, in one direction or both.
//!
//! Source of the rules: `filter_v1` of the PCAPs API as the contract settles it. Up to two VLAN tags are looked through;
//! an IPv6 protocol is the one behind the extension headers; later fragments match addresses and protocol, but no ports;
//! ports without a protocol mean TCP, UDP or SCTP.

mod compile;

use crate::error::Error;
use crate::limits::END_ITEMS_MAX;
use crate::program::Program;
use baleen_types::LinkType;
use ipnet::IpNet;
use std::fmt;
use std::ops::RangeInclusive;

/// Protocols with ports, at the same place in their headers: TCP, UDP, DCCP, SCTP, UDP-Lite.
const PROTOCOLS_WITH_PORTS: [u8; 5] = [6, 17, 33, 132, 136];
/// What ports mean without a protocol.
const PORTS_IMPLY: [u8; 3] = [6, 17, 132];

/// One end: any of the address blocks, and any of the port ranges. No entry means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Address blocks, all of one family.
    pub addresses: Vec<IpNet>,
    /// Port ranges.
    pub ports: Vec<RangeInclusive<u16>>,
}

/// What a five-tuple asks for; all that is given has to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FiveTuple {
    /// Where packets come from.
    pub source: End,
    /// Where packets go to.
    pub destination: End,
    /// IP protocol number; for IPv6 the one behind the extension headers.
    pub protocol: Option<u8>,
    /// Whether packets of the other direction match too.
    pub bidirectional: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

impl FiveTuple {
    /// Checks that it can match something and is not too long.
    ///
    /// # Errors
    /// `Invalid` for ports with a protocol that has none, for two address families, for an empty port range and for more
    /// than [`END_ITEMS_MAX`] entries.
    pub fn check(&self) -> Result<(), Error> {
        let ends = [&self.source, &self.destination];
        if ends
            .iter()
            .any(|end| end.addresses.len().max(end.ports.len()) > END_ITEMS_MAX)
        {
            return Err(Error::Tuple(
                "at most 64 address blocks and 64 port ranges are possible at one end",
            ));
        }
        let mut addresses = ends.iter().flat_map(|end| &end.addresses);
        if let Some(first) = addresses.next()
            && addresses.any(|other| family(other) != family(first))
        {
            return Err(Error::Tuple("IPv4 and IPv6 addresses cannot stand in one five-tuple"));
        }
        if ends.iter().flat_map(|end| &end.ports).any(RangeInclusive::is_empty) {
            return Err(Error::Tuple("a port range ends before it begins"));
        }
        match self.protocol {
            Some(protocol) if self.has_ports() && !PROTOCOLS_WITH_PORTS.contains(&protocol) => {
                Err(Error::Tuple("ports are given with a protocol that has no ports"))
            }
            _ => Ok(()),
        }
    }

    /// Compiles it; see [`Filter::compile`](crate::Filter::compile).
    pub fn compile(&self, link: LinkType) -> Result<Program, Error> {
        self.check()?;
        Program::new(link, compile::compile(self, link)?)
    }

    fn has_ports(&self) -> bool {
        !self.source.ports.is_empty() || !self.destination.ports.is_empty()
    }

    fn family(&self) -> Option<Family> {
        self.source
            .addresses
            .first()
            .or(self.destination.addresses.first())
            .map(family)
    }

    /// The protocols that match; empty for any.
    fn protocols(&self) -> Vec<u8> {
        match self.protocol {
            Some(protocol) => vec![protocol],
            None if self.has_ports() => PORTS_IMPLY.to_vec(),
            None => Vec::new(),
        }
    }
}

fn family(block: &IpNet) -> Family {
    match block {
        IpNet::V4(_) => Family::V4,
        IpNet::V6(_) => Family::V6,
    }
}

impl fmt::Display for FiveTuple {
    /// In the words of tcpdump, as a description: a reader sees what was asked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut terms = Vec::new();
        if let Some(protocol) = self.protocol {
            terms.push(match protocol {
                1 => "icmp".to_owned(),
                6 => "tcp".to_owned(),
                17 => "udp".to_owned(),
                58 => "icmp6".to_owned(),
                132 => "sctp".to_owned(),
                other => format!("proto {other}"),
            });
        }
        for (end, side) in [(&self.source, "src"), (&self.destination, "dst")] {
            push_terms(&mut terms, &end.addresses, |block| {
                if block.prefix_len() == block.max_prefix_len() {
                    format!("{side} host {}", block.addr())
                } else {
                    format!("{side} net {block}")
                }
            });
            push_terms(&mut terms, &end.ports, |range| {
                if range.start() == range.end() {
                    format!("{side} port {}", range.start())
                } else {
                    format!("{side} portrange {}-{}", range.start(), range.end())
                }
            });
        }
        if terms.is_empty() {
            return f.write_str("ip or ip6");
        }
        f.write_str(&terms.join(" and "))?;
        if self.bidirectional {
            f.write_str(" (both directions)")?;
        }
        Ok(())
    }
}

fn push_terms<T>(terms: &mut Vec<String>, items: &[T], text: impl Fn(&T) -> String) {
    let words: Vec<String> = items.iter().map(text).collect();
    match words.len() {
        0 => {}
        1 => terms.extend(words),
        _ => terms.push(format!("({})", words.join(" or "))),
    }
}

#[cfg(test)]
mod tests;
