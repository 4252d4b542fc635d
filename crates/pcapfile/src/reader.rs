//! Reads pcap and pcapng from a stream, in either byte order.
//!
//! Bounded: one record at a time in one buffer, which grows to the largest record seen, at most
//! [`BLOCK_BYTES_MAX`]. A file that ends inside of a record is what a cut capture looks like: it
//! ends before that record, and [`Reader::is_cut`] says so.

use crate::error::Error;
use crate::limits::{BLOCK_BYTES_MAX, INTERFACES_MAX};
use crate::ng::{BYTE_ORDER, ENHANCED_PACKET, INTERFACE, SECTION, SIMPLE_PACKET, STATISTICS, Statistics};
use crate::record::Direction;
use baleen_types::LinkType;
use std::io::{ErrorKind, Read};

/// Which of the two formats a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Classic pcap.
    Pcap,
    /// pcapng.
    PcapNg,
}

/// What a file says of one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceInfo {
    /// How its packets are read.
    pub link: LinkType,
    /// The most bytes kept of one packet; 0 for no limit.
    pub snaplen: u32,
    /// Its name, where the file has it.
    pub name: String,
    /// The capture filter as text, where the file has it.
    pub filter: String,
    /// Units of a time stamp in one second.
    units: u64,
    /// Seconds to add to a time stamp.
    offset: i64,
}

/// A packet in the reader's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketItem<'a> {
    /// Index of its interface.
    pub interface: u32,
    /// How it is read.
    pub link: LinkType,
    /// Nanoseconds since the epoch; `None` when the file has no time for it.
    pub stamp_nanos: Option<u64>,
    /// Bytes on the wire.
    pub original_length: u32,
    /// The bytes that were kept.
    pub bytes: &'a [u8],
    /// Packets lost before it, where the file says so.
    pub dropped: u64,
    /// Which way it went, where the file says so.
    pub direction: Option<Direction>,
}

/// One thing that a file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A new interface; its index is the number of those before in the same section.
    Interface(InterfaceInfo),
    /// A packet.
    Packet(PacketItem<'a>),
    /// Counters of an interface.
    Statistics(Statistics),
    /// A block that is not looked into, with its type.
    Other(u32),
}

/// A capture file being read.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    format: Format,
    is_big: bool,
    precision_nanos: u64,
    interfaces: Vec<InterfaceInfo>,
    pending: Option<InterfaceInfo>,
    buffer: Vec<u8>,
    /// Offset behind the last whole record.
    intact: u64,
    is_cut: bool,
    is_over: bool,
}

impl<R: Read> Reader<R> {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// `Invalid` when it is no capture file, `Unavailable` when it cannot be read.
    pub fn new(source: R) -> Result<Self, Error> {
        let mut this = Self {
            source,
            format: Format::Pcap,
            is_big: false,
            precision_nanos: 1000,
            interfaces: Vec::new(),
            pending: None,
            buffer: Vec::new(),
            intact: 0,
            is_cut: false,
            is_over: false,
        };
        if !this.fill(4)? {
            return Err(Error::NotACapture);
        }
        let magic: [u8; 4] = *this.buffer.first_chunk().ok_or(Error::NotACapture)?;
        match (u32::from_le_bytes(magic), u32::from_be_bytes(magic)) {
            (SECTION, _) => {
                this.format = Format::PcapNg;
                this.section()?;
            }
            (0xa1b2_c3d4, _) => this.classic_header(false, 1000)?,
            (_, 0xa1b2_c3d4) => this.classic_header(true, 1000)?,
            (0xa1b2_3c4d, _) => this.classic_header(false, 1)?,
            (_, 0xa1b2_3c4d) => this.classic_header(true, 1)?,
            _ => return Err(Error::NotACapture),
        }
        Ok(this)
    }

    /// Which format the file has.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether the file ended inside of a record; known after [`next_item`](Self::next_item) has returned `None`.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Bytes up to the end of the last whole record: cut there, a damaged file is a valid one.
    pub fn intact_bytes(&self) -> u64 {
        self.intact
    }

    /// Reads on; `None` at the end.
    ///
    /// # Errors
    /// `Corrupt` when what follows makes no sense; what was read before stays valid.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, Error> {
        if let Some(interface) = self.pending.take() {
            return Ok(Some(Item::Interface(interface)));
        }
        if self.is_over {
            return Ok(None);
        }
        let result = match self.format {
            Format::Pcap => self.classic_record(),
            Format::PcapNg => self.block(),
        };
        match result {
            Ok(Some(parsed)) => self.item(parsed).map(Some),
            Ok(None) => {
                self.is_over = true;
                Ok(None)
            }
            Err(error) => {
                self.is_over = true;
                Err(error)
            }
        }
    }

    /// Appends `bytes` more to the buffer; `false` when the stream ended before that.
    fn fill(&mut self, bytes: usize) -> Result<bool, Error> {
        let start = self.buffer.len();
        let mut have = start;
        // Grown with what really comes, so that a wrong length alone takes no memory.
        const STEP: usize = 256 * 1024;
        while have < start + bytes {
            self.buffer.resize((have + STEP).min(start + bytes), 0);
            match self.source.read(&mut self.buffer[have..]) {
                Ok(0) => {
                    self.buffer.truncate(have);
                    self.is_cut |= have > 0;
                    return Ok(false);
                }
                Ok(count) => have += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Read(error)),
            }
        }
        Ok(true)
    }

    fn word(&self, at: usize) -> u32 {
        let bytes = self
            .buffer
            .get(at..)
            .and_then(|rest| rest.first_chunk::<4>())
            .copied()
            .unwrap_or_default();
        if self.is_big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        }
    }

    fn half(&self, at: usize) -> u16 {
        let bytes = self
            .buffer
            .get(at..)
            .and_then(|rest| rest.first_chunk::<2>())
            .copied()
            .unwrap_or_default();
        if self.is_big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        }
    }

    fn double(&self, at: usize) -> u64 {
        let (first, second) = (u64::from(self.word(at)), u64::from(self.word(at + 4)));
        if self.is_big {
            first << 32 | second
        } else {
            second << 32 | first
        }
    }

    fn damaged(&self, why: &'static str) -> Error {
        Error::Damaged { at: self.intact, why }
    }

    fn classic_header(&mut self, is_big: bool, precision_nanos: u64) -> Result<(), Error> {
        self.is_big = is_big;
        self.precision_nanos = precision_nanos;
        if !self.fill(20)? {
            return Err(Error::NotACapture);
        }
        if self.half(4) != 2 {
            return Err(Error::Unknown("version"));
        }
        // The upper bits tell of a check sequence behind each packet; the type is the lower ones.
        #[expect(clippy::cast_possible_truncation, reason = "the lower 16 bits")]
        let link = LinkType::new(self.word(20) as u16);
        let interface = InterfaceInfo {
            link,
            snaplen: self.word(16),
            name: String::new(),
            filter: String::new(),
            units: 1_000_000_000 / precision_nanos,
            offset: 0,
        };
        self.interfaces.push(interface.clone());
        self.pending = Some(interface);
        self.intact = 24;
        Ok(())
    }

    fn classic_record(&mut self) -> Result<Option<Parsed>, Error> {
        self.buffer.clear();
        if !self.fill(16)? {
            return Ok(None);
        }
        let captured = self.word(8) as usize;
        if captured > BLOCK_BYTES_MAX {
            return Err(self.damaged("a packet is larger than any can be"));
        }
        if !self.fill(captured)? {
            return Ok(None);
        }
        self.intact += 16 + captured as u64;
        let stamp =
            u64::from(self.word(0)) * 1_000_000_000 + u64::from(self.word(4)).saturating_mul(self.precision_nanos);
        Ok(Some(Parsed::Packet {
            interface: 0,
            stamp_nanos: Some(stamp),
            original_length: self.word(12),
            start: 16,
            captured,
            dropped: 0,
            direction: None,
        }))
    }

    /// Reads the rest of a section header of which four bytes are there.
    fn section(&mut self) -> Result<(), Error> {
        if !self.fill(8)? {
            return Err(Error::NotACapture);
        }
        self.is_big = false;
        if self.word(8) != BYTE_ORDER {
            self.is_big = true;
        }
        if self.word(8) != BYTE_ORDER {
            return Err(Error::Unknown("byte order"));
        }
        let total = self.block_length(28)?;
        if !self.fill(total - 12)? {
            return Err(Error::NotACapture);
        }
        if self.half(12) != 1 {
            return Err(Error::Unknown("version"));
        }
        self.check_trailer(total)?;
        self.interfaces.clear();
        self.intact += total as u64;
        Ok(())
    }

    fn block_length(&self, minimum: usize) -> Result<usize, Error> {
        let total = self.word(4) as usize;
        if total < minimum || total > BLOCK_BYTES_MAX {
            return Err(self.damaged("a block has an impossible length"));
        }
        // Some writers forget the padding in the length; it is in the file all the same.
        Ok(total.next_multiple_of(4))
    }

    fn check_trailer(&self, total: usize) -> Result<(), Error> {
        if (self.word(total - 4) as usize).next_multiple_of(4) == total {
            Ok(())
        } else {
            Err(self.damaged("the two lengths of a block differ"))
        }
    }

    fn block(&mut self) -> Result<Option<Parsed>, Error> {
        self.buffer.clear();
        if !self.fill(4)? {
            return Ok(None);
        }
        if self.buffer == SECTION.to_le_bytes() {
            return match self.section() {
                Ok(()) => Ok(Some(Parsed::Other(SECTION))),
                // The file may end in it as in any other block.
                Err(Error::NotACapture) if self.is_cut => Ok(None),
                Err(error) => Err(error),
            };
        }
        if !self.fill(4)? {
            return Ok(None);
        }
        let total = self.block_length(12)?;
        if !self.fill(total - 8)? {
            return Ok(None);
        }
        self.check_trailer(total)?;
        let parsed = match self.word(0) {
            INTERFACE => self.interface(total)?,
            ENHANCED_PACKET => self.enhanced_packet(total)?,
            SIMPLE_PACKET => self.simple_packet(total)?,
            STATISTICS => self.statistics(total)?,
            other => Parsed::Other(other),
        };
        self.intact += total as u64;
        Ok(Some(parsed))
    }

    fn interface(&mut self, total: usize) -> Result<Parsed, Error> {
        if total < 20 {
            return Err(self.damaged("an interface block is too short"));
        }
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err(self.damaged("there are too many interfaces"));
        }
        let mut interface = InterfaceInfo {
            link: LinkType::new(self.half(8)),
            snaplen: self.word(12),
            name: String::new(),
            filter: String::new(),
            units: 1_000_000,
            offset: 0,
        };
        for (code, value) in self.options(16, total) {
            let bytes = &self.buffer[value.clone()];
            match (code, bytes) {
                (2, name) => interface.name = String::from_utf8_lossy(name).into_owned(),
                (9, [resolution, ..]) => {
                    let power = u32::from(resolution & 0x7f);
                    let base: u64 = if resolution & 0x80 != 0 { 2 } else { 10 };
                    interface.units = base
                        .checked_pow(power)
                        .ok_or_else(|| self.damaged("a time stamp is finer than any clock"))?;
                }
                (11, [0, filter @ ..]) => interface.filter = String::from_utf8_lossy(filter).into_owned(),
                (14, _) if bytes.len() == 8 => interface.offset = self.double(value.start).cast_signed(),
                _ => {}
            }
        }
        self.interfaces.push(interface.clone());
        Ok(Parsed::Interface(interface))
    }

    fn enhanced_packet(&mut self, total: usize) -> Result<Parsed, Error> {
        let captured = self.word(20) as usize;
        let end = captured.next_multiple_of(4).saturating_add(28);
        if total < 32 || end > total - 4 {
            return Err(self.damaged("a packet does not fit its block"));
        }
        let interface = self.word(8);
        let stamp = u64::from(self.word(12)) << 32 | u64::from(self.word(16));
        let (mut dropped, mut direction) = (0, None);
        for (code, value) in self.options(end, total) {
            match (code, value.len()) {
                // The lowest two bits of the flags (section 4.3.1).
                (2, 4) => {
                    direction = match self.word(value.start) & 3 {
                        1 => Some(Direction::Inbound),
                        2 => Some(Direction::Outbound),
                        _ => None,
                    }
                }
                (4, 8) => dropped = self.double(value.start),
                _ => {}
            }
        }
        Ok(Parsed::Packet {
            interface,
            stamp_nanos: Some(self.nanos(interface, stamp)?),
            original_length: self.word(24),
            start: 28,
            captured,
            dropped,
            direction,
        })
    }

    fn simple_packet(&mut self, total: usize) -> Result<Parsed, Error> {
        let snaplen = self.known(0)?.snaplen;
        if total < 16 {
            return Err(self.damaged("a packet does not fit its block"));
        }
        let original_length = self.word(8);
        let limit = if snaplen == 0 { u32::MAX } else { snaplen };
        Ok(Parsed::Packet {
            interface: 0,
            stamp_nanos: None,
            original_length,
            start: 12,
            captured: (original_length.min(limit) as usize).min(total - 16),
            dropped: 0,
            direction: None,
        })
    }

    fn statistics(&mut self, total: usize) -> Result<Parsed, Error> {
        if total < 24 {
            return Err(self.damaged("a statistics block is too short"));
        }
        let interface = self.word(8);
        let stamp = u64::from(self.word(12)) << 32 | u64::from(self.word(16));
        let mut statistics = Statistics {
            interface,
            stamp_nanos: self.nanos(interface, stamp)?,
            ..Statistics::default()
        };
        for (code, value) in self.options(20, total) {
            if value.len() != 8 {
                continue;
            }
            let count = Some(self.double(value.start));
            let time = u64::from(self.word(value.start)) << 32 | u64::from(self.word(value.start + 4));
            match code {
                2 => statistics.start_nanos = Some(self.nanos(interface, time)?),
                3 => statistics.end_nanos = Some(self.nanos(interface, time)?),
                4 => statistics.received = count,
                5 => statistics.interface_dropped = count,
                6 => statistics.accepted = count,
                7 => statistics.os_dropped = count,
                8 => statistics.delivered = count,
                _ => {}
            }
        }
        Ok(Parsed::Statistics(statistics))
    }

    /// The options between `start` and the end of a block, each as code and range of bytes. A broken one ends the list.
    fn options(&self, start: usize, total: usize) -> Vec<(u16, std::ops::Range<usize>)> {
        let end = total - 4;
        let mut found = Vec::new();
        let mut at = start;
        while at + 4 <= end {
            let (code, length) = (self.half(at), usize::from(self.half(at + 2)));
            let value = at + 4..at + 4 + length;
            if code == 0 || value.end > end {
                break;
            }
            at = value.end.next_multiple_of(4);
            found.push((code, value));
        }
        found
    }

    fn known(&self, interface: u32) -> Result<&InterfaceInfo, Error> {
        self.interfaces
            .get(interface as usize)
            .ok_or_else(|| self.damaged("a block names an interface that was not described"))
    }

    fn nanos(&self, interface: u32, stamp: u64) -> Result<u64, Error> {
        let info = self.known(interface)?;
        let nanos = u128::from(stamp) * 1_000_000_000 / u128::from(info.units);
        let shifted = i128::try_from(nanos).unwrap_or(i128::MAX) + i128::from(info.offset) * 1_000_000_000;
        Ok(u64::try_from(shifted).unwrap_or(if shifted < 0 { 0 } else { u64::MAX }))
    }

    fn item(&self, parsed: Parsed) -> Result<Item<'_>, Error> {
        Ok(match parsed {
            Parsed::Interface(interface) => Item::Interface(interface),
            Parsed::Statistics(statistics) => Item::Statistics(statistics),
            Parsed::Other(kind) => Item::Other(kind),
            Parsed::Packet {
                interface,
                stamp_nanos,
                original_length,
                start,
                captured,
                dropped,
                direction,
            } => Item::Packet(PacketItem {
                interface,
                link: self.known(interface)?.link,
                stamp_nanos,
                original_length,
                bytes: self.buffer.get(start..start + captured).unwrap_or_default(),
                dropped,
                direction,
            }),
        })
    }
}

/// What a record says, with its bytes still in the buffer.
enum Parsed {
    Interface(InterfaceInfo),
    Packet {
        interface: u32,
        stamp_nanos: Option<u64>,
        original_length: u32,
        start: usize,
        captured: usize,
        dropped: u64,
        direction: Option<Direction>,
    },
    Statistics(Statistics),
    Other(u32),
}

#[cfg(test)]
mod tests;
