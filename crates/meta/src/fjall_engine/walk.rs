//! A scan under way.

use super::read_failed;
use crate::{Direction, Entry, Result, Scan};
use bytes::Bytes;
use fjall::{Guard, Iter, Keyspace, Readable as _, Snapshot};
use std::ops::Bound;

/// Room for a row as they mostly are.
const ROW_BYTES: usize = 192;

/// Rows are copied, so that a small value does not keep a whole block of the cache alive; and all of a page into one place,
/// since a page of a thousand would ask the allocator two thousand times. Whoever keeps a row keeps its page.
pub(super) struct Walk {
    rows: Iter,
    direction: Direction,
    keys_only: bool,
    left: usize,
    bytes: Vec<u8>,
    /// Bytes of the key and of the value of each row.
    lengths: Vec<(usize, usize)>,
}

impl Walk {
    pub(super) fn new(snapshot: &Snapshot, keyspace: &Keyspace, scan: Scan) -> Self {
        let range: (Bound<Vec<u8>>, Bound<Vec<u8>>) = scan.range;
        Self {
            rows: snapshot.range(keyspace, range),
            direction: scan.direction,
            keys_only: scan.keys_only,
            left: scan.limit,
            bytes: Vec::new(),
            lengths: Vec::new(),
        }
    }

    /// Reads so many rows, or what is left; whether there may be more.
    pub(super) fn go(&mut self, most: usize) -> Result<bool> {
        for _ in 0..most.min(self.left) {
            let row = match self.direction {
                Direction::Forward => self.rows.next(),
                Direction::Backward => self.rows.next_back(),
            };
            let Some(row) = row else { return Ok(false) };
            self.take(row)?;
        }
        self.left -= most.min(self.left);
        Ok(self.left > 0)
    }

    fn take(&mut self, row: Guard) -> Result<()> {
        if self.lengths.is_empty() {
            // A page that is not empty is mostly full.
            self.bytes
                .reserve(self.left.min(super::INLINE_SCAN_ENTRIES) * ROW_BYTES);
        }
        let (key, value) = if self.keys_only {
            (row.key().map_err(read_failed)?, None)
        } else {
            let (key, value) = row.into_inner().map_err(read_failed)?;
            (key, Some(value))
        };
        let value = value.as_deref().unwrap_or_default();
        self.bytes.extend_from_slice(&key);
        self.bytes.extend_from_slice(value);
        self.lengths.push((key.len(), value.len()));
        Ok(())
    }

    pub(super) fn into_entries(self) -> Vec<Entry> {
        let mut bytes = Bytes::from(self.bytes);
        let entry = |(key, value)| Entry {
            key: bytes.split_to(key),
            value: bytes.split_to(value),
        };
        self.lengths.into_iter().map(entry).collect()
    }
}
