//! Names of stored bytes.

use std::fmt;

/// The random id of one blob. It is mixed into every block's checksum, so that bytes of another blob are never taken for
/// this one's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId([u8; 16]);

/// Whom a blob was written for, as its owner puts it; kept in the blob's header for tools which rebuild metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnerTag(pub [u8; 16]);

/// Where the bytes of a blob are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// In a range of a segment.
    Segment {
        /// The segment's number.
        segment: u64,
        /// Where its header begins; a multiple of 4096.
        offset: u64,
    },
    /// In a file of its own, named by the blob's id.
    File,
}

/// One stored blob: enough to find, check and read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Extent {
    /// The blob.
    pub id: BlobId,
    /// Where it is.
    pub place: Place,
    /// Its bytes, without headers and checksums.
    pub length: u64,
}

impl BlobId {
    /// Takes the bytes of an id, fresh from entropy or from a record.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, as they go into records.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The folder of a file of its own: ids are random, so the folders fill evenly.
    pub(crate) const fn folder(self) -> u8 {
        self.0[0]
    }

    /// Reads the name of a file of its own.
    pub(crate) fn from_file_name(name: &str) -> Option<Self> {
        let number = u128::from_str_radix(name, 16).ok()?;
        let id = Self(number.to_be_bytes());
        (id.to_string() == name).then_some(id)
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment { segment, offset } => write!(f, "segment {segment} at {offset}"),
            Self::File => f.write_str("own file"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_round_trip_and_others_are_refused() {
        let id = BlobId::from_bytes(*b"\x00123456789abcdef");
        assert_eq!(BlobId::from_file_name(&id.to_string()), Some(id));
        for name in [
            "",
            "1",
            "lost+found",
            "+0000000000000000000000000000001",
            "FF",
            &id.to_string().to_uppercase()[..31],
        ] {
            assert_eq!(BlobId::from_file_name(name), None, "{name}");
        }
    }
}
