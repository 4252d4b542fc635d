//! Several capture files as one, in the order of time.

use crate::error::Error;
use crate::limits::MERGED_INTERFACES_MAX;
use crate::ng::{Interface, SECTION, Statistics};
use crate::reader::{Item, PacketItem, Reader};
use crate::record::{Direction, Record};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io::Read;

/// A file that is merged with others.
#[derive(Clone, Debug)]
pub struct MergeSource<R> {
    /// The file.
    pub file: R,
    /// Where it was captured: it is put in front of the names of its interfaces.
    pub name: String,
    /// What is said of each of its interfaces.
    pub description: String,
    /// How far the clock was ahead that stamped its packets: so much is taken off each stamp.
    pub ahead_nanos: i64,
}

/// What comes next of the merged files.
#[derive(Clone, Debug)]
pub enum Merged<'a> {
    /// An interface. It comes before its first packet, and its index is the number of those before it.
    Interface(Interface),
    /// A packet, with its stamp corrected.
    Packet(Record<'a>),
}

/// Reads several capture files as one: each packet comes when its corrected stamp is the earliest of those that are the next of their
/// files. So files in order give one in order; where stamps of a file go back its packets keep their order all the same, as a
/// capture knows better than a clock. Of each file one packet is in memory.
///
/// A file that is cut or damaged ends there, as it does for a [`Reader`], and one that is no capture file has nothing; the others go on. So does one
/// with more interfaces than any machine has.
#[derive(Debug)]
pub struct Merge<R> {
    sources: Vec<Source<R>>,
    /// Those that have a packet, by when it comes; of two at one time that of the first file.
    next: BinaryHeap<Reverse<(u64, usize)>>,
    /// Whose packet was given out last, and has to be followed by its next.
    given: Option<usize>,
    interfaces: VecDeque<Interface>,
    interfaces_known: u32,
    /// The last counters of each interface.
    statistics: BTreeMap<u32, Statistics>,
}

#[derive(Debug)]
struct Source<R> {
    reader: Reader<R>,
    name: String,
    description: String,
    ahead_nanos: i64,
    /// The numbers that its interfaces have among those of all.
    numbers: Vec<u32>,
    /// How many more it may have.
    interfaces_left: usize,
    packet: Packet,
    /// When its last packet came, before which none of its later ones comes.
    not_before: u64,
}

/// A packet that waits for its turn.
#[derive(Debug, Default)]
struct Packet {
    interface: u32,
    stamp_nanos: u64,
    original_length: u32,
    bytes: Vec<u8>,
    dropped: u64,
    direction: Option<Direction>,
}

impl<R: Read> Merge<R> {
    /// Reads the heads of the files, and of each the first packet.
    ///
    /// # Errors
    /// `Unavailable` when one cannot be read.
    pub fn new(files: impl IntoIterator<Item = MergeSource<R>>) -> Result<Self, Error> {
        let mut this = Self {
            sources: Vec::new(),
            next: BinaryHeap::new(),
            given: None,
            interfaces: VecDeque::new(),
            interfaces_known: 0,
            statistics: BTreeMap::new(),
        };
        for file in files {
            let reader = match Reader::new(file.file) {
                Err(error @ Error::Read(_)) => return Err(error),
                // It ended before it began.
                Err(_) => continue,
                Ok(reader) => reader,
            };
            let place = this.sources.len();
            this.sources.push(Source {
                reader,
                name: file.name,
                description: file.description,
                ahead_nanos: file.ahead_nanos,
                numbers: Vec::new(),
                interfaces_left: MERGED_INTERFACES_MAX,
                packet: Packet::default(),
                not_before: 0,
            });
            this.read_on(place)?;
        }
        Ok(this)
    }

    /// What comes next; `None` at the end of all.
    ///
    /// # Errors
    /// `Unavailable` when a file cannot be read.
    pub fn next_merged(&mut self) -> Result<Option<Merged<'_>>, Error> {
        if let Some(given) = self.given.take() {
            self.read_on(given)?;
        }
        if let Some(interface) = self.interfaces.pop_front() {
            return Ok(Some(Merged::Interface(interface)));
        }
        let Some(Reverse((_, place))) = self.next.pop() else {
            return Ok(None);
        };
        self.given = Some(place);
        let packet = &self.sources[place].packet;
        Ok(Some(Merged::Packet(Record {
            interface: packet.interface,
            stamp_nanos: packet.stamp_nanos,
            original_length: packet.original_length,
            pieces: [&packet.bytes, &[], &[]],
            direction: packet.direction,
            dropped: packet.dropped,
        })))
    }

    /// The last counters of each interface that has some, stamps corrected; all of them when the end was reached.
    pub fn statistics(&self) -> impl Iterator<Item = Statistics> {
        self.statistics.values().copied()
    }

    /// Reads up to the next packet of a file, and lets that wait for its turn.
    fn read_on(&mut self, place: usize) -> Result<(), Error> {
        let source = &mut self.sources[place];
        loop {
            let ahead = source.ahead_nanos;
            match source.reader.next_item() {
                Err(error @ Error::Read(_)) => return Err(error),
                // What was read before stays valid.
                Ok(None) | Err(_) => return Ok(()),
                Ok(Some(Item::Interface(found))) => {
                    source.interfaces_left = match source.interfaces_left.checked_sub(1) {
                        Some(left) => left,
                        // They would be kept for as long as no packet comes.
                        None => return Ok(()),
                    };
                    source.numbers.push(self.interfaces_known);
                    self.interfaces_known += 1;
                    let name = match &*found.name {
                        "" => source.name.clone(),
                        name => format!("{}/{name}", source.name),
                    };
                    self.interfaces.push_back(Interface {
                        description: source.description.clone(),
                        filter: found.filter,
                        ..Interface::new(found.link, found.snaplen, name)
                    });
                }
                Ok(Some(Item::Statistics(found))) => {
                    if let Some(number) = source.numbers.get(found.interface as usize) {
                        let statistics = Statistics {
                            interface: *number,
                            stamp_nanos: corrected(found.stamp_nanos, ahead),
                            start_nanos: found.start_nanos.map(|stamp| corrected(stamp, ahead)),
                            end_nanos: found.end_nanos.map(|stamp| corrected(stamp, ahead)),
                            ..found
                        };
                        self.statistics.insert(*number, statistics);
                    }
                }
                // Its interfaces are others.
                Ok(Some(Item::Other(SECTION))) => source.numbers.clear(),
                Ok(Some(Item::Other(_))) => {}
                Ok(Some(Item::Packet(found))) => {
                    let Some(number) = source.numbers.get(found.interface as usize) else {
                        continue;
                    };
                    source.packet.take(&found, *number, ahead, source.not_before);
                    source.not_before = source.not_before.max(source.packet.stamp_nanos);
                    self.next.push(Reverse((source.not_before, place)));
                    return Ok(());
                }
            }
        }
    }
}

impl Packet {
    fn take(&mut self, found: &PacketItem<'_>, interface: u32, ahead_nanos: i64, not_before: u64) {
        self.interface = interface;
        self.stamp_nanos = found
            .stamp_nanos
            .map_or(not_before, |stamp| corrected(stamp, ahead_nanos));
        self.original_length = found.original_length;
        self.bytes.clear();
        self.bytes.extend_from_slice(found.bytes);
        (self.dropped, self.direction) = (found.dropped, found.direction);
    }
}

fn corrected(stamp_nanos: u64, ahead_nanos: i64) -> u64 {
    if ahead_nanos < 0 {
        stamp_nanos.saturating_add(ahead_nanos.unsigned_abs())
    } else {
        stamp_nanos.saturating_sub(ahead_nanos.unsigned_abs())
    }
}

#[cfg(test)]
mod tests;
