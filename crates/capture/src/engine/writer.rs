//! The one place through which all packets of a capture go: limits, encoding, parts.

use super::limits::BUFFER_SLACK;
use super::outcome::EndReason;
use super::parts::{Part, part_target};
use super::pool::Pool;
use super::progress::Counters;
use super::request::{Format, Limits, Settings};
use super::source::Description;
use baleen_pcapfile::classic::Precision;
use baleen_pcapfile::ng::{self, Statistics};
use baleen_pcapfile::{Direction, Record, classic};
use baleen_ring::{Packet, PacketType};
use baleen_types::LinkType;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All of it was looked at.
    All,
    /// There is no buffer; the rest is still in the iterator.
    NoBuffer,
    /// The capture is over.
    Ended(EndReason),
}

/// One interface's part of the state.
#[derive(Debug)]
struct Lane {
    link: LinkType,
    written: u64,
}

/// Says which packets of a batch are taken, and what to note.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BatchNote {
    /// Index of the interface.
    pub(crate) lane: usize,
    /// Packets lost before the first one of the batch.
    pub(crate) dropped: u64,
    /// Packets stamped at or after this are not taken.
    pub(crate) cutoff_nanos: Option<u64>,
}

pub(crate) struct Writer {
    format: Format,
    snaplen: u32,
    limits: Limits,
    part_bytes: usize,
    parts_max: Option<u32>,
    lanes: Vec<Lane>,
    pool: Pool,
    /// `None` only while no buffer was free, or after the end.
    buffer: Option<Vec<u8>>,
    number: u32,
    target: usize,
    packets: u64,
    bytes: u64,
    sent_bytes: u64,
    /// `None` after the end, which tells the receiver that no other comes.
    parts: Option<mpsc::Sender<Part>>,
    counters: Arc<Counters>,
}

impl Writer {
    /// Starts a file. `parts` needs room for one part more than the pool has buffers, so that sending never waits.
    pub(crate) fn new(
        settings: &Settings,
        head: &FileHead<'_>,
        limits: Limits,
        parts: mpsc::Sender<Part>,
        counters: Arc<Counters>,
    ) -> Self {
        let mut this = Self {
            format: head.format,
            snaplen: head.snaplen,
            limits,
            part_bytes: settings.part_bytes,
            parts_max: settings.parts_max,
            lanes: head
                .interfaces
                .iter()
                .map(|i| Lane {
                    link: i.link,
                    written: 0,
                })
                .collect(),
            pool: Pool::new(settings.buffers),
            buffer: None,
            number: 0,
            target: 0,
            packets: 0,
            bytes: 0,
            sent_bytes: 0,
            parts: Some(parts),
            counters,
        };
        let mut buffer = this.fresh_buffer().unwrap_or_default();
        head.put(&mut buffer);
        this.buffer = Some(buffer);
        this
    }

    pub(crate) fn pool(&self) -> Pool {
        self.pool.clone()
    }

    fn fresh_buffer(&mut self) -> Option<Vec<u8>> {
        let target = part_target(self.part_bytes, self.number + 1, self.parts_max.is_some());
        let buffer = self.pool.take(target + BUFFER_SLACK)?;
        self.number += 1;
        self.target = target;
        Some(buffer)
    }

    /// Takes packets until the batch or the capture ends, or there is no buffer.
    pub(crate) fn take<'p>(&mut self, packets: &mut impl Iterator<Item = Packet<'p>>, note: &mut BatchNote) -> Taken {
        let taken = self.take_some(packets, note);
        self.publish();
        taken
    }

    fn take_some<'p>(&mut self, packets: &mut impl Iterator<Item = Packet<'p>>, note: &mut BatchNote) -> Taken {
        loop {
            // Checked before a packet is looked for, so that a capture ends with its last packet and not with the next.
            if self.limits.packets.is_some_and(|limit| self.packets >= limit) {
                return Taken::Ended(EndReason::PacketLimit);
            }
            if self.limits.bytes.is_some_and(|limit| self.bytes >= limit) {
                return Taken::Ended(EndReason::ByteLimit);
            }
            if let Err(taken) = self.make_room() {
                return taken;
            }
            let Some(packet) = packets.next() else {
                return Taken::All;
            };
            if note.cutoff_nanos.is_some_and(|cutoff| packet.stamp_nanos() >= cutoff) {
                continue;
            }
            if let Some(reason) = self.put(&packet, note) {
                return Taken::Ended(reason);
            }
        }
    }

    #[inline]
    fn put(&mut self, packet: &Packet<'_>, note: &mut BatchNote) -> Option<EndReason> {
        let lane = self.lanes.get_mut(note.lane)?;
        let pieces = packet.pieces(lane.link, self.snaplen);
        let captured = pieces.captured_length() as u64;
        let bytes = self.bytes + captured;
        if self.limits.bytes.is_some_and(|limit| bytes > limit) {
            return Some(EndReason::ByteLimit);
        }
        let record = Record {
            interface: u32::try_from(note.lane).unwrap_or(u32::MAX),
            stamp_nanos: packet.stamp_nanos(),
            original_length: pieces.original_length,
            pieces: [pieces.head, pieces.inserted(), pieces.tail],
            direction: Some(match packet.packet_type() {
                PacketType::Outgoing => Direction::Outbound,
                _ => Direction::Inbound,
            }),
            dropped: std::mem::take(&mut note.dropped),
        };
        let buffer = self.buffer.as_mut()?;
        match self.format {
            Format::Pcap => classic::put_packet(buffer, &record, Precision::Micros),
            Format::PcapNg => ng::put_packet(buffer, &record),
        }
        lane.written += 1;
        self.packets += 1;
        self.bytes = bytes;
        None
    }

    /// Makes sure that a record can be put; hands a full part over.
    #[inline]
    fn make_room(&mut self) -> Result<(), Taken> {
        match &self.buffer {
            Some(buffer) if buffer.len() < self.target => Ok(()),
            _ => self.next_part(),
        }
    }

    fn next_part(&mut self) -> Result<(), Taken> {
        if self.buffer.is_some() && self.parts_max.is_some_and(|limit| self.number >= limit) {
            return Err(Taken::Ended(EndReason::FileFull));
        }
        if self.parts.as_ref().is_none_or(mpsc::Sender::is_closed) {
            return Err(Taken::Ended(EndReason::Abandoned));
        }
        if let Some(full) = self.buffer.take() {
            self.send(full, false).map_err(Taken::Ended)?;
        }
        match self.fresh_buffer() {
            Some(buffer) => {
                self.buffer = Some(buffer);
                Ok(())
            }
            None => Err(Taken::NoBuffer),
        }
    }

    fn send(&mut self, buffer: Vec<u8>, is_last: bool) -> Result<(), EndReason> {
        self.sent_bytes += buffer.len() as u64;
        let part = Part {
            number: self.number,
            bytes: self.pool.freeze(buffer),
            packets_until: self.packets,
            bytes_until: self.bytes,
            dropped_until: self.counters.dropped.load(Ordering::Relaxed),
            is_last,
        };
        // The channel holds as many parts as there are buffers and the last one, so that it is never full.
        match &self.parts {
            Some(parts) => parts.try_send(part).map_err(|_| EndReason::Abandoned),
            None => Err(EndReason::Abandoned),
        }
    }

    /// Hands over what is there, for a reader who watches.
    pub(crate) fn flush(&mut self) {
        if self.buffer.as_ref().is_some_and(|buffer| !buffer.is_empty()) {
            // Without a free buffer, or at the end, the next packet finds out.
            let _ = self.next_part();
        }
    }

    /// Puts statistics, where the format has them and there is a buffer.
    pub(crate) fn put_statistics(&mut self, lane: usize, mut statistics: Statistics) {
        if self.format != Format::PcapNg || self.make_room().is_err() {
            return;
        }
        statistics.interface = u32::try_from(lane).unwrap_or(u32::MAX);
        statistics.delivered = Some(self.written(lane));
        if let Some(buffer) = &mut self.buffer {
            ng::put_statistics(buffer, &statistics);
        }
    }

    /// Packets of one interface in the file.
    pub(crate) fn written(&self, lane: usize) -> u64 {
        self.lanes.get(lane).map_or(0, |lane| lane.written)
    }

    fn file_bytes(&self) -> u64 {
        self.sent_bytes + self.buffer.as_ref().map_or(0, |buffer| buffer.len() as u64)
    }

    fn publish(&self) {
        self.counters.packets.store(self.packets, Ordering::Relaxed);
        self.counters.bytes.store(self.bytes, Ordering::Relaxed);
        self.counters.file_bytes.store(self.file_bytes(), Ordering::Relaxed);
    }

    /// Ends the file with these statistics and hands the last part over, if anything is left for one.
    pub(crate) fn finish(&mut self, statistics: &[Statistics]) -> FileEnd {
        // Statistics alone are small enough to stand beside the pool; waiting for one of its buffers might never end.
        let mut buffer = self.buffer.take().unwrap_or_else(|| {
            self.number += 1;
            Vec::new()
        });
        if self.format == Format::PcapNg {
            for entry in statistics {
                ng::put_statistics(&mut buffer, entry);
            }
        }
        if buffer.is_empty() {
            self.number -= 1;
        } else {
            // Who has gone does not want it; the outcome says so already.
            let _ = self.send(buffer, true);
        }
        self.parts = None;
        self.publish();
        FileEnd {
            packets: self.packets,
            bytes: self.bytes,
            file_bytes: self.sent_bytes,
            parts: self.number,
        }
    }
}

/// Final counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileEnd {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) file_bytes: u64,
    pub(crate) parts: u32,
}

/// What a file begins with.
pub(crate) struct FileHead<'a> {
    pub(crate) format: Format,
    pub(crate) snaplen: u32,
    pub(crate) filter: String,
    pub(crate) comments: &'a [String],
    pub(crate) interfaces: Vec<Description>,
}

impl FileHead<'_> {
    fn put(&self, buffer: &mut Vec<u8>) {
        match self.format {
            Format::Pcap => {
                let link = self
                    .interfaces
                    .first()
                    .map_or(LinkType::ETHERNET, |interface| interface.link);
                classic::put_header(buffer, link, self.snaplen, Precision::Micros);
            }
            Format::PcapNg => {
                ng::put_section(
                    buffer,
                    &ng::Section {
                        hardware: std::env::consts::ARCH.to_owned(),
                        os: "Linux".to_owned(),
                        application: concat!("Baleen ", env!("CARGO_PKG_VERSION")).to_owned(),
                        comments: self.comments.to_vec(),
                    },
                );
                for interface in &self.interfaces {
                    ng::put_interface(
                        buffer,
                        &ng::Interface {
                            link: interface.link,
                            snaplen: self.snaplen,
                            name: interface.name.clone(),
                            description: String::new(),
                            filter: self.filter.clone(),
                            mac: interface.mac,
                            speed: None,
                        },
                    );
                }
            }
        }
    }
}
