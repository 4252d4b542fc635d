//! Which ranges of the segments are free. Pure: ranges in, ranges out.
//!
//! Best fit: the smallest free range that is large enough, so that holes left by deletions are filled before the long
//! tail of a new segment is cut. Neighbouring free ranges are always joined.

use std::collections::{BTreeMap, BTreeSet};

/// A range of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

/// The free ranges of all segments that may be written.
#[derive(Debug, Default)]
pub(crate) struct Space {
    /// By place, to join neighbours: (segment, offset) to bytes.
    by_place: BTreeMap<(u64, u64), u64>,
    /// By size, to find the best fit: (bytes, segment, offset).
    by_size: BTreeSet<(u64, u64, u64)>,
    /// Size of each segment.
    segments: BTreeMap<u64, u64>,
    /// Segments that are one free range, so that finding them does not cost a walk over all at each release.
    empty: BTreeSet<u64>,
    free_bytes: u64,
}

impl Space {
    /// Takes a segment into use; `live` are its ranges that hold bytes. False, and nothing is done, if they overlap or
    /// lie outside: then the caller's knowledge is wrong, and writing there could destroy something.
    pub(crate) fn add_segment(&mut self, segment: u64, bytes: u64, live: &mut [(u64, u64)]) -> bool {
        live.sort_unstable();
        let mut free = Vec::new();
        let mut from = 0;
        for &(offset, length) in live.iter() {
            if offset < from || offset.checked_add(length).is_none_or(|end| end > bytes) {
                return false;
            }
            free.push((from, offset - from));
            from = offset + length;
        }
        free.push((from, bytes - from));
        self.segments.insert(segment, bytes);
        for (offset, length) in free.into_iter().filter(|(_, length)| *length > 0) {
            self.insert(segment, offset, length);
        }
        true
    }

    /// Takes `bytes` out of the best range; `None` if no range is long enough.
    pub(crate) fn allocate(&mut self, bytes: u64) -> Option<Range> {
        let &(size, segment, offset) = self.by_size.range((bytes, 0, 0)..).next()?;
        self.take(segment, offset, size);
        if size > bytes {
            self.insert(segment, offset + bytes, size - bytes);
        }
        Some(Range { segment, offset, bytes })
    }

    /// Gives a range back. False, and nothing is done, if a part of it is free already or outside: then somebody frees
    /// twice, and to believe him could give a range to two owners.
    #[must_use]
    pub(crate) fn release(&mut self, range: Range) -> bool {
        let Range {
            segment,
            mut offset,
            mut bytes,
        } = range;
        let Some(&segment_bytes) = self.segments.get(&segment) else {
            // Retired: nothing is allocated there any more.
            return true;
        };
        let Some(end) = offset.checked_add(bytes).filter(|end| *end <= segment_bytes) else {
            return false;
        };
        // Free ranges do not overlap, so the last one that begins before the end reaches farthest.
        let before = self.by_place.range((segment, 0)..(segment, end)).next_back();
        if let Some((&(_, before), &size)) = before {
            if before + size > offset {
                return false;
            }
            if before + size == offset {
                self.take(segment, before, size);
                (offset, bytes) = (before, size + bytes);
            }
        }
        if let Some(&size) = self.by_place.get(&(segment, offset + bytes)) {
            self.take(segment, offset + bytes, size);
            bytes += size;
        }
        self.insert(segment, offset, bytes);
        true
    }

    /// Removes segments that hold nothing, but for `spare` of them, and says which.
    pub(crate) fn remove_empty(&mut self, spare: usize) -> Vec<u64> {
        let empty: Vec<_> = self.empty.iter().copied().skip(spare).collect();
        for segment in &empty {
            if let Some(bytes) = self.segments.remove(segment) {
                self.take(*segment, 0, bytes);
            }
        }
        empty
    }

    /// Stops allocating from a segment which failed to be flushed; its live ranges stay readable.
    pub(crate) fn retire(&mut self, segment: u64) {
        self.segments.remove(&segment);
        let ranges: Vec<_> = self
            .by_place
            .range((segment, 0)..=(segment, u64::MAX))
            .map(|(k, v)| (*k, *v))
            .collect();
        for ((segment, offset), bytes) in ranges {
            self.take(segment, offset, bytes);
        }
    }

    /// Bytes in all free ranges.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.free_bytes
    }

    /// Bytes of all segments.
    pub(crate) fn total_bytes(&self) -> u64 {
        self.segments.values().sum()
    }

    fn insert(&mut self, segment: u64, offset: u64, bytes: u64) {
        self.by_place.insert((segment, offset), bytes);
        self.by_size.insert((bytes, segment, offset));
        self.free_bytes += bytes;
        if self.segments.get(&segment) == Some(&bytes) {
            self.empty.insert(segment);
        }
    }

    fn take(&mut self, segment: u64, offset: u64, bytes: u64) {
        self.by_place.remove(&(segment, offset));
        self.by_size.remove(&(bytes, segment, offset));
        self.free_bytes -= bytes;
        self.empty.remove(&segment);
    }
}

#[cfg(test)]
mod tests;
