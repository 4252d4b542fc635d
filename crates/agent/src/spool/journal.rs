//! The journal of an order: lines with a length and a checksum, in postcard.

use crate::limits::{JOURNAL_LINE_BYTES_MAX, JOURNAL_RESERVE_BYTES};
use crate::part::PartHead;
use baleen_agentwire::{Counts, Ended};
use crc_fast::CrcAlgorithm::Crc32Iscsi;
use rustix::fs::{FallocateFlags, fallocate};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

const FILE: &str = "journal";

/// The length and the checksum before a line.
const LINE_HEAD_BYTES: usize = 2 + 4;

/// What is noted. Kinds are only ever added behind the last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Line {
    /// What a part holds so far.
    Part(PartLine),
    /// It is in the store.
    Stored(PartLine),
    /// No more packets are taken.
    Ended(Ended),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartLine {
    pub(super) number: u32,
    pub(super) length: u64,
    pub(super) crc32c: u32,
    pub(super) after: Counts,
    /// Whether that is all of it.
    pub(super) is_whole: bool,
    pub(super) ends_file: bool,
}

impl PartLine {
    pub(super) fn of(head: &PartHead, is_whole: bool) -> Self {
        Self {
            number: head.number,
            length: head.length,
            crc32c: head.crc32c,
            after: Counts {
                packets: head.after.packets,
                bytes: head.after.bytes,
                dropped: head.after.dropped,
            },
            is_whole,
            ends_file: head.ends_file,
        }
    }

    pub(super) fn head(&self) -> PartHead {
        PartHead {
            number: self.number,
            length: self.length,
            crc32c: self.crc32c,
            after: baleen_capture::Counts {
                packets: self.after.packets,
                bytes: self.after.bytes,
                dropped: self.after.dropped,
            },
            ends_file: self.ends_file,
        }
    }
}

/// The journal that is being written.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    /// Up to here it is good.
    length: u64,
    /// Up to here the disk has space for it.
    reserved: u64,
    /// Whether something is behind its good lines that could not be taken away: nothing behind that would be read.
    is_broken: bool,
}

impl Journal {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(FILE))?;
        let mut this = Self {
            file,
            length: 0,
            reserved: 0,
            is_broken: false,
        };
        this.reserve();
        Ok(this)
    }

    /// Reads a journal up to its first damage, and goes on writing there.
    pub(super) fn recover(folder: &Path) -> io::Result<(Self, Vec<Line>)> {
        let path = folder.join(FILE);
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)?;
        let bytes = std::fs::read(&path)?;
        let (lines, length) = read(&bytes);
        let mut this = Self {
            file,
            length: length as u64,
            reserved: 0,
            is_broken: false,
        };
        this.rewind()?;
        this.reserve();
        Ok((this, lines))
    }

    /// Appends a line, or leaves the journal as it was.
    pub(super) fn put(&mut self, line: &Line) -> io::Result<()> {
        let bytes = encode(line)?;
        if self.is_broken {
            self.rewind()?;
        }
        let written = self.file.write_all(&bytes);
        match written {
            Ok(()) => {
                self.length += bytes.len() as u64;
                self.reserve();
            }
            // Or what comes behind would not be read.
            Err(_) => self.rewind()?,
        }
        written
    }

    /// Has what was put there after a loss of power too.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Has space at hand for lines to come: on a disk that is full, what is in the store has to be noted before it can be deleted. What
    /// cannot be had, as on a disk that knows no such thing, is tried again at the next line.
    fn reserve(&mut self) {
        if self.reserved.saturating_sub(self.length) >= JOURNAL_RESERVE_BYTES / 2 {
            return;
        }
        let until = self.length + JOURNAL_RESERVE_BYTES;
        if fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, until).is_ok() {
            self.reserved = until;
        }
    }

    fn rewind(&mut self) -> io::Result<()> {
        // What is beyond the end is given back with it.
        self.reserved = self.length;
        self.is_broken = true;
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        self.is_broken = false;
        Ok(())
    }
}

fn encode(line: &Line) -> io::Result<Vec<u8>> {
    let payload = postcard::to_allocvec(line).map_err(io::Error::other)?;
    if payload.len() > JOURNAL_LINE_BYTES_MAX {
        // Nothing behind it would be read.
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let length = u16::try_from(payload.len()).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(LINE_HEAD_BYTES + payload.len());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&checksum(&payload).to_le_bytes());
    bytes.extend_from_slice(&payload);
    Ok(bytes)
}

fn checksum(payload: &[u8]) -> u32 {
    // It has 32 bits.
    u32::try_from(crc_fast::checksum(Crc32Iscsi, payload)).unwrap_or_default()
}

/// The lines, and how many bytes they are.
fn read(bytes: &[u8]) -> (Vec<Line>, usize) {
    let mut lines = Vec::new();
    let mut rest = bytes;
    while let Some((line, behind)) = next(rest) {
        lines.push(line);
        rest = behind;
    }
    (lines, bytes.len() - rest.len())
}

fn next(bytes: &[u8]) -> Option<(Line, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::from(u16::from_le_bytes(*length));
    if length > JOURNAL_LINE_BYTES_MAX {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(length)?;
    if checksum(payload) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some((postcard::from_bytes(payload).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(number: u32) -> PartLine {
        PartLine {
            number,
            length: 7,
            crc32c: 9,
            after: Counts::default(),
            is_whole: true,
            ends_file: false,
        }
    }

    fn lines() -> Vec<Line> {
        let words = Some("x".repeat(1024));
        let ended = Ended {
            counts: Counts::default(),
            parts: 3,
            trouble: words.clone(),
            missing: words,
        };
        vec![Line::Part(part(0)), Line::Stored(part(0)), Line::Ended(ended)]
    }

    /// Lines of another release are read by this one: their bytes stay.
    #[test]
    fn a_line_has_the_bytes_that_it_has_always_had() {
        for (line, bytes) in [
            (Line::Part(part(1)), [0, 1, 7, 9, 0, 0, 0, 1, 0]),
            (Line::Stored(part(2)), [1, 2, 7, 9, 0, 0, 0, 1, 0]),
        ] {
            assert_eq!(postcard::to_allocvec(&line).unwrap(), bytes);
        }
    }

    #[test]
    fn it_is_read_up_to_its_first_damage() {
        let mut bytes = Vec::new();
        let mut ends = vec![0];
        for line in lines() {
            bytes.extend(encode(&line).unwrap());
            ends.push(bytes.len());
        }
        assert_eq!(read(&bytes), (lines(), bytes.len()));
        for cut in 0..bytes.len() {
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            assert_eq!(read(&bytes[..cut]), (lines()[..whole].to_vec(), ends[whole]), "{cut}");
            let mut flipped = bytes.clone();
            flipped[cut] ^= 4;
            let (read, _) = read(&flipped);
            assert_eq!(read, lines()[..whole], "{cut}");
        }
    }

    #[test]
    fn what_would_not_be_read_is_not_written() {
        let words = |bytes: usize| {
            Line::Ended(Ended {
                counts: Counts::default(),
                parts: 3,
                trouble: Some("x".repeat(bytes)),
                missing: None,
            })
        };
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(dir.path()).unwrap();
        let most = JOURNAL_LINE_BYTES_MAX - postcard::to_allocvec(&words(0)).unwrap().len() - 1;
        assert!(journal.put(&words(most + 1)).is_err());
        journal.put(&words(most)).unwrap();
        journal.put(&Line::Part(part(1))).unwrap();
        let (_, read) = Journal::recover(dir.path()).unwrap();
        assert_eq!(read, [words(most), Line::Part(part(1))]);
    }

    #[test]
    fn what_is_written_behind_a_damage_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(dir.path()).unwrap();
        journal.put(&lines()[0]).unwrap();
        std::fs::OpenOptions::new()
            .append(true)
            .open(dir.path().join(FILE))
            .unwrap()
            .write_all(b"torn")
            .unwrap();
        let (mut journal, read) = Journal::recover(dir.path()).unwrap();
        assert_eq!(read, lines()[..1]);
        journal.put(&lines()[1]).unwrap();
        assert_eq!(Journal::recover(dir.path()).unwrap().1, lines()[..2]);
    }

    /// Lines that are written take space of before, however many they are.
    #[test]
    fn space_for_lines_is_there_before_the_disk_is_full() {
        use std::os::unix::fs::MetadataExt as _;
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::create(dir.path()).unwrap();
        for _ in 0..40 {
            let found = std::fs::metadata(dir.path().join(FILE)).unwrap();
            assert_eq!(found.len(), journal.length);
            assert!(found.blocks() * 512 >= found.len() + JOURNAL_RESERVE_BYTES / 2);
            journal.put(&lines()[2]).unwrap();
        }
        assert_eq!(Journal::recover(dir.path()).unwrap().1.len(), 40);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let (_, length) = read(&bytes);
            prop_assert!(length <= bytes.len());
        }
    }
}
