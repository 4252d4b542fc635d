//! The bytes of an extent: a header of 64 bytes, then blocks of up to 64 KiB, each followed by its checksum. Pure.
//!
//! | bytes | header field |
//! | --- | --- |
//! | 0..8 | magic, which carries the version |
//! | 8..24 | blob id |
//! | 24..40 | owner tag |
//! | 40..48 | length of the blob, big-endian |
//! | 48..60 | zero |
//! | 60..64 | CRC32C of bytes 0..60, big-endian |

use crate::{BlobId, OwnerTag};
use crc_fast::{CrcAlgorithm, Digest};

const MAGIC: [u8; 8] = *b"BALEENX1";

/// Bytes of the header.
pub(crate) const HEADER_BYTES: u64 = 64;
/// Bytes of a full block.
pub const BLOCK_BYTES: u64 = 64 << 10;
/// Bytes of a block's checksum.
pub(crate) const CRC_BYTES: u64 = 4;
/// Bytes from one block to the next.
pub(crate) const STRIDE_BYTES: u64 = BLOCK_BYTES + CRC_BYTES;
/// Extents in segments begin at multiples of a page, so that no two share one.
pub(crate) const ALIGNMENT: u64 = 4096;

/// The header as a usable length.
pub(crate) const HEADER_LEN: usize = 64;
/// A full block as a usable length.
pub(crate) const BLOCK_LEN: usize = 64 << 10;
/// A checksum as a usable length.
pub(crate) const CRC_LEN: usize = 4;
/// The stride as a usable length.
pub(crate) const STRIDE_LEN: usize = BLOCK_LEN + CRC_LEN;

const _: () = assert!(HEADER_LEN as u64 == HEADER_BYTES && STRIDE_LEN as u64 == STRIDE_BYTES);

/// Bytes that a blob of `length` takes with its header and checksums.
pub(crate) const fn stored_bytes(length: u64) -> u64 {
    HEADER_BYTES + length + length.div_ceil(BLOCK_BYTES) * CRC_BYTES
}

/// Bytes that it takes of a segment.
pub(crate) const fn allocated_bytes(length: u64) -> u64 {
    stored_bytes(length).next_multiple_of(ALIGNMENT)
}

/// Where block `index` begins, counted from the header.
pub(crate) const fn block_offset(index: u64) -> u64 {
    HEADER_BYTES + index * STRIDE_BYTES
}

/// The checksum of one block; depends on the blob and the block's place, so that neither can be confused.
pub(crate) fn block_crc(id: BlobId, index: u64, bytes: &[u8]) -> [u8; CRC_LEN] {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(id.as_bytes());
    digest.update(&index.to_be_bytes());
    digest.update(bytes);
    low_32_bits(digest.finalize())
}

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) id: BlobId,
    pub(crate) owner: OwnerTag,
    pub(crate) length: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..24].copy_from_slice(self.id.as_bytes());
        bytes[24..40].copy_from_slice(&self.owner.0);
        bytes[40..48].copy_from_slice(&self.length.to_be_bytes());
        let crc = low_32_bits(crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, &bytes[..60]));
        bytes[60..].copy_from_slice(&crc);
        bytes
    }

    /// Reads a header; `None` if it is not one, or not whole.
    pub(crate) fn decode(bytes: &[u8; HEADER_LEN]) -> Option<Self> {
        let field = |from: usize| <[u8; 16]>::try_from(&bytes[from..from + 16]).unwrap_or_default();
        let header = Self {
            id: BlobId::from_bytes(field(8)),
            owner: OwnerTag(field(24)),
            length: u64::from_be_bytes(bytes[40..48].try_into().unwrap_or_default()),
        };
        // Encoding again covers the magic, the zeroes and the checksum in one comparison.
        (header.encode() == *bytes).then_some(header)
    }
}

fn low_32_bits(crc: u64) -> [u8; 4] {
    let bytes = crc.to_be_bytes();
    [bytes[4], bytes[5], bytes[6], bytes[7]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (length, stored, allocated) in [
            (0, 64, 4096),
            (1, 69, 4096),
            (4028, 4096, 4096),
            (4029, 4097, 8192),
            (BLOCK_BYTES, 64 + 65536 + 4, 69632),
            (BLOCK_BYTES + 1, 64 + 65537 + 8, 69632),
        ] {
            assert_eq!(
                (stored_bytes(length), allocated_bytes(length)),
                (stored, allocated),
                "{length}"
            );
        }
    }

    #[test]
    fn every_flipped_bit_of_a_header_is_seen() {
        let header = Header {
            id: BlobId::from_bytes([7; 16]),
            owner: OwnerTag([9; 16]),
            length: 12345,
        };
        let good = header.encode();
        assert_eq!(Header::decode(&good), Some(header));
        for bit in 0..HEADER_LEN * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bad), None, "bit {bit}");
        }
    }

    #[test]
    fn a_block_of_another_blob_or_place_does_not_pass() {
        let (a, b) = (BlobId::from_bytes([1; 16]), BlobId::from_bytes([2; 16]));
        let crc = block_crc(a, 0, b"bytes");
        assert_ne!(crc, block_crc(b, 0, b"bytes"));
        assert_ne!(crc, block_crc(a, 1, b"bytes"));
        // CRC-32C("123456789") is the check value of the catalogue, which shows that the polynomial is the right one.
        assert_eq!(crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, b"123456789"), 0xE306_9283);
    }
}
