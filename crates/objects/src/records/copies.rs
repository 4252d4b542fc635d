//! Notes of what is to be looked at in a region.

use crate::ObjectError;
use baleen_blob::{BlobId, Extent, Place};
use bytes::{BufMut, Bytes, BytesMut};

/// An extent that is to be looked at; its id is in the key. Written in the commit of every body, and in no step that may fail,
/// so that it is no serde record: a version, the kind of place, the length, and for a segment its number and the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CopyDue {
    place: Place,
    length: u64,
}

const VERSION: u8 = 1;
const IN_FILE: u8 = 0;
const IN_SEGMENT: u8 = 1;

impl CopyDue {
    pub(crate) fn of(extent: &Extent) -> Self {
        Self {
            place: extent.place,
            length: extent.length,
        }
    }

    /// Bytes of the body.
    pub(crate) fn length(self) -> u64 {
        self.length
    }

    /// The extent of this id.
    pub(crate) fn extent(self, id: BlobId) -> Extent {
        Extent {
            id,
            place: self.place,
            length: self.length,
        }
    }

    pub(crate) fn encode(self) -> Bytes {
        let mut value = BytesMut::with_capacity(26);
        value.put_u8(VERSION);
        match self.place {
            Place::File => {
                value.put_u8(IN_FILE);
                value.put_u64(self.length);
            }
            Place::Segment { segment, offset } => {
                value.put_u8(IN_SEGMENT);
                value.put_u64(self.length);
                value.put_u64(segment);
                value.put_u64(offset);
            }
        }
        value.freeze()
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self, ObjectError> {
        let refuse = || ObjectError::corrupt("a note of a copy is not as it should be");
        let (head, numbers) = value.split_first_chunk::<2>().ok_or_else(refuse)?;
        let (numbers, rest) = numbers.as_chunks::<8>();
        let (place, length) = match (*head, numbers, rest) {
            ([VERSION, IN_FILE], [length], []) => (Place::File, length),
            ([VERSION, IN_SEGMENT], [length, segment, offset], []) => {
                let (segment, offset) = (u64::from_be_bytes(*segment), u64::from_be_bytes(*offset));
                (Place::Segment { segment, offset }, length)
            }
            _ => return Err(refuse()),
        };
        Ok(Self {
            place,
            length: u64::from_be_bytes(*length),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_round_trip_and_others_are_refused() {
        let id = BlobId::from_bytes([7; 16]);
        for place in [
            Place::File,
            Place::Segment {
                segment: 3,
                offset: u64::MAX,
            },
        ] {
            let extent = Extent { id, place, length: 65 };
            let value = CopyDue::of(&extent).encode();
            assert_eq!(CopyDue::decode(&value).unwrap().extent(id), extent);
            assert!(CopyDue::decode(&value[..value.len() - 1]).is_err());
            assert!(CopyDue::decode(&[&value[..], b"x"].concat()).is_err());
            assert!(CopyDue::decode(&[&[2], &value[1..]].concat()).is_err());
        }
        assert!(CopyDue::decode(b"").is_err());
    }
}
