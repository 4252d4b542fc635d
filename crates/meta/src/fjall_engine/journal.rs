//! Reads fjall's journal files (`N.jnl`), to judge their end and to cut off a refused batch.
//!
//! fjall takes anything it cannot parse for the torn end of the last write, cuts the file there and drops all that follows;
//! one flipped bit in a length is enough to lose acknowledged writes silently. What follows the last intact batch tells
//! both apart ([`Tail`]).
//!
//! Format of fjall 3.1 (`src/journal/entry.rs`), little-endian; the version is pinned and a test reads what it writes:
//! start `1, items u32, seqno u64`; item `2, kind u8, compression u8, keyspace u64, key length u16, value length u32,
//! stored length u32, key, value`; end `3, xxh3-64 of all items, "FJL\x03"`. Behind the last batch are zeros, because a
//! new file is extended to 64 MiB first.

use crate::{KEY_BYTES_MAX, REQUEST_BYTES_MAX, VALUE_BYTES_MAX};
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

const TAG_START: u8 = 1;
const TAG_ITEM: u8 = 2;
const TAG_END: u8 = 3;
const TRAILER: &[u8; 4] = b"FJL\x03";

/// Sequence numbers have 63 bits; fjall panics above.
const SEQNO_LIMIT: u64 = 1 << 63;

/// More than one batch can take, with all headers.
const TAIL_BYTES_MAX: u64 = 8 * 1024 * 1024;
const _: () = assert!(2 * REQUEST_BYTES_MAX as u64 <= TAIL_BYTES_MAX);

/// What a disk writes wholly or not at all; a sector that was never written reads as zeros.
const SECTOR_BYTES: usize = 512;

/// Where a write may be broken off by a kill or a full disk.
const PAGE_BYTES: u64 = 4096;

/// One intact batch in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) seqno: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What follows the last intact batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing.
    Clean,
    /// The beginning of a batch whose write was broken off. It was never acknowledged.
    Torn,
    /// A batch that was written wholly, and is not now what it was.
    Damaged(&'static str),
}

/// Lists the journals of a store, oldest first, as fjall does.
pub(super) fn files(store: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(store)? {
        let path = entry?.path();
        let number = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .and_then(|stem| stem.parse().ok());
        if let (Some(number), Some("jnl")) = (number, path.extension().and_then(|extension| extension.to_str())) {
            found.push((number, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Walks one journal: calls `each` with every intact batch in order, and returns the end of the last one and the tail.
pub(super) fn walk(path: &Path, mut each: impl FnMut(Span)) -> io::Result<(u64, Tail)> {
    let mut file = BufReader::with_capacity(256 * 1024, File::open(path)?);
    let mut start = 0;
    loop {
        match parse(&mut file) {
            Ok(Batch { seqno, bytes }) => {
                each(Span {
                    seqno,
                    start,
                    end: start + bytes,
                });
                start += bytes;
            }
            Err(Fault::Io(error)) => return Err(error),
            Err(_) => return Ok((start, tail(file.into_inner(), start)?)),
        }
    }
}

/// Cuts all batches from a sequence number on, with what is left of a broken one, and syncs.
///
/// For use on a closed store whose last write was refused: only that write can have such a number. `acknowledged` is a number that
/// the last batch before it has or exceeds, if there was one since the store was opened.
///
/// # Errors
/// `InvalidData`, with nothing cut, when what is broken may be a batch that was acknowledged. Behind the last of these there is only
/// the refused one; elsewhere damage may have come since the journal was checked, and what is behind it would be lost.
pub(super) fn cut(store: &Path, refused: u64, acknowledged: Option<u64>) -> io::Result<()> {
    let mut cuts = Vec::new();
    for (_, path) in files(store)? {
        let (mut kept, mut has_last) = (0, false);
        let (broken_at, tail) = walk(&path, |span| {
            if span.seqno < refused {
                kept = span.end;
                has_last |= acknowledged.is_some_and(|acknowledged| span.seqno >= acknowledged);
            }
        })?;
        let is_lost = match tail {
            Tail::Clean => false,
            // A journal that begins with the refused batch has nothing before it. If it begins with one from before, which was broken
            // since and has a torn one behind it, its number says so.
            Tail::Torn if kept == 0 => number_at(&path, broken_at)?.is_some_and(|number| number < refused),
            Tail::Torn => acknowledged.is_some(),
            Tail::Damaged(_) => true,
        };
        if is_lost && !has_last {
            let why = format!("{} is damaged at byte {broken_at}", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        cuts.push((path, kept));
    }
    for (path, kept) in cuts {
        shorten(&path, kept)?;
    }
    Ok(())
}

/// The number that stands at the beginning of a batch, be the rest of it what it may.
fn number_at(path: &Path, start: u64) -> io::Result<Option<u64>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let header = match take::<13>(&mut file) {
        Ok(header) => header,
        Err(Fault::Io(error)) => return Err(error),
        Err(_) => return Ok(None),
    };
    let number = header.last_chunk::<8>().map(|number| u64::from_le_bytes(*number));
    Ok(number.filter(|_| header[0] == TAG_START))
}

/// Cuts all journals to nothing, and syncs: for a closed store that has all of them in tables.
pub(super) fn empty(store: &Path) -> io::Result<()> {
    files(store)?.into_iter().try_for_each(|(_, path)| shorten(&path, 0))
}

fn shorten(path: &Path, length: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.sync_all()
}

struct Batch {
    seqno: u64,
    bytes: u64,
}

enum Fault {
    /// The file ends before the batch does.
    Short,
    /// Something is there that fjall does not write.
    Malformed,
    /// All items are well-formed, but the mark at the end is wrong; with the length the batch should have.
    Trailer {
        bytes: u64,
    },
    /// All is well-formed, but the items are not what was written.
    Checksum,
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Short
        } else {
            Self::Io(error)
        }
    }
}

fn parse(reader: &mut impl Read) -> Result<Batch, Fault> {
    let [tag, header @ ..] = take::<13>(reader)?;
    if tag != TAG_START {
        return Err(Fault::Malformed);
    }
    let (items, seqno) = header.split_first_chunk::<4>().ok_or(Fault::Short)?;
    let items = u32::from_le_bytes(*items);
    let seqno = seqno.try_into().map(u64::from_le_bytes).map_err(|_| Fault::Short)?;
    if seqno >= SEQNO_LIMIT {
        return Err(Fault::Malformed);
    }
    let mut bytes = 13;
    let mut hasher = Xxh3::new();
    let mut content = Vec::new();
    for _ in 0..items {
        bytes += parse_item(reader, &mut hasher, &mut content)?;
    }
    let [tag, rest @ ..] = take::<13>(reader)?;
    bytes += 13;
    if tag != TAG_END || rest[8..] != *TRAILER {
        return Err(Fault::Trailer { bytes });
    }
    if rest[..8] != hasher.digest().to_le_bytes() {
        return Err(Fault::Checksum);
    }
    Ok(Batch { seqno, bytes })
}

fn parse_item(reader: &mut impl Read, hasher: &mut Xxh3, content: &mut Vec<u8>) -> Result<u64, Fault> {
    let header = take::<21>(reader)?;
    let [tag, _kind, compression, ..] = header;
    let key = u16::from_le_bytes([header[11], header[12]]);
    let value = u32::from_le_bytes([header[13], header[14], header[15], header[16]]);
    let stored = u32::from_le_bytes([header[17], header[18], header[19], header[20]]);
    if tag != TAG_ITEM || compression != 0 {
        return Err(Fault::Malformed);
    }
    // We store neither longer keys nor larger values, nor compress them here.
    if usize::from(key) > KEY_BYTES_MAX || value != stored || stored as usize > VALUE_BYTES_MAX {
        return Err(Fault::Malformed);
    }
    content.resize(usize::from(key) + stored as usize, 0);
    reader.read_exact(content)?;
    hasher.update(&header);
    hasher.update(content);
    Ok(21 + u64::from(key) + u64::from(stored))
}

fn take<const N: usize>(reader: &mut impl Read) -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Judges what is in the file behind the last intact batch.
fn tail(mut file: File, start: u64) -> io::Result<Tail> {
    let end = data_end(&mut file, start)?;
    if end == start {
        return Ok(Tail::Clean);
    }
    if end - start > TAIL_BYTES_MAX {
        return Ok(Tail::Damaged("far more than one batch follows a broken one"));
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(end - start).read_to_end(&mut bytes)?;
    Ok(judge(&bytes, start))
}

/// The position behind the last byte that is not zero.
fn data_end(file: &mut File, start: u64) -> io::Result<u64> {
    let (mut at, mut end) = (start, start);
    let (mut chunk, zeros) = (vec![0; 256 * 1024], vec![0; 256 * 1024]);
    file.seek(SeekFrom::Start(start))?;
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(end);
        }
        // A new journal is 64 MiB of zeros, so these are compared as a whole, which is quick also without optimisation.
        if chunk[..read] != zeros[..read]
            && let Some(last) = chunk[..read].iter().rposition(|byte| *byte != 0)
        {
            end = at + last as u64 + 1;
        }
        at += read as u64;
    }
}

/// Tells a torn write from a damaged batch. `bytes` start at a batch's place in the file and end with a byte that is not
/// zero.
///
/// A write that breaks off leaves a beginning, or, after a power cut, sectors that never reached the disk. Damage leaves
/// a batch of full length with its end in place.
fn judge(bytes: &[u8], start: u64) -> Tail {
    if intact_batch_follows(bytes) {
        return Tail::Damaged("intact batches follow a broken one");
    }
    if has_unwritten_sector(bytes, start) {
        return Tail::Torn;
    }
    // The zeros cut off at the end may belong to the batch.
    let mut padded = bytes.chain(&[0; TRAILER.len()][..]);
    match parse(&mut padded) {
        Ok(_) => Tail::Clean,
        Err(Fault::Checksum) => Tail::Damaged("the checksum of the last batch does not match"),
        Err(Fault::Trailer { bytes: length }) => {
            let (written, expected) = (start + bytes.len() as u64, start + length);
            let broken_off = expected > written && expected.next_multiple_of(PAGE_BYTES) - PAGE_BYTES >= written;
            if broken_off {
                Tail::Torn
            } else {
                Tail::Damaged("the end mark of the last batch is wrong")
            }
        }
        Err(_) if bytes.ends_with(TRAILER) => Tail::Damaged("the last batch is complete, but malformed"),
        Err(_) => Tail::Torn,
    }
}

fn intact_batch_follows(bytes: &[u8]) -> bool {
    (1..bytes.len())
        .filter(|&at| bytes[..at].ends_with(TRAILER) && bytes[at] == TAG_START)
        .any(|at| parse(&mut &bytes[at..]).is_ok())
}

fn has_unwritten_sector(bytes: &[u8], start: u64) -> bool {
    let into_sector = usize::try_from(start % SECTOR_BYTES as u64).unwrap_or_default();
    let skipped = (SECTOR_BYTES - into_sector) % SECTOR_BYTES;
    let sectors = bytes.get(skipped..).unwrap_or_default().chunks_exact(SECTOR_BYTES);
    sectors.into_iter().any(|sector| sector.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests;
