//! Records: what is stored in a value, with a version byte first and a way forward for older shapes.
//!
//! The body is [postcard]: a stable, documented format that serde types derive. Why it and not JSON: a record of a few
//! hundred bytes is read in a fraction of a microsecond and is a third of the size, and the object index is read and
//! written for every request. Why not a self-describing format: what a missing or an unknown field means is never guessed
//! here; a changed shape is a new version with a migration that says it. So attributes that need a self-describing format
//! (`flatten`, `untagged`, `skip_serializing_if`, `default`) must not be used on records.
//!
//! To change a shape: move the old struct as it is into the `v1` module of its crate, raise [`Record::VERSION`], set
//! [`Record::Before`] to the old struct, write [`Record::migrate`], and add a test with old bytes.
//!
//! [postcard]: https://postcard.jamesmunns.com/wire-format

use baleen_types::{Classify, FaultKind};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A stored shape.
///
/// ```
/// use baleen_meta::record::{self, NoBefore, Record};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Note { text: String }
///
/// impl Record for Note {
///     const NAME: &'static str = "note";
///     const VERSION: u8 = 1;
///     type Before = NoBefore;
///     fn migrate(before: NoBefore) -> Self { match before {} }
/// }
///
/// let bytes = record::encode(&Note { text: "catch".into() }).unwrap();
/// assert_eq!(bytes[0], 1);
/// assert_eq!(record::decode::<Note>(&bytes).unwrap().text, "catch");
/// assert!(record::decode::<Note>(b"\x02catch").is_err());
/// ```
pub trait Record: Serialize + DeserializeOwned {
    /// What the record is called in errors.
    const NAME: &'static str;
    /// The first byte of every stored record of this shape; from 1, one higher than that of [`Record::Before`].
    const VERSION: u8;
    /// The shape before this one; [`NoBefore`] for the first.
    type Before: Record;
    /// Makes this shape of the one before.
    fn migrate(before: Self::Before) -> Self;
}

/// Declares a type the first version of a record, by this name in errors.
///
/// ```
/// use baleen_meta::record::{self, first_version};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Note { text: String }
/// first_version!(Note, "note");
///
/// assert_eq!(record::encode(&Note { text: "catch".into() }).unwrap()[0], 1);
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __first_version {
    ($type:ty, $name:literal) => {
        impl $crate::record::Record for $type {
            const NAME: &'static str = $name;
            const VERSION: u8 = 1;
            type Before = $crate::record::NoBefore;
            fn migrate(before: $crate::record::NoBefore) -> Self {
                match before {}
            }
        }
    };
}
#[doc(inline)]
pub use crate::__first_version as first_version;

/// The end of the chain: the shape before the first. It has no values.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
pub enum NoBefore {}

impl Record for NoBefore {
    const NAME: &'static str = "record";
    const VERSION: u8 = 0;
    type Before = Self;
    fn migrate(before: Self) -> Self {
        before
    }
}

/// A record that cannot be written or read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecordError {
    /// The value has no bytes.
    #[error("stored {name} is empty")]
    Empty {
        /// Which record.
        name: &'static str,
    },
    /// The version is none we know; a higher one was written by a newer release.
    #[error(
        "stored {name} has version {version}, this release reads 1 to {newest}; was the store used by a newer one?"
    )]
    UnknownVersion {
        /// Which record.
        name: &'static str,
        /// The version found.
        version: u8,
        /// The newest version known.
        newest: u8,
    },
    /// The body is not of that shape.
    #[error("stored {name} of version {version} cannot be read: {why}")]
    Malformed {
        /// Which record.
        name: &'static str,
        /// Its version.
        version: u8,
        /// What the decoder said.
        why: String,
    },
    /// The value in memory cannot be written, for instance a sequence of unknown length.
    #[error("{name} cannot be written: {why}")]
    Unwritable {
        /// Which record.
        name: &'static str,
        /// What the encoder said.
        why: String,
    },
}

impl Classify for RecordError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Empty { .. } | Self::UnknownVersion { .. } | Self::Malformed { .. } => FaultKind::Corrupt,
            Self::Unwritable { .. } => FaultKind::Internal,
        }
    }
}

/// Writes a record in its newest shape.
///
/// # Errors
/// `Internal` when the type uses what the format does not have.
pub fn encode<R: Record>(record: &R) -> Result<Bytes, RecordError> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(R::VERSION);
    postcard::to_extend(record, bytes)
        .map(Bytes::from)
        .map_err(|error| RecordError::Unwritable {
            name: R::NAME,
            why: error.to_string(),
        })
}

/// Reads a record of this or any older version; older ones are migrated step by step.
///
/// # Errors
/// `Corrupt` when the bytes are not a record of a known version.
pub fn decode<R: Record>(bytes: &[u8]) -> Result<R, RecordError> {
    let (&version, body) = bytes.split_first().ok_or(RecordError::Empty { name: R::NAME })?;
    if version == 0 || version > R::VERSION {
        return Err(RecordError::UnknownVersion {
            name: R::NAME,
            version,
            newest: R::VERSION,
        });
    }
    decode_version(version, body)
}

/// Decodes the first fields of a record, for who needs no more of it: `F` is a struct of them. `None` of a record older than `since`,
/// the first version that begins with them. What follows is not looked at.
///
/// # Errors
/// As [`decode`].
pub fn decode_front<'b, R: Record, F: serde::Deserialize<'b>>(
    bytes: &'b [u8],
    since: u8,
) -> Result<Option<F>, RecordError> {
    match bytes.split_first() {
        Some((&version, body)) if (since..=R::VERSION).contains(&version) => match postcard::take_from_bytes(body) {
            Ok((front, _)) => Ok(Some(front)),
            Err(error) => Err(RecordError::Malformed {
                name: R::NAME,
                version,
                why: error.to_string(),
            }),
        },
        _ => Ok(None),
    }
}

fn decode_version<R: Record>(version: u8, body: &[u8]) -> Result<R, RecordError> {
    if version < R::VERSION {
        return decode_version::<R::Before>(version, body).map(R::migrate);
    }
    let malformed = |why: String| RecordError::Malformed {
        name: R::NAME,
        version,
        why,
    };
    match postcard::take_from_bytes(body) {
        Ok((record, [])) => Ok(record),
        Ok((_, rest)) => Err(malformed(format!("{} bytes too many", rest.len()))),
        Err(error) => Err(malformed(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
