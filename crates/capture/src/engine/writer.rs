//! The one place through which all packets of a capture go: limits, encoding, parts.

use super::follow::{FollowError, Followers, Following};
use super::head::FileHead;
use super::limits::{BUFFER_SLACK, BUFFER_WAIT, STATISTICS_WAITING_MAX};
use super::masked::Masked;
use super::outcome::EndReason;
use super::outlet::{BORROWED_BYTES_MIN, Borrowed, Outlet};
use super::parts::{Part, part_target};
use super::pool::Pool;
use super::progress::Counters;
use super::request::{Format, Limits, Settings};
use super::rotation::Files;
use baleen_pcapfile::classic::{self, Precision};
use baleen_pcapfile::ng::{self, Statistics};
use baleen_pcapfile::{Direction, Record};
use baleen_ring::{Packet, PacketType, SNAPLEN_MAX};
use baleen_runtime::Clock;
use baleen_types::LinkType;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
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
    /// The newest that are known of it, for the end of a file that is followed by another.
    statistics: Statistics,
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
    /// `None` for packets that are kept as they were.
    mask: Option<Masked>,
    limits: Limits,
    part_bytes: usize,
    parts_max: Option<u32>,
    lanes: Vec<Lane>,
    files: Files,
    followers: Followers,
    pool: Pool,
    /// `None` only while no buffer was free, or after the end.
    buffer: Option<Vec<u8>>,
    /// Where bytes go at once, in place of parts.
    outlet: Option<Box<dyn Outlet>>,
    /// Whether packets are being taken: what is in the buffer may want what is borrowed.
    is_taking: bool,
    /// The buffer that was written to the outlet, until it is filled again.
    written: Option<Vec<u8>>,
    /// Statistics that came while there was no buffer.
    waiting: VecDeque<Statistics>,
    /// The part of the file that is being filled, from 1.
    number: u32,
    target: usize,
    packets: u64,
    bytes: u64,
    sent_bytes: u64,
    sent_parts: u32,
    /// `None` after the end, which tells the receiver that no other comes.
    parts: Option<mpsc::Sender<Part>>,
    counters: Arc<Counters>,
    clock: Arc<dyn Clock>,
}

impl Writer {
    /// Starts the first file. `parts` needs room for one part more than the pool has buffers, so that sending never waits.
    pub(crate) fn new(
        settings: &Settings,
        head: &FileHead<'_>,
        limits: Limits,
        parts: mpsc::Sender<Part>,
        counters: Arc<Counters>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let mut bytes = Vec::new();
        head.put(&mut bytes);
        let mut this = Self {
            format: head.format,
            snaplen: head.snaplen,
            mask: None,
            limits,
            part_bytes: settings.part_bytes,
            parts_max: settings.parts_max,
            lanes: head
                .interfaces
                .iter()
                .map(|i| Lane {
                    link: i.link,
                    written: 0,
                    statistics: Statistics::default(),
                })
                .collect(),
            files: Files::new(head.rotation, bytes),
            followers: Followers::new(Arc::clone(&counters.followers), head.format == Format::PcapNg),
            pool: Pool::new(settings.buffers),
            buffer: None,
            outlet: None,
            is_taking: false,
            written: None,
            waiting: VecDeque::new(),
            number: 0,
            target: 0,
            packets: 0,
            bytes: 0,
            sent_bytes: 0,
            sent_parts: 0,
            parts: Some(parts),
            counters,
            clock,
        };
        let mut buffer = this.fresh_buffer().unwrap_or_default();
        this.files.begin(&mut buffer);
        this.followers.skip(buffer.len());
        this.buffer = Some(buffer);
        this
    }

    /// The same, with packets that are not kept as they were.
    pub(crate) fn masked(self, mask: Option<Masked>) -> Self {
        Self { mask, ..self }
    }

    /// The same with a place to write to at once, in place of parts. It cannot be followed.
    pub(crate) fn into_outlet(self, outlet: Option<Box<dyn Outlet>>) -> Self {
        Self { outlet, ..self }
    }

    pub(crate) fn pool(&self) -> Pool {
        self.pool.clone()
    }

    fn fresh_buffer(&mut self) -> Option<Vec<u8>> {
        // Nothing is begun behind the end.
        self.parts.as_ref()?;
        let target = self.target_of(self.number + 1);
        let written = self.written.take();
        let buffer = written.or_else(|| self.pool.take(target + BUFFER_SLACK))?;
        self.number += 1;
        self.target = target;
        Some(buffer)
    }

    /// From which size on a part is full: it, or its file.
    fn target_of(&self, number: u32) -> usize {
        let target = part_target(self.part_bytes, number, self.parts_max.is_some());
        let left = self
            .files
            .bytes_left()
            .map(|left| usize::try_from(left).unwrap_or(usize::MAX));
        left.map_or(target, |left| target.min(left.max(1)))
    }

    /// Takes packets until the batch or the capture ends, or there is no buffer.
    pub(crate) fn take<'p>(&mut self, packets: &mut impl Iterator<Item = Packet<'p>>, note: &mut BatchNote) -> Taken {
        let mut borrowed = Borrowed::default();
        self.is_taking = true;
        let taken = self.take_some(packets, note, &mut borrowed);
        self.is_taking = false;
        let written = self.give_back(&mut borrowed);
        self.publish();
        match (taken, written) {
            (Taken::Ended(reason), _) | (_, Err(reason)) => Taken::Ended(reason),
            (taken, Ok(())) => taken,
        }
    }

    /// Writes what belongs to the batch, before the batch goes back to the kernel.
    fn give_back(&mut self, borrowed: &mut Borrowed<'_>) -> Result<(), EndReason> {
        if borrowed.is_empty() {
            return Ok(());
        }
        let Some(buffer) = self.buffer.take() else {
            return Ok(());
        };
        self.send(buffer, borrowed, false)?;
        self.buffer = self.fresh_buffer();
        Ok(())
    }

    fn take_some<'p>(
        &mut self,
        packets: &mut impl Iterator<Item = Packet<'p>>,
        note: &mut BatchNote,
        borrowed: &mut Borrowed<'p>,
    ) -> Taken {
        loop {
            // Checked before a packet is looked for, so that a capture ends with its last packet and not with the next.
            if self.limits.packets.is_some_and(|limit| self.packets >= limit) {
                return Taken::Ended(EndReason::PacketLimit);
            }
            if self.limits.bytes.is_some_and(|limit| self.bytes >= limit) {
                return Taken::Ended(EndReason::ByteLimit);
            }
            if let Err(taken) = self.make_room(borrowed) {
                return taken;
            }
            let Some(packet) = packets.next() else {
                return Taken::All;
            };
            if note.cutoff_nanos.is_some_and(|cutoff| packet.stamp_nanos() >= cutoff) {
                continue;
            }
            if let Some(reason) = self.put(&packet, note, borrowed) {
                return Taken::Ended(reason);
            }
        }
    }

    #[inline]
    fn put<'p>(&mut self, packet: &Packet<'p>, note: &mut BatchNote, borrowed: &mut Borrowed<'p>) -> Option<EndReason> {
        let lane = self.lanes.get_mut(note.lane)?;
        let whole = if self.mask.is_some() { SNAPLEN_MAX } else { self.snaplen };
        let pieces = packet.pieces(lane.link, whole);
        // The last piece is written from where it lies.
        let rest = if self.outlet.is_some() && self.mask.is_none() && pieces.tail.len() >= BORROWED_BYTES_MIN {
            pieces.tail
        } else {
            &[][..]
        };
        let kept = match &mut self.mask {
            None => [pieces.head, pieces.inserted(), pieces.tail],
            Some(mask) => [mask.keep(&pieces, lane.link, self.snaplen), &[], &[]],
        };
        let captured = kept.iter().map(|piece| piece.len() as u64).sum::<u64>();
        let bytes = self.bytes + captured;
        if self.limits.bytes.is_some_and(|limit| bytes > limit) {
            return Some(EndReason::ByteLimit);
        }
        let record = Record {
            interface: u32::try_from(note.lane).unwrap_or(u32::MAX),
            stamp_nanos: packet.stamp_nanos(),
            original_length: pieces.original_length,
            pieces: kept,
            direction: Some(match packet.packet_type() {
                PacketType::Outgoing => Direction::Outbound,
                _ => Direction::Inbound,
            }),
            dropped: std::mem::take(&mut note.dropped),
        };
        let buffer = self.buffer.as_mut()?;
        if buffer.is_empty() {
            self.files.begin(buffer);
            self.followers.skip(buffer.len());
        }
        let mut put_bytes = |buffer: &mut Vec<u8>| {
            let [first, second, last] = record.pieces;
            // Hardly ever: copying nothing is a call, too.
            if !first.is_empty() || !second.is_empty() {
                buffer.extend_from_slice(first);
                buffer.extend_from_slice(second);
            }
            if rest.is_empty() {
                buffer.extend_from_slice(last);
            } else {
                borrowed.push(buffer.len(), rest);
            }
        };
        match self.format {
            Format::Pcap => {
                classic::put_packet_header(buffer, &record, Precision::Micros);
                put_bytes(buffer);
            }
            Format::PcapNg => ng::put_packet_with(buffer, &record, put_bytes),
        }
        lane.written += 1;
        self.packets += 1;
        self.bytes = bytes;
        None
    }

    /// Makes sure that a record can be put; hands a full part over.
    #[inline]
    fn make_room(&mut self, borrowed: &mut Borrowed<'_>) -> Result<(), Taken> {
        match &self.buffer {
            Some(buffer) if buffer.len() + borrowed.bytes() < self.target && !borrowed.is_full() => Ok(()),
            _ => self.next_part(borrowed),
        }
    }

    fn next_part(&mut self, borrowed: &mut Borrowed<'_>) -> Result<(), Taken> {
        let is_full = self.buffer.is_some() && self.parts_max.is_some_and(|limit| self.number >= limit);
        if is_full && !self.files.may_turn() {
            return Err(Taken::Ended(EndReason::FileFull));
        }
        if self.parts.as_ref().is_none_or(mpsc::Sender::is_closed) {
            return Err(Taken::Ended(EndReason::Abandoned));
        }
        if let Some(full) = self.buffer.take() {
            let bytes = (full.len() + borrowed.bytes()) as u64;
            let is_file_full = self.files.bytes_left().is_some_and(|left| bytes >= left);
            if is_full || is_file_full {
                self.end_file(full, borrowed).map_err(Taken::Ended)?;
            } else {
                self.send(full, borrowed, false).map_err(Taken::Ended)?;
            }
        }
        match self.buffer.take().or_else(|| self.fresh_buffer()) {
            Some(buffer) => {
                self.buffer = Some(buffer);
                self.put_waiting();
                Ok(())
            }
            None => Err(Taken::NoBuffer),
        }
    }

    /// Ends a file that is to be followed by another, with the last that is known of the interfaces.
    fn end_file(&mut self, mut buffer: Vec<u8>, borrowed: &mut Borrowed<'_>) -> Result<(), EndReason> {
        if self.format == Format::PcapNg {
            let now = u64::try_from(self.clock.now().as_nanos()).unwrap_or(0);
            for (interface, lane) in (0..).zip(&self.lanes) {
                let statistics = Statistics {
                    interface,
                    stamp_nanos: now,
                    delivered: Some(lane.written),
                    ..lane.statistics
                };
                ng::put_statistics(&mut buffer, &statistics);
            }
        }
        let sent = if buffer.is_empty() && borrowed.is_empty() {
            // Nothing is left that could say so; the first part of the next file does.
            self.buffer = Some(buffer);
            Ok(())
        } else {
            self.send(buffer, borrowed, true)
        };
        self.files.turn(self.packets);
        self.number = 0;
        let target = self.target_of(1);
        if let Some(buffer) = &mut self.buffer {
            self.number = 1;
            self.target = target;
            buffer.reserve_exact(target + BUFFER_SLACK);
        }
        sent
    }

    /// Ends the file if its time is over and there is something in it; answers when to ask again.
    pub(crate) fn turn(&mut self, lane: usize, statistics: Statistics, elapsed: Duration) -> Option<Duration> {
        if !self.files.is_due(elapsed) {
            return self.files.due();
        }
        self.remember(lane, statistics);
        if self.files.has_packets(self.packets) {
            let Some(buffer) = self.buffer.take() else {
                // All are with the consumer: what has come for this file is with it too.
                return Some(elapsed + BUFFER_WAIT);
            };
            // Who has gone is found out by the next packet.
            let _ = self.end_file(buffer, &mut Borrowed::default());
            if self.buffer.is_none() {
                self.buffer = self.fresh_buffer();
            }
        }
        self.files.next_due(elapsed);
        self.files.due()
    }

    /// One more who watches, from the next packet on.
    pub(crate) fn follow(&mut self) -> Result<Following, FollowError> {
        if self.parts.is_none() {
            return Err(FollowError::Over);
        }
        if self.outlet.is_some() {
            return Err(FollowError::Unable);
        }
        let open = self.buffer.as_deref().unwrap_or_default();
        self.followers.add(self.files.head(), open, self.packets)
    }

    /// Gives those who watch what came.
    pub(crate) fn feed_followers(&mut self, elapsed: Duration) {
        if let Some(open) = &self.buffer {
            self.followers.feed(open, self.packets, elapsed);
        }
    }

    /// When the time of the file is over.
    #[cfg(test)]
    pub(crate) fn turn_due(&self) -> Option<Duration> {
        self.files.due()
    }

    fn remember(&mut self, lane: usize, statistics: Statistics) {
        if let Some(lane) = self.lanes.get_mut(lane) {
            lane.statistics = statistics;
        }
    }

    /// Sends a full part, or writes it to the outlet with what is borrowed; then its buffer is the next one.
    fn send(&mut self, mut buffer: Vec<u8>, borrowed: &mut Borrowed<'_>, ends_file: bool) -> Result<(), EndReason> {
        let bytes = (buffer.len() + borrowed.bytes()) as u64;
        self.sent_bytes += bytes;
        self.sent_parts += 1;
        if let Some(outlet) = &mut self.outlet {
            // Behind a write of which nobody knows how much was written nothing may come.
            if self.counters.has_failed.load(Ordering::Relaxed) {
                return Err(EndReason::Abandoned);
            }
            let since = u64::try_from(self.clock.monotonic().as_nanos()).unwrap_or(u64::MAX);
            self.counters.writing_since.store(since.max(1), Ordering::Relaxed);
            let written = outlet.write(self.files.number(), &mut borrowed.between(&buffer));
            self.counters.writing_since.store(0, Ordering::Relaxed);
            borrowed.clear();
            self.files.sent(bytes);
            buffer.clear();
            self.written = Some(buffer);
            return written.map_err(|_| {
                // Nothing is taken any more, also where nobody looks at what is answered here.
                self.parts = None;
                self.counters.has_failed.store(true, Ordering::Release);
                EndReason::Abandoned
            });
        }
        self.files.sent(bytes);
        self.followers.part_goes(&buffer, self.packets);
        let part = Part {
            file: self.files.number(),
            number: self.number,
            bytes: self.pool.freeze(buffer),
            packets_until: self.packets,
            bytes_until: self.bytes,
            dropped_until: self.counters.dropped.load(Ordering::Relaxed),
            ends_file,
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
            let _ = self.next_part(&mut Borrowed::default());
        }
    }

    /// Puts statistics, where the format has them: as soon as there is a buffer, with the time of which they are.
    pub(crate) fn put_statistics(&mut self, lane: usize, mut statistics: Statistics) {
        if self.format != Format::PcapNg {
            return;
        }
        self.remember(lane, statistics);
        statistics.interface = u32::try_from(lane).unwrap_or(u32::MAX);
        statistics.delivered = Some(self.written(lane));
        if self.waiting.len() >= STATISTICS_WAITING_MAX * self.lanes.len() {
            self.waiting.pop_front();
        }
        self.waiting.push_back(statistics);
        // Why there is no room is found out by the next packet.
        if self.make_room(&mut Borrowed::default()).is_ok() {
            self.put_waiting();
        }
    }

    /// Puts the statistics that wait. A file that has not begun has none: those of the time before are in the one before it.
    fn put_waiting(&mut self) {
        let is_to_begin = self.files.is_to_begin();
        let Some(buffer) = self.buffer.as_mut() else { return };
        for statistics in self.waiting.drain(..).filter(|_| !is_to_begin) {
            ng::put_statistics(buffer, &statistics);
        }
    }

    /// Packets of one interface in the files.
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
        if self.is_taking && self.outlet.is_some() {
            // Whoever took packets died over it, and what they had borrowed is gone.
            self.buffer = None;
        }
        // Statistics alone are small enough to stand beside the pool; waiting for one of its buffers might never end.
        let mut buffer = self.buffer.take().unwrap_or_else(|| {
            self.number += 1;
            Vec::new()
        });
        // Behind the end of a file no other is begun for them.
        if self.format == Format::PcapNg && !self.files.is_to_begin() {
            for entry in self.waiting.iter().chain(statistics) {
                ng::put_statistics(&mut buffer, entry);
            }
        }
        if !buffer.is_empty() {
            // Who has gone does not want it; the outcome says so already.
            let _ = self.send(buffer, &mut Borrowed::default(), true);
        }
        if let Some(outlet) = self.outlet.take() {
            outlet.end();
        }
        self.followers.end();
        self.parts = None;
        self.pool.close();
        self.publish();
        FileEnd {
            packets: self.packets,
            bytes: self.bytes,
            file_bytes: self.sent_bytes,
            files: self.files.number() + u32::from(!self.files.is_to_begin()),
            parts: self.sent_parts,
        }
    }
}

/// Final counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileEnd {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    pub(crate) file_bytes: u64,
    pub(crate) files: u32,
    pub(crate) parts: u32,
}
