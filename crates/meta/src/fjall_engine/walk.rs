//! A scan under way.

use super::read_failed;
use crate::{Direction, Entry, Result, Scan};
use bytes::Bytes;
use fjall::{Guard, Keyspace, Readable as _, Snapshot};
use std::time::{Duration, Instant};

/// A turn that takes longer reads from the disk.
const TURN: Duration = Duration::from_millis(1);

/// Rows between two looks at the clock.
const ROWS_OF_A_LOOK: usize = 32;

/// Room for a row as they mostly are.
const ROW_BYTES: usize = 192;

/// Rows are copied, so that a small value does not keep a whole block of the cache alive; and all of a page into one place,
/// since a page of a thousand would ask the allocator two thousand times. Whoever keeps a row keeps its page.
///
/// Nothing of the engine is kept between two turns: an iterator holds tables open, which must not be when the store is closed
/// and opened again.
pub(super) struct Walk {
    /// What is left to read.
    scan: Scan,
    bytes: Vec<u8>,
    /// Bytes of the key and of the value of each row.
    lengths: Vec<(usize, usize)>,
}

/// How a turn ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// All is read.
    Over,
    /// There may be more, and it comes from the disk.
    Slow,
}

impl Walk {
    pub(super) fn new(scan: Scan) -> Self {
        Self {
            scan,
            bytes: Vec::new(),
            lengths: Vec::new(),
        }
    }

    /// Reads some of what is left.
    pub(super) fn turn(&mut self, snapshot: &Snapshot, keyspace: &Keyspace) -> Result<Turn> {
        let begun = Instant::now();
        self.read(snapshot, keyspace, |read| {
            read.is_multiple_of(ROWS_OF_A_LOOK) && begun.elapsed() > TURN
        })
    }

    /// Reads all that is left.
    pub(super) fn rest(&mut self, snapshot: &Snapshot, keyspace: &Keyspace) -> Result<()> {
        self.read(snapshot, keyspace, |_| false).map(drop)
    }

    /// Reads until all is read, or so many rows have taken too long.
    fn read(&mut self, snapshot: &Snapshot, keyspace: &Keyspace, is_slow: impl Fn(usize) -> bool) -> Result<Turn> {
        let mut rows = snapshot.range(keyspace, self.scan.range.clone());
        let mut read = 0;
        while self.lengths.len() < self.scan.limit {
            let row = match self.scan.direction {
                Direction::Forward => rows.next(),
                Direction::Backward => rows.next_back(),
            };
            let Some(row) = row else { return Ok(Turn::Over) };
            self.take(row)?;
            read += 1;
            if is_slow(read) {
                self.go_on_behind_the_last();
                return Ok(Turn::Slow);
            }
        }
        Ok(Turn::Over)
    }

    fn take(&mut self, row: Guard) -> Result<()> {
        // A page of a few rows takes room for them; of one that goes on most is full.
        if self.lengths.len() == ROWS_OF_A_LOOK {
            let more = self.scan.limit.min(super::INLINE_SCAN_ENTRIES);
            self.bytes.reserve(more.saturating_sub(ROWS_OF_A_LOOK) * ROW_BYTES);
        }
        let (key, value) = if self.scan.keys_only {
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

    fn go_on_behind_the_last(&mut self) {
        let Some((key, value)) = self.lengths.last() else {
            return;
        };
        let from = self.bytes.len() - key - value;
        self.scan = self.scan.clone().after(&self.bytes[from..from + key]);
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
