//! The first fields of the record of an object, which are what a listing tells.

use super::{AlgorithmRecord, ETagRecord, ObjectRecord, VersionBytes, kind_of};
use crate::{ChecksumAlgorithm, ChecksumKind, ObjectError};
use baleen_meta::record;
use serde::Deserialize;

/// The first version of an object's record that begins so.
const SINCE: u8 = 2;

/// The same fields as those of [`ObjectRecord`], in their order.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ListedObject<'b> {
    _version: VersionBytes,
    _is_null: bool,
    pub(crate) size: u64,
    pub(crate) modified_ns: i64,
    pub(crate) etag: ETagRecord,
    #[serde(borrow)]
    pub(crate) checksum: Option<ListedChecksum<'b>>,
}

/// A [`super::ChecksumRecord`] whose digest is not copied.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct ListedChecksum<'b> {
    algorithm: AlgorithmRecord,
    _digest: &'b [u8],
    composite_of: Option<u16>,
}

impl<'b> ListedObject<'b> {
    /// Reads them; `None` of a record of before, which is to be read whole.
    pub(crate) fn decode(stored: &'b [u8]) -> Result<Option<Self>, ObjectError> {
        Ok(record::decode_front::<ObjectRecord, Self>(stored, SINCE)?)
    }
}

impl ListedChecksum<'_> {
    pub(crate) fn is_of(&self) -> (ChecksumAlgorithm, ChecksumKind) {
        (self.algorithm.into(), kind_of(self.composite_of))
    }
}
