//! Link headers, and what is behind them.

use super::{Mask, NESTING_MAX, part, u16_at};
use crate::link::{ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6, VLAN_TAGS_MAX, is_vlan};
use baleen_types::LinkType;

const ETHERNET_BYTES: usize = 14;
const ARP_BYTES: usize = 28;
/// The beginning of an ARP packet about Ethernet and IPv4 (RFC 826).
const ARP_OF_ETHERNET: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// How many bytes a header has with what is kept behind it; `bytes` is all there is from the header on.
type Kept = usize;

impl Mask {
    pub(super) fn link(&mut self, link: LinkType, bytes: &mut [u8], wire: usize) -> Kept {
        match link {
            LinkType::ETHERNET => self.ethernet(bytes, wire, 0),
            LinkType::LINUX_SLL => {
                if bytes.len() < 16 {
                    return 0;
                }
                self.link_address(usize::from(bytes[5]), &mut bytes[6..14]);
                self.behind(bytes, 14, wire, 0)
            }
            LinkType::LINUX_SLL2 => {
                if bytes.len() < 20 {
                    return 0;
                }
                self.link_address(usize::from(bytes[11]), &mut bytes[12..20]);
                let Some(kind) = u16_at(bytes, 0) else { return 0 };
                self.tagged(bytes, kind, 20, wire, 0)
            }
            LinkType::RAW => self.by_version(bytes, wire, 0),
            _ => 0,
        }
    }

    pub(super) fn ethernet(&mut self, bytes: &mut [u8], wire: usize, depth: u8) -> Kept {
        if bytes.len() < ETHERNET_BYTES || depth > NESTING_MAX {
            bytes.fill(0);
            return 0;
        }
        self.mac(&mut bytes[..6]);
        self.mac(&mut bytes[6..12]);
        self.behind(bytes, 12, wire, depth)
    }

    /// An address of a cooked header: of a tunnel's end it is an IP address.
    fn link_address(&mut self, length: usize, bytes: &mut [u8]) {
        match length {
            6 => {
                self.mac(&mut bytes[..6]);
                self.blank(&mut bytes[6..]);
            }
            4 => {
                self.v4(&mut bytes[..4]);
                self.blank(&mut bytes[4..]);
            }
            _ => self.blank(bytes),
        }
    }

    /// What is behind an EtherType at `at`.
    fn behind(&mut self, bytes: &mut [u8], at: usize, wire: usize, depth: u8) -> Kept {
        match u16_at(bytes, at) {
            Some(kind) => self.tagged(bytes, kind, at + 2, wire, depth),
            None => 0,
        }
    }

    /// What is behind an EtherType, at `at`: tags, then a packet.
    fn tagged(&mut self, bytes: &mut [u8], mut kind: u16, mut at: usize, wire: usize, depth: u8) -> Kept {
        for _ in 0..VLAN_TAGS_MAX {
            if !is_vlan(kind) {
                break;
            }
            let Some(next) = u16_at(bytes, at + 2) else { break };
            kind = next;
            at += 4;
        }
        let kept = self.network(kind, &mut bytes[at..], wire.saturating_sub(at), depth);
        at + kept
    }

    /// What an EtherType names. What is not kept of it is zero, so that a checksum in front of it tells nothing of it.
    pub(super) fn network(&mut self, kind: u16, bytes: &mut [u8], wire: usize, depth: u8) -> Kept {
        let kept = match kind {
            ETHERTYPE_IPV4 => self.ipv4(bytes, wire, depth),
            ETHERTYPE_IPV6 => self.ipv6(bytes, wire, depth),
            ETHERTYPE_ARP => self.arp(bytes),
            _ => 0,
        };
        bytes[kept..].fill(0);
        kept
    }

    /// An IP packet of the version that its first bits say.
    pub(super) fn by_version(&mut self, bytes: &mut [u8], wire: usize, depth: u8) -> Kept {
        let kind = match bytes.first().map(|first| first >> 4) {
            Some(4) => ETHERTYPE_IPV4,
            Some(6) => ETHERTYPE_IPV6,
            // No EtherType at all.
            _ => 0,
        };
        self.network(kind, bytes, wire, depth)
    }

    fn arp(&mut self, bytes: &mut [u8]) -> Kept {
        if bytes.len() < ARP_BYTES || !bytes.starts_with(&ARP_OF_ETHERNET) {
            return 0;
        }
        self.mac(&mut bytes[8..14]);
        self.v4(&mut bytes[14..18]);
        self.mac(&mut bytes[18..24]);
        self.v4(&mut bytes[24..28]);
        // What fills a short frame up may be anything that was in memory.
        part(bytes, ARP_BYTES, usize::MAX).fill(0);
        if self.headers_only { ARP_BYTES } else { bytes.len() }
    }
}
