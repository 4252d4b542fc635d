//! What is stored of versions that are not the current object.

use super::ObjectRecord;
use crate::{ObjectError, Version};
use baleen_meta::record::{self, first_version};
use baleen_types::{Timestamp, VersionId};
use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// The id of a version as keys and records hold it.
pub(crate) type VersionBytes = [u8; 16];

/// How clients name a version.
pub(crate) fn name_of(version: VersionBytes, is_null: bool) -> Version {
    if is_null {
        Version::Null
    } else {
        Version::Id(VersionId::from_bytes(version))
    }
}

/// The mark that an object was deleted while its versions were kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MarkerRecord {
    pub(crate) version: VersionBytes,
    pub(crate) is_null: bool,
    pub(crate) modified_ns: i64,
}
first_version!(MarkerRecord, "delete marker");

impl MarkerRecord {
    /// How clients name it.
    pub(crate) fn name(&self) -> Version {
        name_of(self.version, self.is_null)
    }

    pub(crate) fn modified(&self) -> Timestamp {
        Timestamp::from_nanos(self.modified_ns)
    }
}

/// A noncurrent version. It is stored as what it was while it was current, behind a byte that says which of both, so that
/// it moves from table to table without being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VersionRecord {
    Object(Box<ObjectRecord>),
    Marker(MarkerRecord),
}

const OBJECT: u8 = 1;
const MARKER: u8 = 2;

impl VersionRecord {
    /// The value of a noncurrent version, made of the value of a current object.
    pub(crate) fn of_object(stored: &[u8]) -> Bytes {
        Self::tagged(OBJECT, stored)
    }

    /// The value of a noncurrent version, made of the value of a current delete marker.
    pub(crate) fn of_marker(stored: &[u8]) -> Bytes {
        Self::tagged(MARKER, stored)
    }

    fn tagged(tag: u8, stored: &[u8]) -> Bytes {
        let mut value = BytesMut::with_capacity(1 + stored.len());
        value.put_u8(tag);
        value.put_slice(stored);
        value.freeze()
    }

    /// The value that this version had, and will have, as the current one.
    pub(crate) fn current_value(value: &Bytes) -> Bytes {
        value.slice(1.min(value.len())..)
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self, ObjectError> {
        match value.split_first() {
            Some((&OBJECT, stored)) => Ok(Self::Object(Box::new(record::decode(stored)?))),
            Some((&MARKER, stored)) => Ok(Self::Marker(record::decode(stored)?)),
            _ => Err(ObjectError::corrupt(
                "a version is neither an object nor a delete marker",
            )),
        }
    }

    pub(crate) fn version(&self) -> VersionBytes {
        match self {
            Self::Object(object) => object.version,
            Self::Marker(marker) => marker.version,
        }
    }

    /// How clients name it.
    pub(crate) fn name(&self) -> Version {
        match self {
            Self::Object(object) => object.name(),
            Self::Marker(marker) => marker.name(),
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.name() == Version::Null
    }

    pub(crate) fn modified(&self) -> Timestamp {
        match self {
            Self::Object(object) => object.modified(),
            Self::Marker(marker) => marker.modified(),
        }
    }
}

/// Where the null version of a key is among its noncurrent ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NullRecord {
    pub(crate) version: VersionBytes,
}
first_version!(NullRecord, "null version");
