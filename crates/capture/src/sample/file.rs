//! The file of a sample: pure.

use super::gather::Gathered;
use crate::agent::Format;
use crate::capture::Counts;
use crate::engine::section;
use crate::limits::SAMPLE_SNAPLEN;
use baleen_lookback::{Found, Interface};
use baleen_pcapfile::classic::Precision;
use baleen_pcapfile::{Record, classic, ng};
use baleen_types::LinkType;
use std::collections::BTreeMap;

/// A file, and what is in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) counts: Counts,
    /// What the form of the file has no room for.
    pub(crate) note: Option<String>,
}

/// What a pcapng file says of itself.
pub(crate) struct Told<'a> {
    pub(crate) filter: &'a str,
    pub(crate) comments: Vec<String>,
}

/// Writes the file.
pub(crate) fn write(gathered: &Gathered, format: Format, told: &Told<'_>) -> File {
    match format {
        Format::Pcap => write_classic(gathered),
        Format::PcapNg => write_ng(gathered, told),
    }
}

/// A pcap file has one link type: that of most packets.
fn write_classic(gathered: &Gathered) -> File {
    let link_of = |packet: &Found| gathered.interfaces[packet.interface].link;
    let mut by_link: BTreeMap<u16, (u64, LinkType)> = BTreeMap::new();
    for link in gathered.packets.iter().map(link_of) {
        by_link.entry(link.number()).or_insert((0, link)).0 += 1;
    }
    // Of as many, the lower number.
    let most = by_link.values().rev().max_by_key(|(packets, _)| *packets);
    let link = most.map_or(LinkType::ETHERNET, |(_, link)| *link);
    let mut file = File::new();
    classic::put_header(&mut file.bytes, link, SAMPLE_SNAPLEN, Precision::Micros);
    for packet in gathered.packets.iter().filter(|packet| link_of(packet) == link) {
        classic::put_packet(&mut file.bytes, &file_record(packet), Precision::Micros);
        file.counts.packets += 1;
        file.counts.bytes += cut(packet).len() as u64;
    }
    let others = gathered.packets.len() as u64 - file.counts.packets;
    file.note = (others > 0).then(|| {
        format!(
            "{others} packets are of other links than {link}, of which a pcap file has one; a pcapng file would hold them too"
        )
    });
    file
}

fn write_ng(gathered: &Gathered, told: &Told<'_>) -> File {
    let mut file = File::new();
    ng::put_section(&mut file.bytes, &section(told.comments.clone()));
    for Interface { name, link } in &gathered.interfaces {
        let interface = ng::Interface {
            filter: told.filter.to_owned(),
            ..ng::Interface::new(*link, SAMPLE_SNAPLEN, name.to_string())
        };
        ng::put_interface(&mut file.bytes, &interface);
    }
    for packet in &gathered.packets {
        ng::put_packet(&mut file.bytes, &file_record(packet));
        file.counts.packets += 1;
        file.counts.bytes += cut(packet).len() as u64;
    }
    file
}

impl File {
    fn new() -> Self {
        Self {
            bytes: Vec::new(),
            counts: Counts::default(),
            note: None,
        }
    }
}

/// The bytes of a packet that are given out (capture contract, A.2: "each is cut to its first 160 bytes").
fn cut(packet: &Found) -> &[u8] {
    &packet.bytes[..packet.bytes.len().min(SAMPLE_SNAPLEN as usize)]
}

fn file_record(packet: &Found) -> Record<'_> {
    let nanos = u64::try_from(packet.stamp.as_nanos()).unwrap_or(0);
    Record {
        interface: u32::try_from(packet.interface).unwrap_or(u32::MAX),
        direction: packet.direction,
        ..Record::new(nanos, packet.original_length, cut(packet))
    }
}

#[cfg(test)]
mod tests;
