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

/// A noncurrent version. It is stored as what it was while it was current, behind a byte that says which of both and the time
/// at which it became noncurrent, so that it moves from table to table without being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum VersionRecord {
    Object(Box<ObjectRecord>),
    Marker(MarkerRecord),
}

/// From before there was a time.
const OBJECT_UNDATED: u8 = 1;
const MARKER_UNDATED: u8 = 2;
const OBJECT: u8 = 3;
const MARKER: u8 = 4;

/// What stands before the value that a version had as the current one.
#[derive(Clone, Copy)]
struct Header {
    is_object: bool,
    since_ns: Option<i64>,
    bytes: usize,
}

impl Header {
    fn read(value: &[u8]) -> Result<Self, ObjectError> {
        let unknown = || ObjectError::corrupt("a version is neither an object nor a delete marker");
        let (&tag, rest) = value.split_first().ok_or_else(unknown)?;
        let (is_object, is_dated) = match tag {
            OBJECT_UNDATED => (true, false),
            MARKER_UNDATED => (false, false),
            OBJECT => (true, true),
            MARKER => (false, true),
            _ => return Err(unknown()),
        };
        if !is_dated {
            return Ok(Self {
                is_object,
                since_ns: None,
                bytes: 1,
            });
        }
        let since = rest.first_chunk().ok_or_else(unknown)?;
        Ok(Self {
            is_object,
            since_ns: Some(i64::from_be_bytes(*since)),
            bytes: 1 + since.len(),
        })
    }
}

impl VersionRecord {
    /// The value of a noncurrent version, made of the value of a current object.
    pub(crate) fn of_object(stored: &[u8], since: Timestamp) -> Bytes {
        Self::tagged(OBJECT, stored, since)
    }

    /// The value of a noncurrent version, made of the value of a current delete marker.
    pub(crate) fn of_marker(stored: &[u8], since: Timestamp) -> Bytes {
        Self::tagged(MARKER, stored, since)
    }

    fn tagged(tag: u8, stored: &[u8], since: Timestamp) -> Bytes {
        let mut value = BytesMut::with_capacity(1 + 8 + stored.len());
        value.put_u8(tag);
        value.put_i64(since.as_nanos());
        value.put_slice(stored);
        value.freeze()
    }

    /// The value of a noncurrent version with something else in the place of what it would be as the current one.
    pub(crate) fn amended(value: &[u8], stored: &[u8]) -> Result<Bytes, ObjectError> {
        let header = &value[..Header::read(value)?.bytes];
        Ok([header, stored].concat().into())
    }

    /// The value that this version had, and will have, as the current one.
    pub(crate) fn current_value(value: &Bytes) -> Result<Bytes, ObjectError> {
        Ok(value.slice(Header::read(value)?.bytes..))
    }

    /// When it became noncurrent; `None` if that was before it was noted.
    pub(crate) fn since(value: &[u8]) -> Result<Option<Timestamp>, ObjectError> {
        Ok(Header::read(value)?.since_ns.map(Timestamp::from_nanos))
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self, ObjectError> {
        let header = Header::read(value)?;
        let stored = &value[header.bytes..];
        Ok(if header.is_object {
            Self::Object(Box::new(record::decode(stored)?))
        } else {
            Self::Marker(record::decode(stored)?)
        })
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
