//! Parts of a file, put together of the pieces that the engine hands over.

use baleen_capture::Counts;
use bytes::Bytes;
use crc_fast::CrcAlgorithm::Crc32Iscsi;
use crc_fast::Digest;

/// Space that is taken for a part at once: for one of the usual length.
const RESERVED_BYTES_MAX: usize = (8 << 20) + (256 << 10);

/// What is said of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartHead {
    /// From 0.
    pub(crate) number: u32,
    /// Its bytes.
    pub(crate) length: u64,
    /// Their CRC-32C.
    pub(crate) crc32c: u32,
    /// What the file holds with it.
    pub(crate) after: Counts,
    /// Whether it is known to be the last.
    pub(crate) ends_file: bool,
}

/// The part that is being filled.
pub(crate) struct OpenPart {
    number: u32,
    part_bytes: u64,
    bytes: Vec<u8>,
    digest: Digest,
    after: Counts,
}

impl OpenPart {
    /// An empty first part of a file whose parts have so many bytes.
    pub(crate) fn new(part_bytes: u64) -> Self {
        Self {
            number: 0,
            part_bytes,
            bytes: Vec::new(),
            digest: Digest::new(Crc32Iscsi),
            after: Counts::default(),
        }
    }

    /// Takes a piece. The whole of it goes into this part, which may then be full.
    pub(crate) fn push(&mut self, piece: &[u8], after: Counts) {
        if self.bytes.capacity() == 0 {
            // What grew by itself would take up to twice as much.
            let most = usize::try_from(self.part_bytes).unwrap_or_default();
            self.bytes.reserve(most.min(RESERVED_BYTES_MAX) + piece.len());
        }
        self.bytes.extend_from_slice(piece);
        self.digest.update(piece);
        self.after = after;
    }

    /// What it holds so far.
    pub(crate) fn head(&self) -> PartHead {
        PartHead {
            number: self.number,
            length: self.bytes.len() as u64,
            crc32c: crc32c(&self.digest),
            after: self.after,
            ends_file: false,
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() as u64 >= self.part_bytes
    }

    /// Takes it away and begins the next one; `None` when there is nothing in it.
    pub(crate) fn close(&mut self, ends_file: bool) -> Option<(PartHead, Bytes)> {
        if self.bytes.is_empty() {
            return None;
        }
        let head = PartHead {
            ends_file,
            ..self.head()
        };
        let bytes = std::mem::take(&mut self.bytes);
        self.digest = Digest::new(Crc32Iscsi);
        self.number += 1;
        Some((head, bytes.into()))
    }
}

/// The checksum as parts and journals have it.
pub(crate) fn crc32c(digest: &Digest) -> u32 {
    // It has 32 bits.
    u32::try_from(digest.finalize()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(packets: u64) -> Counts {
        Counts {
            packets,
            bytes: packets * 100,
            dropped: 0,
        }
    }

    #[test]
    fn pieces_become_parts_that_are_long_enough_and_lack_nothing() {
        let mut open = OpenPart::new(1000);
        let mut whole = Vec::new();
        let mut sent = Vec::new();
        let mut heads = Vec::new();
        for n in 0..50u64 {
            let piece = vec![u8::try_from(n).unwrap(); usize::try_from(n * 7 % 400).unwrap() + 1];
            whole.extend_from_slice(&piece);
            open.push(&piece, counts(n + 1));
            if open.is_full() {
                let (head, bytes) = open.close(false).unwrap();
                assert!(head.length >= 1000 && head.length < 1400);
                assert_eq!((head.after, head.ends_file), (counts(n + 1), false));
                sent.extend_from_slice(&bytes);
                heads.push(head);
            }
        }
        let (last, bytes) = open.close(true).unwrap();
        sent.extend_from_slice(&bytes);
        assert!(last.ends_file && last.after == counts(50));
        assert_eq!(u64::from(crc32c_of(&bytes)), u64::from(last.crc32c));
        assert_eq!(sent, whole);
        assert!(heads.iter().map(|head| head.number).eq(0..last.number));
        // What is empty is no part.
        assert!(open.close(true).is_none() && !open.is_full());
    }

    fn crc32c_of(bytes: &[u8]) -> u32 {
        u32::try_from(crc_fast::checksum(Crc32Iscsi, bytes)).unwrap()
    }
}
