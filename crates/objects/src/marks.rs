//! What on the volume belongs to a store, for who copies the store without knowing objects.

use crate::records::LiveExtent;
use crate::{ObjectError, keys};
use baleen_blob::Extent;
use baleen_meta::record;

/// The extent that a row of [`baleen_meta::keys::Table::Extent`] says is live. A row of the store names no other.
///
/// # Errors
/// [`ObjectError::Corrupt`]: it is no such row.
pub fn live_extent(key: &[u8], value: &[u8]) -> Result<Extent, ObjectError> {
    let live: LiveExtent = record::decode(value)?;
    Ok(keys::extent_of(key, &live)?)
}
