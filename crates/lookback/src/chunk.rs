//! A chunk: what is written, checked and read at once.
//!
//! A head of 64 bytes, then the content, packed with LZ4 if that makes it smaller, then sealed if the ring has a key. The
//! checksums begin with the segment's salt, which nobody outside knows: a head that was sent to us in a packet is no head.
//! Chunks lie on multiples of 64 bytes, so that after a damaged one the next is found.
//!
//! | bytes of the head | |
//! | --- | --- |
//! | 0..4 | `BLKC` |
//! | 4 | kind |
//! | 5 | 1 packed + 2 sealed |
//! | 6 | place in its block |
//! | 7 | 0 |
//! | 8..12 | number in its segment: the nonce |
//! | 12..16 | number of its block |
//! | 16..24 | bytes stored, bytes plain |
//! | 24..28 | packets |
//! | 28..44 | first and last stamp, which need not be those of the first and last packet |
//! | 44..56 | packets lost by the kernel, by a disk that was too slow, by the cut-off |
//! | 56..60 | CRC32C of the content as stored |
//! | 60..64 | CRC32C of the head |

use crate::hash::HashKey;
use crate::limits::{CHUNK_PLAIN_MAX, CHUNK_STORED_MAX};
use baleen_sealing::blocks::{PieceKey, Salt};
use crc_fast::{CrcAlgorithm, Digest};

pub(crate) const HEAD_BYTES: usize = 64;
/// What chunks are aligned to.
pub(crate) const ALIGNMENT: usize = HEAD_BYTES;
pub(crate) const MAGIC: [u8; 4] = *b"BLKC";

const PACKED: u8 = 1;
const SEALED: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Packets = 1,
    Sieve = 2,
    Table = 3,
    Contents = 4,
}

/// What is said of the packets of a chunk, or of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) packets: u32,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Lost by the kernel.
    pub(crate) dropped: u32,
    /// Lost since the disk was too slow, or full.
    pub(crate) left_out: u32,
    /// Not kept, by the cut-off or the sampling.
    pub(crate) cut: u32,
}

impl Summary {
    /// Of no packet.
    pub(crate) const NONE: Self = Self {
        packets: 0,
        first: u64::MAX,
        last: 0,
        dropped: 0,
        left_out: 0,
        cut: 0,
    };

    pub(crate) fn take(&mut self, stamp: u64) {
        self.packets = self.packets.saturating_add(1);
        self.first = self.first.min(stamp);
        self.last = self.last.max(stamp);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.packets = self.packets.saturating_add(other.packets);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.dropped = self.dropped.saturating_add(other.dropped);
        self.left_out = self.left_out.saturating_add(other.left_out);
        self.cut = self.cut.saturating_add(other.cut);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    flags: u8,
    /// Place in its block.
    pub(crate) index: u8,
    number: u32,
    pub(crate) block: u32,
    stored: u32,
    plain: u32,
    pub(crate) summary: Summary,
    body_crc: u32,
}

/// What a chunk is of, before it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Of {
    pub(crate) kind: Kind,
    pub(crate) index: u8,
    pub(crate) block: u32,
    pub(crate) summary: Summary,
}

/// What makes the chunks of one segment its own.
#[derive(Debug)]
pub(crate) struct Codec {
    pub(crate) salt: Salt,
    pub(crate) hash_key: HashKey,
    /// In a sealed segment.
    pub(crate) key: Option<PieceKey>,
}

/// Bytes that are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl Head {
    /// Bytes of the chunk with its head, without what aligns the next one.
    pub(crate) fn bytes(&self) -> usize {
        HEAD_BYTES + self.stored as usize
    }
}

impl Codec {
    fn crc(&self, parts: &[&[u8]]) -> u32 {
        let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
        digest.update(&self.salt);
        for part in parts {
            digest.update(part);
        }
        #[expect(clippy::cast_possible_truncation, reason = "CRC32C has 32 bits")]
        let crc = digest.finalize() as u32;
        crc
    }

    /// Appends a chunk, aligned, and returns its bytes without what aligns the next one. No number may come twice in a
    /// segment.
    pub(crate) fn write(&self, of: &Of, number: u32, plain: &[u8], out: &mut Vec<u8>) -> u32 {
        debug_assert!(plain.len() <= CHUNK_PLAIN_MAX && plain.first() == Some(&(of.kind as u8)));
        let mut body = vec![0; lz4_flex::block::get_maximum_output_size(plain.len())];
        let packed = lz4_flex::block::compress_into(plain, &mut body);
        let mut flags = 0;
        match packed {
            Ok(bytes) if bytes < plain.len() => {
                body.truncate(bytes);
                flags |= PACKED;
            }
            _ => {
                body.clear();
                body.extend_from_slice(plain);
            }
        }
        if let Some(key) = &self.key {
            key.seal_block(u64::from(number), &mut body);
            flags |= SEALED;
        }
        let head = Head {
            kind: of.kind,
            flags,
            index: of.index,
            number,
            block: of.block,
            stored: length(body.len()),
            plain: length(plain.len()),
            summary: of.summary,
            body_crc: self.crc(&[&number.to_le_bytes(), &body]),
        };
        out.extend_from_slice(&self.encode(&head));
        out.extend_from_slice(&body);
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        length(head.bytes())
    }

    fn encode(&self, head: &Head) -> [u8; HEAD_BYTES] {
        let mut out = [0; HEAD_BYTES];
        out[..4].copy_from_slice(&MAGIC);
        out[4..8].copy_from_slice(&[head.kind as u8, head.flags, head.index, 0]);
        let summary = &head.summary;
        for (at, word) in [
            (8, head.number),
            (12, head.block),
            (16, head.stored),
            (20, head.plain),
            (24, summary.packets),
            (44, summary.dropped),
            (48, summary.left_out),
            (52, summary.cut),
            (56, head.body_crc),
        ] {
            out[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        out[28..36].copy_from_slice(&summary.first.to_le_bytes());
        out[36..44].copy_from_slice(&summary.last.to_le_bytes());
        let crc = self.crc(&[&out[..60]]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a head; `None` where there is none.
    pub(crate) fn head(&self, bytes: &[u8]) -> Option<Head> {
        let bytes = bytes.first_chunk::<HEAD_BYTES>()?;
        if bytes[..4] != MAGIC || word(bytes, 60) != self.crc(&[&bytes[..60]]) {
            return None;
        }
        let kind = match bytes[4] {
            1 => Kind::Packets,
            2 => Kind::Sieve,
            3 => Kind::Table,
            4 => Kind::Contents,
            _ => return None,
        };
        let head = Head {
            kind,
            flags: bytes[5],
            index: bytes[6],
            number: word(bytes, 8),
            block: word(bytes, 12),
            stored: word(bytes, 16),
            plain: word(bytes, 20),
            summary: Summary {
                packets: word(bytes, 24),
                first: long(bytes, 28),
                last: long(bytes, 36),
                dropped: word(bytes, 44),
                left_out: word(bytes, 48),
                cut: word(bytes, 52),
            },
            body_crc: word(bytes, 56),
        };
        let fits = head.stored as usize <= CHUNK_STORED_MAX && head.plain as usize <= CHUNK_PLAIN_MAX;
        let is_of_the_segment = (head.flags & SEALED != 0) == self.key.is_some();
        (fits && is_of_the_segment).then_some(head)
    }

    /// Whether the stored bytes are those that were written.
    pub(crate) fn is_whole(&self, head: &Head, chunk: &[u8]) -> bool {
        let body = chunk.get(HEAD_BYTES..head.bytes());
        body.is_some_and(|body| self.crc(&[&head.number.to_le_bytes(), body]) == head.body_crc)
    }

    /// Reads a chunk that begins where `chunk` does: its head and its plain content, whose first byte is its kind.
    pub(crate) fn open(&self, chunk: &[u8]) -> Result<(Head, Vec<u8>), Damaged> {
        let head = self.head(chunk).ok_or(Damaged)?;
        if !self.is_whole(&head, chunk) {
            return Err(Damaged);
        }
        let body = &chunk[HEAD_BYTES..head.bytes()];
        let opened;
        let body = if let Some(key) = &self.key {
            opened = key.open_block(u64::from(head.number), body).map_err(|_| Damaged)?;
            opened.as_slice()
        } else {
            body
        };
        let plain = if head.flags & PACKED == 0 {
            body.to_vec()
        } else {
            let mut plain = vec![0; head.plain as usize];
            let bytes = lz4_flex::block::decompress_into(body, &mut plain).map_err(|_| Damaged)?;
            plain.truncate(bytes);
            plain
        };
        if plain.len() != head.plain as usize || plain.first() != Some(&(head.kind as u8)) {
            return Err(Damaged);
        }
        Ok((head, plain))
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a chunk is far below 4 GiB")
}

/// A word at a place that is inside; 0 where it is not.
pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    found.copied().map_or(0, u32::from_le_bytes)
}

/// The same for eight bytes.
pub(crate) fn long(bytes: &[u8], at: usize) -> u64 {
    let found = bytes.get(at..).and_then(|rest| rest.first_chunk());
    found.copied().map_or(0, u64::from_le_bytes)
}
