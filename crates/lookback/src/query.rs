//! Queries: the newest packets of a window that a filter takes.

mod best;
mod candidate;
mod files;

use crate::chunk::{Codec, Damaged, Kind, Summary};
use crate::directory::{ChunkPlace, Table, may_have};
use crate::hint::Hashed;
use crate::limits::{BLOCK_CHUNKS_MAX, QUERY_PACKETS_MAX};
use crate::record::{Interface, read_all};
use crate::segment::{Block, SegmentFile};
use crate::store::{nanos, stamp};
use crate::walk::{At, at};
use crate::{Error, Hint, Lookback};
use baleen_filter::{Filter, Program};
use baleen_pcapfile::Direction;
use baleen_types::{LinkType, Timestamp};
use best::Best;
use candidate::{Candidate, Place};
use files::{Fetched, Files};
use std::collections::HashMap;
use std::ops::Range;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Query {
    /// Stamps from the first on and before the second.
    pub window: Range<Timestamp>,
    /// Which packets. It is compiled for each link type that is met, which may block where it names hosts.
    pub filter: Filter,
    /// At most so many packets: the newest.
    pub limit: usize,
    /// At most so many bytes are read from the disk; then what was found is returned, and from when on it is all there is.
    pub scan_bytes_max: u64,
}

/// A packet that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// When it was captured.
    pub stamp: Timestamp,
    /// Number of its interface in [`Sample::interfaces`].
    pub interface: usize,
    /// Which way it went, if that is known.
    pub direction: Option<Direction>,
    /// Bytes on the wire.
    pub original_length: u32,
    /// The bytes that were kept.
    pub bytes: Box<[u8]>,
}

/// What a query found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// In the order of their stamps; of equal ones in the order in which they came.
    pub packets: Vec<Found>,
    /// Where they came from.
    pub interfaces: Vec<Interface>,
    /// There may be more packets before this one of the window: the limit was reached, or as much was read as may be.
    pub complete_from: Option<Timestamp>,
    /// Links on which the filter has no meaning; none of their packets is there.
    pub links_left_out: Vec<LinkType>,
    /// Pieces of the window that were damaged, or that could not be read.
    pub damaged: u64,
    /// Packets in the parts of the ring that were in the window, before the filter, which the kernel lost,
    pub dropped: u64,
    /// which the disk was too slow for,
    pub left_out: u64,
    /// and which were not kept on purpose. These are of whole blocks, so some may be from shortly before or after the window.
    pub cut: u64,
    /// Bytes that were read from the disk.
    pub scanned_bytes: u64,
    /// Packets that were shown to the filter.
    pub scanned_packets: u64,
}

impl Lookback {
    /// Finds the newest packets of a window that a filter takes. Blocks, for as long as it reads; `is_cancelled` is asked in
    /// between, and what was found until then is returned.
    ///
    /// # Errors
    /// `Invalid` for a limit that is too high.
    pub fn query(&self, query: &Query, is_cancelled: &dyn Fn() -> bool) -> Result<Sample, Error> {
        if query.limit > QUERY_PACKETS_MAX {
            return Err(Error::Query("a look-back query returns at most 100000 packets"));
        }
        let now = self.shared.parts.clock.now();
        // What is too old is not given out, though the segment it is in may be there still.
        let too_old = nanos(now).saturating_sub(u64::try_from(self.shared.settings.age.as_nanos()).unwrap_or(u64::MAX));
        let window = nanos(query.window.start).max(too_old)..nanos(query.window.end);
        let candidates = candidate::of(&self.shared, &window);
        let mut search = Search {
            best: Best::new(query.limit),
            window,
            filter: &query.filter,
            hint: Hint::of(&query.filter),
            hashed: HashMap::new(),
            programs: HashMap::new(),
            interfaces: HashMap::new(),
            files: Files::default(),
            sample: Sample::default(),
        };
        for candidate in candidates {
            // All that come now are older than what was found, or the rest of the window is not looked at.
            let is_enough = search.best.is_done_with(candidate.summary.last);
            if is_enough || search.files.bytes >= query.scan_bytes_max || is_cancelled() {
                search.sample.complete_from = Some(stamp(candidate.summary.last.saturating_add(1)));
                break;
            }
            search.look_at(&candidate);
        }
        Ok(search.finish())
    }
}

struct Search<'q> {
    window: Range<u64>,
    filter: &'q Filter,
    hint: Hint,
    /// The hint by the keys of the segments.
    hashed: HashMap<[u8; 16], Hashed>,
    /// None where the filter has no meaning.
    programs: HashMap<LinkType, Option<Program>>,
    interfaces: HashMap<Interface, usize>,
    best: Best,
    files: Files,
    sample: Sample,
}

impl Search<'_> {
    fn look_at(&mut self, candidate: &Candidate) {
        let Summary {
            dropped, left_out, cut, ..
        } = candidate.summary;
        self.sample.dropped += u64::from(dropped);
        self.sample.left_out += u64::from(left_out);
        self.sample.cut += u64::from(cut);
        match &candidate.place {
            Place::Memory { block, index, plain } => {
                let order = (u64::MAX, *block, *index);
                if self.take(plain, &candidate.summary, order).is_err() {
                    self.sample.damaged += 1;
                }
            }
            Place::Chunk(segment, place) => self.look_at_chunk(segment, place),
            Place::Block(segment, block) => self.look_at_block(segment, block),
        }
    }

    fn look_at_chunk(&mut self, segment: &SegmentFile, place: &ChunkPlace) {
        match self.files.fetch(segment, place.offset, place.bytes) {
            Fetched::Bytes(bytes) => self.take_chunk(segment, &bytes),
            Fetched::Gone => {}
            Fetched::Damaged => self.sample.damaged += 1,
        }
    }

    fn look_at_block(&mut self, segment: &SegmentFile, block: &Block) {
        let asked = (!self.hint.is_any()).then(|| {
            let key = segment.codec.hash_key;
            let hint = &self.hint;
            self.hashed.entry(key).or_insert_with(|| hint.hashed(&key)).clone()
        });
        let Some(asked) = asked else {
            return self.scan(segment, block);
        };
        if let Some(sieve) = self.directory(segment, block.sieve, Kind::Sieve) {
            let passes = asked.chunks(|key| if may_have(&sieve, key) { u16::MAX } else { 0 });
            if passes == 0 {
                return;
            }
        }
        let table = self.directory(segment, block.table, Kind::Table);
        let Some(table) = table.as_deref().and_then(Table::read) else {
            // After a crash, or where it is damaged: the chunks themselves are as good, only more to read.
            return self.scan(segment, block);
        };
        let with = asked.chunks(|key| table.with(key));
        // The newest first, as with blocks: the best are found early.
        for (at, place) in table.chunks.iter().enumerate().rev() {
            let is_in_window = place.first < self.window.end && place.last >= self.window.start;
            if with & (1 << at) != 0 && is_in_window && !self.best.passes_over(place.last) {
                self.look_at_chunk(segment, place);
            }
        }
    }

    /// The content of a sieve or a table; `None` when it is not there or damaged.
    fn directory(&mut self, segment: &SegmentFile, place: Option<(u32, u32)>, kind: Kind) -> Option<Vec<u8>> {
        let (offset, bytes) = place?;
        let Fetched::Bytes(bytes) = self.files.fetch(segment, offset, bytes) else {
            return None;
        };
        let (head, plain) = segment.codec.open(&bytes).ok()?;
        (head.kind == kind).then_some(plain)
    }

    /// Reads all chunks of a block.
    fn scan(&mut self, segment: &SegmentFile, block: &Block) {
        let bytes = match self.files.fetch_block(segment, block.start, block.end) {
            Fetched::Bytes(bytes) => bytes,
            Fetched::Gone => return,
            Fetched::Damaged => {
                self.sample.damaged += 1;
                return;
            }
        };
        let mut rest = bytes.as_slice();
        let mut chunks = 0;
        while !rest.is_empty() && chunks < BLOCK_CHUNKS_MAX {
            let bytes = match at(&segment.codec, rest) {
                At::Chunk(head) => {
                    let Summary { first, last, .. } = head.summary;
                    let is_in_window = first < self.window.end && last >= self.window.start;
                    if head.kind == Kind::Packets && is_in_window && !self.best.passes_over(last) {
                        self.take_chunk(segment, &rest[..head.bytes()]);
                    }
                    chunks += 1;
                    head.bytes().next_multiple_of(crate::chunk::ALIGNMENT)
                }
                At::Cut => {
                    self.sample.damaged += 1;
                    return;
                }
                At::Nothing(skip) => {
                    self.sample.damaged += 1;
                    skip
                }
            };
            rest = rest.get(bytes..).unwrap_or_default();
        }
    }

    fn take_chunk(&mut self, segment: &SegmentFile, chunk: &[u8]) {
        let codec: &Codec = &segment.codec;
        let taken = codec.open(chunk).and_then(|(head, plain)| {
            if head.kind != Kind::Packets {
                return Err(Damaged);
            }
            self.take(&plain, &head.summary, (segment.sequence, head.block, head.index))
        });
        if taken.is_err() {
            self.sample.damaged += 1;
        }
    }

    /// Shows the packets of a chunk to the filter. Nothing of it is taken unless all of it makes sense.
    fn take(&mut self, plain: &[u8], summary: &Summary, order: (u64, u32, u8)) -> Result<(), Damaged> {
        let (packets, interfaces) = read_all(plain.get(1..).ok_or(Damaged)?).ok_or(Damaged)?;
        let mut read = Summary::NONE;
        for packet in &packets {
            read.take(packet.stamp);
        }
        if (read.packets, read.first, read.last) != (summary.packets, summary.first, summary.last) {
            return Err(Damaged);
        }
        for interface in &interfaces {
            self.compile(interface.link);
        }
        let mut numbers: Vec<Option<usize>> = vec![None; interfaces.len()];
        for (at, packet) in packets.iter().enumerate() {
            if !self.window.contains(&packet.stamp) {
                continue;
            }
            let of = &interfaces[packet.local];
            let Some(Some(program)) = self.programs.get(&of.link) else {
                continue;
            };
            self.sample.scanned_packets += 1;
            let order = (order.0, order.1, order.2, u32::try_from(at).unwrap_or(u32::MAX));
            if !self.best.wants(packet.stamp, order) || !program.matches(packet.bytes) {
                continue;
            }
            let known = self.interfaces.len();
            let interface =
                *numbers[packet.local].get_or_insert_with(|| *self.interfaces.entry(of.clone()).or_insert(known));
            let found = Found {
                stamp: stamp(packet.stamp),
                interface,
                direction: packet.direction,
                original_length: packet.original_length,
                bytes: packet.bytes.into(),
            };
            self.best.put(packet.stamp, order, found);
        }
        Ok(())
    }

    fn compile(&mut self, link: LinkType) {
        let filter = self.filter;
        let left_out = &mut self.sample.links_left_out;
        self.programs.entry(link).or_insert_with(|| {
            let program = filter.compile(link).ok();
            left_out.extend(program.is_none().then_some(link));
            program
        });
    }

    fn finish(self) -> Sample {
        let mut sample = self.sample;
        sample.scanned_bytes = self.files.bytes;
        let (packets, first_missed) = self.best.finish();
        sample.packets = packets;
        // The oldest packet that is there is complete from its stamp on, unless one of its stamp had to go.
        sample.complete_from = sample
            .complete_from
            .max(first_missed.map(|missed| stamp(missed.saturating_add(1))));
        let mut interfaces: Vec<_> = self.interfaces.into_iter().collect();
        interfaces.sort_unstable_by_key(|(_, number)| *number);
        sample.interfaces = interfaces.into_iter().map(|(interface, _)| interface).collect();
        sample
    }
}
