//! The change feed: entries written in the same commit as the change they tell of.
//!
//! Key: table, committer, sequence. Each committer numbers its own entries without gaps, from 1, also over restarts (its
//! last number is stored in the same batch), so a consumer that keeps one cursor per committer misses nothing. A sequence
//! of the whole database would not do: it is not in commit order when several committers write.

use crate::keys::{KeyReader, KeyWriter, Table};
use crate::{CommitterId, Result, Scan};
use std::ops::Bound;

/// A key as long as every feed key, for counting the size of a request.
pub(crate) const SAMPLE_KEY: [u8; 13] = [Table::Feed as u8; 13];

/// The key of one entry.
pub fn entry_key(committer: CommitterId, sequence: u64) -> Vec<u8> {
    KeyWriter::new(Table::Feed).u32(committer.0).u64(sequence).finish()
}

/// Reads committer and sequence out of the key of an entry.
///
/// # Errors
/// `Corrupt` when it is not the key of a feed entry.
pub fn parse_entry_key(key: &[u8]) -> Result<(CommitterId, u64)> {
    let mut reader = KeyReader::new(key, Table::Feed)?;
    let parsed = (CommitterId(reader.u32()?), reader.u64()?);
    reader.end()?;
    Ok(parsed)
}

/// Scans the entries of one committer behind a cursor (0 reads from the start), in commit order.
pub fn entries_after(committer: CommitterId, cursor: u64) -> Scan {
    Scan::range(
        Bound::Excluded(entry_key(committer, cursor)),
        Bound::Included(entry_key(committer, u64::MAX)),
    )
}

/// The key under which a committer keeps the sequence of its last entry.
pub(crate) fn head_key(committer: CommitterId) -> Vec<u8> {
    KeyWriter::new(Table::FeedHead).u32(committer.0).finish()
}
