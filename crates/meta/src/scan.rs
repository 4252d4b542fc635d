//! A scan: one page of a key range, in either direction.

use crate::keys;
use bytes::Bytes;
use std::ops::Bound;

/// Which part of the keyspace to read, and how.
///
/// To seek is to start a new scan: a bound is found in logarithmic time, whatever lies before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// First and last key; an upside-down range is empty.
    pub range: (Bound<Vec<u8>>, Bound<Vec<u8>>),
    /// From the first key on, or from the last key back.
    pub direction: Direction,
    /// Most entries to return; at most [`crate::SCAN_ENTRIES_MAX`] are.
    pub limit: usize,
    /// Leave the values empty, which spares reading large ones.
    pub keys_only: bool,
}

/// The direction of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Bytes,
    /// The value; empty when only keys were asked for.
    pub value: Bytes,
}

impl Scan {
    /// Scans a range forward with values, a page of [`crate::SCAN_ENTRIES_MAX`].
    pub fn range(from: Bound<Vec<u8>>, to: Bound<Vec<u8>>) -> Self {
        Self {
            range: (from, to),
            direction: Direction::Forward,
            limit: crate::SCAN_ENTRIES_MAX,
            keys_only: false,
        }
    }

    /// Scans all keys that start with a prefix.
    pub fn prefix(prefix: &[u8]) -> Self {
        let (from, to) = keys::prefix_range(prefix);
        Self::range(from, to)
    }

    /// Starts behind a key: the way to continue a page from its last key.
    #[must_use]
    pub fn after(mut self, key: impl Into<Vec<u8>>) -> Self {
        match self.direction {
            Direction::Forward => self.range.0 = Bound::Excluded(key.into()),
            Direction::Backward => self.range.1 = Bound::Excluded(key.into()),
        }
        self
    }

    /// Turns the scan around: from the last key back.
    #[must_use]
    pub fn backward(mut self) -> Self {
        self.direction = Direction::Backward;
        self
    }

    /// Sets the most entries to return.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Leaves the values empty.
    #[must_use]
    pub fn keys_only(mut self) -> Self {
        self.keys_only = true;
        self
    }

    /// Tells that no key can be in the range; the engines' own range types panic on some of these.
    pub(crate) fn is_void(&self) -> bool {
        let (from, to) = (&self.range.0, &self.range.1);
        self.limit == 0
            || match (from, to) {
                (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
                (Bound::Included(from), Bound::Included(to)) => from > to,
                (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => {
                    from >= to
                }
            }
    }
}
