//! Where the bytes of objects and parts are.

use super::v1;
use crate::ObjectError;
use baleen_blob::{BlobId, Extent, Place};
use baleen_meta::record::{Record, first_version};
use baleen_sealing::blocks::{Salt, sealed_length};
use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// Where an object's bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum BodyRecord {
    /// In these pieces, in order.
    Pieces(Vec<Piece>),
    /// In the pieces of so many extent pages under this id.
    Pages {
        /// The id in the pages' keys.
        id: [u8; 16],
        /// How many pages there are.
        pages: u32,
    },
}

/// Most pieces inside an object's record; more go to pages, so that listings read short records.
pub(crate) const RECORD_PIECES_MAX: usize = 16;

/// Pieces in one page: at most 61 bytes each and 32 of a checksum, so that a page is below the value limit of 64 KiB. Until
/// checksums were kept a page had up to 1,000.
pub(crate) const PAGE_PIECES_MAX: usize = 640;

/// One page of pieces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExtentPage {
    pub(crate) pieces: Vec<Piece>,
    /// Their checksums, as in an object's record.
    pub(crate) digests: Vec<u8>,
}

impl Record for ExtentPage {
    const NAME: &'static str = "extent page";
    const VERSION: u8 = 2;
    type Before = v1::ExtentPage;
    fn migrate(before: v1::ExtentPage) -> Self {
        Self {
            pieces: before.pieces,
            digests: Vec::new(),
        }
    }
}

/// Bytes that were put at once: a body or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Piece {
    /// The part number; 1 for an object that was put at once.
    pub(crate) part: u16,
    pub(crate) size: u64,
    pub(crate) at: PieceAt,
}

/// Where the bytes of a piece are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PieceAt {
    /// There are none, and so nothing is sealed.
    Empty,
    /// In the keyspace.
    Inline {
        /// Under this id.
        id: [u8; 16],
    },
    /// In a segment of the volume.
    Segment {
        /// The blob's id.
        id: [u8; 16],
        /// The segment.
        segment: u64,
        /// Where in it.
        offset: u64,
    },
    /// In a file of its own on the volume.
    File {
        /// The blob's id.
        id: [u8; 16],
    },
    /// As [`PieceAt::Inline`], and sealed.
    SealedInline { id: [u8; 16], salt: Salt },
    /// As [`PieceAt::Segment`], and sealed.
    SealedSegment {
        id: [u8; 16],
        segment: u64,
        offset: u64,
        salt: Salt,
    },
    /// As [`PieceAt::File`], and sealed.
    SealedFile { id: [u8; 16], salt: Salt },
}

impl Piece {
    /// The extent of the volume that holds the bytes, if one does.
    pub(crate) fn extent(&self) -> Option<Extent> {
        let (id, place) = match self.at {
            PieceAt::Empty | PieceAt::Inline { .. } | PieceAt::SealedInline { .. } => return None,
            PieceAt::Segment { id, segment, offset }
            | PieceAt::SealedSegment {
                id, segment, offset, ..
            } => (id, Place::Segment { segment, offset }),
            PieceAt::File { id } | PieceAt::SealedFile { id, .. } => (id, Place::File),
        };
        Some(Extent {
            id: BlobId::from_bytes(id),
            place,
            length: self.stored_bytes(),
        })
    }

    /// The number of bytes as they are stored.
    pub(crate) fn stored_bytes(&self) -> u64 {
        match self.at.salt() {
            Some(_) => sealed_length(self.size),
            None => self.size,
        }
    }
}

impl PieceAt {
    /// In the keyspace under this id.
    pub(crate) fn inline(id: [u8; 16], salt: Option<Salt>) -> Self {
        match salt {
            Some(salt) => Self::SealedInline { id, salt },
            None => Self::Inline { id },
        }
    }

    /// In this extent.
    pub(crate) fn extent(extent: Extent, salt: Option<Salt>) -> Self {
        let id = *extent.id.as_bytes();
        match (extent.place, salt) {
            (Place::Segment { segment, offset }, None) => Self::Segment { id, segment, offset },
            (Place::Segment { segment, offset }, Some(salt)) => Self::SealedSegment {
                id,
                segment,
                offset,
                salt,
            },
            (Place::File, None) => Self::File { id },
            (Place::File, Some(salt)) => Self::SealedFile { id, salt },
        }
    }

    /// Whether the bytes are in the keyspace.
    pub(crate) fn is_inline(&self) -> bool {
        matches!(self, Self::Inline { .. } | Self::SealedInline { .. })
    }

    /// What the key of the bytes is derived with, if they are sealed.
    pub(crate) fn salt(&self) -> Option<Salt> {
        match *self {
            Self::Empty | Self::Inline { .. } | Self::Segment { .. } | Self::File { .. } => None,
            Self::SealedInline { salt, .. } | Self::SealedSegment { salt, .. } | Self::SealedFile { salt, .. } => {
                Some(salt)
            }
        }
    }
}

/// The mark that an extent is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LiveExtent {
    /// The blob's id.
    pub(crate) id: [u8; 16],
    pub(crate) length: u64,
}
first_version!(LiveExtent, "live extent");

/// Writes an inline body: a version, a CRC32C of the bytes, the bytes. Not a serde record, so that reading copies nothing.
pub(crate) fn encode_inline(body: &[u8]) -> Bytes {
    let mut value = BytesMut::with_capacity(INLINE_HEADER_BYTES + body.len());
    value.put_u8(INLINE_VERSION);
    value.put_u32(crc_fast::crc32_iscsi(body));
    value.put_slice(body);
    value.freeze()
}

/// Reads an inline body back.
pub(crate) fn decode_inline(value: &Bytes) -> Result<Bytes, ObjectError> {
    let header = value
        .first_chunk::<INLINE_HEADER_BYTES>()
        .filter(|header| header[0] == INLINE_VERSION);
    let header = header.ok_or_else(|| ObjectError::corrupt("an inline body has no header"))?;
    let body = value.slice(INLINE_HEADER_BYTES..);
    if crc_fast::crc32_iscsi(&body).to_be_bytes() == header[1..] {
        Ok(body)
    } else {
        Err(ObjectError::corrupt("an inline body does not match its checksum"))
    }
}

const INLINE_VERSION: u8 = 1;
const INLINE_HEADER_BYTES: usize = 5;
