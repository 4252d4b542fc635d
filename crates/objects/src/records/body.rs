//! Where the bytes of objects and parts are.

use crate::ObjectError;
use baleen_blob::{BlobId, Extent, Place};
use baleen_meta::record::first_version;
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

/// Pieces in one page: at most 45 bytes each, so that a page is below the value limit of 64 KiB.
pub(crate) const PAGE_PIECES_MAX: usize = 1000;

/// One page of pieces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExtentPage {
    pub(crate) pieces: Vec<Piece>,
}
first_version!(ExtentPage, "extent page");

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
    /// There are none.
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
}

impl Piece {
    /// The extent of the volume that holds the bytes, if one does.
    pub(crate) fn extent(&self) -> Option<Extent> {
        let (id, place) = match self.at {
            PieceAt::Empty | PieceAt::Inline { .. } => return None,
            PieceAt::Segment { id, segment, offset } => (id, Place::Segment { segment, offset }),
            PieceAt::File { id } => (id, Place::File),
        };
        Some(Extent {
            id: BlobId::from_bytes(id),
            place,
            length: self.size,
        })
    }
}

impl From<Extent> for PieceAt {
    fn from(extent: Extent) -> Self {
        let id = *extent.id.as_bytes();
        match extent.place {
            Place::Segment { segment, offset } => Self::Segment { id, segment, offset },
            Place::File => Self::File { id },
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
