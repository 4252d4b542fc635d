//! A segment: one file, written once from its beginning to its end, and deleted as a whole.
//!
//! Head (twice, so that a flipped bit there does not cost the segment), blocks, contents, trailer. A block is up to 16
//! chunks of packets with their sieve and table behind them. The contents name all blocks; the trailer tells where they
//! are. A segment that was not ended, by a kill or a full disk, has neither: its chunks are found by their heads.
//!
//! It is never written again. Its salt and its keys are its own, and so no nonce comes twice, whatever was in flight when
//! the process died.

use crate::chunk::{Codec, HEAD_BYTES, Head, Kind, Summary, long, word};
use crate::directory::ChunkPlace;
use crate::hash::HashKey;
use crate::limits::SEGMENT_BLOCKS_MAX;
use crate::walk::walk;
use baleen_runtime::Entropy;
use baleen_sealing::blocks::{BaseKey, Salt};
use crc_fast::{CrcAlgorithm, Digest};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes before the first block.
pub(crate) const FRONT_BYTES: u64 = 4096;
/// Where the head stands, twice.
const HEADS: [u64; 2] = [0, 2048];
const MAGIC: [u8; 8] = *b"BLNLOOK\0";
const VERSION: u16 = 1;
const SEALED: u16 = 1;
const SEGMENT_HEAD_BYTES: usize = 80;
const TRAILER_MAGIC: [u8; 8] = *b"BLNLEND\0";
const TRAILER_BYTES: usize = 24;
const BLOCK_BYTES: usize = 56;

/// The name of a segment's file.
pub(crate) fn name(sequence: u64) -> String {
    format!("{sequence:016x}.seg")
}

/// Reads a name; `None` for a file that is none of ours.
pub(crate) fn sequence_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg").filter(|digits| digits.len() == 16)?;
    let is_ours = digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    is_ours.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

/// A segment as queries find it.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    pub(crate) sequence: u64,
    pub(crate) path: PathBuf,
    pub(crate) codec: Codec,
}

/// A block on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its chunks of packets lie in `start..end`.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// Where its sieve is, and its bytes; none is there after a crash.
    pub(crate) sieve: Option<(u32, u32)>,
    /// The same for its table.
    pub(crate) table: Option<(u32, u32)>,
    pub(crate) summary: Summary,
}

impl Block {
    pub(crate) const EMPTY: Self = Self {
        start: u32::MAX,
        end: 0,
        sieve: None,
        table: None,
        summary: Summary::NONE,
    };

    /// Takes a chunk of packets that stands there.
    pub(crate) fn take(&mut self, place: &ChunkPlace, summary: &Summary) {
        self.start = self.start.min(place.offset);
        self.end = self.end.max(place.offset.saturating_add(place.bytes));
        self.summary.add(summary);
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let (sieve, table) = (self.sieve.unwrap_or_default(), self.table.unwrap_or_default());
        out.extend_from_slice(&self.summary.first.to_le_bytes());
        out.extend_from_slice(&self.summary.last.to_le_bytes());
        for word in [self.start, self.end, sieve.0, sieve.1, table.0, table.1] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        let Summary {
            packets,
            dropped,
            left_out,
            cut,
            ..
        } = self.summary;
        for word in [packets, dropped, left_out, cut] {
            out.extend_from_slice(&word.to_le_bytes());
        }
    }

    fn decode(bytes: &[u8]) -> Self {
        let place = |at| Some((word(bytes, at), word(bytes, at + 4))).filter(|(_, bytes)| *bytes > 0);
        Self {
            start: word(bytes, 16),
            end: word(bytes, 20),
            sieve: place(24),
            table: place(32),
            summary: Summary {
                first: long(bytes, 0),
                last: long(bytes, 8),
                packets: word(bytes, 40),
                dropped: word(bytes, 44),
                left_out: word(bytes, 48),
                cut: word(bytes, 52),
            },
        }
    }
}

/// The content of the chunk that names all blocks.
pub(crate) fn contents(blocks: &[Block]) -> Vec<u8> {
    debug_assert!(blocks.len() <= SEGMENT_BLOCKS_MAX);
    let mut out = Vec::with_capacity(1 + blocks.len() * BLOCK_BYTES);
    out.push(Kind::Contents as u8);
    for block in blocks {
        block.encode(&mut out);
    }
    out
}

impl Codec {
    /// For a new segment.
    pub(crate) fn draw(key: Option<&BaseKey>, hash_key: HashKey, entropy: &dyn Entropy) -> Self {
        let salt: Salt = entropy.bytes();
        Self {
            salt,
            hash_key,
            key: key.map(|key| key.piece(&salt, 0)),
        }
    }

    /// The first bytes of its file.
    pub(crate) fn front(&self, sequence: u64, key: Option<&BaseKey>) -> Vec<u8> {
        let mut head = Vec::with_capacity(SEGMENT_HEAD_BYTES);
        head.extend_from_slice(&MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&(if key.is_some() { SEALED } else { 0 }).to_le_bytes());
        head.extend_from_slice(&[0; 4]);
        head.extend_from_slice(&sequence.to_le_bytes());
        head.extend_from_slice(&self.salt);
        head.extend_from_slice(&self.hash_key);
        head.extend_from_slice(&key.map(|key| check_of(key, &self.salt)).unwrap_or_default());
        head.resize(SEGMENT_HEAD_BYTES - 4, 0);
        head.extend_from_slice(&crc(&head).to_le_bytes());
        let mut front = vec![0; usize::try_from(FRONT_BYTES).unwrap_or_default()];
        for at in HEADS {
            let at = usize::try_from(at).unwrap_or_default();
            front[at..at + head.len()].copy_from_slice(&head);
        }
        front
    }

    /// The last bytes of the file of a segment that was ended.
    pub(crate) fn trailer(&self, offset: u32, bytes: u32) -> [u8; TRAILER_BYTES] {
        let mut out = [0; TRAILER_BYTES];
        out[..8].copy_from_slice(&TRAILER_MAGIC);
        out[8..12].copy_from_slice(&offset.to_le_bytes());
        out[12..16].copy_from_slice(&bytes.to_le_bytes());
        let crc = crc(&[&self.salt, &out[..20]].concat());
        out[20..].copy_from_slice(&crc.to_le_bytes());
        out
    }
}

fn check_of(key: &BaseKey, salt: &Salt) -> [u8; 16] {
    let check = key.check(salt);
    std::array::from_fn(|at| check[at])
}

fn crc(bytes: &[u8]) -> u32 {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(bytes);
    #[expect(clippy::cast_possible_truncation, reason = "CRC32C has 32 bits")]
    let crc = digest.finalize() as u32;
    crc
}

/// What the head of a file says.
pub(crate) enum Front {
    /// It can be read.
    Readable(Codec),
    /// It is sealed, and not under that key.
    WrongKey,
    TooNew,
    /// No head is to be found in it: nothing of it can be read.
    Damaged,
}

/// Reads the head of a file.
pub(crate) fn read_front(file: &File, sequence: u64, key: Option<&BaseKey>) -> io::Result<Front> {
    for at in HEADS {
        let mut head = [0; SEGMENT_HEAD_BYTES];
        if read_up_to(file, &mut head, at)? < head.len() || head[..8] != MAGIC {
            continue;
        }
        if word(&head, SEGMENT_HEAD_BYTES - 4) != crc(&head[..SEGMENT_HEAD_BYTES - 4]) {
            continue;
        }
        if u16::from_le_bytes([head[8], head[9]]) != VERSION {
            return Ok(Front::TooNew);
        }
        if long(&head, 16) != sequence {
            continue;
        }
        let sixteen = |at: usize| std::array::from_fn(|n| head[at + n]);
        let salt: Salt = sixteen(24);
        let is_sealed = u16::from_le_bytes([head[10], head[11]]) & SEALED != 0;
        let key = match (is_sealed, key) {
            (false, _) => None,
            (true, Some(key)) if check_of(key, &salt) == sixteen(56) => Some(key.piece(&salt, 0)),
            (true, _) => return Ok(Front::WrongKey),
        };
        return Ok(Front::Readable(Codec {
            salt,
            hash_key: sixteen(40),
            key,
        }));
    }
    Ok(Front::Damaged)
}

/// Reads until the buffer is full or the file ends.
pub(crate) fn read_up_to(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What was found in a file that was there before.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) blocks: Vec<Block>,
    /// Places that are no chunk, where one should be.
    pub(crate) damaged: u64,
    /// Whether it breaks off in the middle of a chunk.
    pub(crate) is_torn: bool,
}

/// Finds the blocks of a segment: by its contents, or by going through it. `is_thorough` has the bytes of a segment without
/// contents checked as well.
pub(crate) fn find_blocks(file: &File, codec: &Codec, is_thorough: bool) -> io::Result<Found> {
    let bytes = file.metadata()?.len();
    if let Some(blocks) = read_contents(file, codec, bytes)? {
        return Ok(Found {
            blocks,
            ..Found::default()
        });
    }
    walk(file, codec, bytes, is_thorough)
}

fn read_contents(file: &File, codec: &Codec, bytes: u64) -> io::Result<Option<Vec<Block>>> {
    let Some(at) = bytes.checked_sub(TRAILER_BYTES as u64) else {
        return Ok(None);
    };
    let mut trailer = [0; TRAILER_BYTES];
    if read_up_to(file, &mut trailer, at)? < TRAILER_BYTES {
        return Ok(None);
    }
    let (offset, length) = (word(&trailer, 8), word(&trailer, 12));
    if trailer != codec.trailer(offset, length) {
        return Ok(None);
    }
    let Some(chunk) = read_chunk(file, offset, length)? else {
        return Ok(None);
    };
    let Ok((head, plain)) = codec.open(&chunk) else {
        return Ok(None);
    };
    let (blocks, rest) = plain[1..].as_chunks::<BLOCK_BYTES>();
    let is_contents = head.kind == Kind::Contents && rest.is_empty();
    Ok(is_contents.then(|| blocks.iter().map(|block| Block::decode(block)).collect()))
}

/// Reads the bytes of a chunk; `None` when the file has fewer, or no chunk has so many.
pub(crate) fn read_chunk(file: &File, offset: u32, bytes: u32) -> io::Result<Option<Vec<u8>>> {
    let bytes = bytes as usize;
    if bytes > HEAD_BYTES + crate::limits::CHUNK_STORED_MAX {
        return Ok(None);
    }
    let mut chunk = vec![0; bytes];
    let filled = read_up_to(file, &mut chunk, u64::from(offset))?;
    Ok((filled == bytes).then_some(chunk))
}

/// Opens the file of a segment to be read.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// The place of a chunk with that head.
pub(crate) fn place_of(offset: u32, head: &Head) -> ChunkPlace {
    ChunkPlace::new(offset, u32::try_from(head.bytes()).unwrap_or(u32::MAX), &head.summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ours_or_not() {
        for sequence in [0, 1, 0xabc, u64::MAX] {
            assert_eq!(sequence_of(&name(sequence)), Some(sequence));
        }
        for other in [
            "",
            ".seg",
            "0.seg",
            "000000000000000A.seg",
            "+000000000000001.seg",
            "0000000000000001.seg~",
            "0000000000000001",
        ] {
            assert_eq!(sequence_of(other), None, "{other}");
        }
    }
}
