//! Which ranges of the segments are free. Pure: ranges in, ranges out.
//!
//! Best fit: the smallest free range that is large enough, so that holes left by deletions are filled before the long
//! tail of a new segment is cut. Neighbouring free ranges are joined.
//!
//! A free range is *ready* when the file system holds its blocks, and *hollow* when it was given back to the file system;
//! only ready ones are handed out, since a write to a hollow one may find no space. A segment which is *drained* hands out
//! nothing, so that it can become empty.

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
    /// By place, to join neighbours: (segment, offset).
    by_place: BTreeMap<(u64, u64), Free>,
    /// Those that may be handed out, by size, to find the best fit: (bytes, segment, offset).
    ready: BTreeSet<(u64, u64, u64)>,
    /// Those that may be taken back from the file system, likewise.
    hollow: BTreeSet<(u64, u64, u64)>,
    segments: BTreeMap<u64, Segment>,
    /// Segments that are wholly free, so that finding them does not cost a walk over all at each release.
    empty: BTreeSet<u64>,
    sums: Sums,
    /// How often a segment was looked at, to give space back.
    #[cfg(test)]
    pub(crate) looks: std::cell::Cell<usize>,
}

/// How full segments are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) bytes: u64,
    /// What of them holds nothing, hollow or not.
    pub(crate) free: u64,
    /// What of that the file system has.
    pub(crate) hollow: u64,
}

impl Sums {
    /// Free bytes that the file system holds for us.
    pub(crate) fn ready(&self) -> u64 {
        self.free - self.hollow
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Segment {
    sums: Sums,
    drained: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Free {
    bytes: u64,
    hollow: bool,
}

impl Space {
    /// Takes a segment into use; `live` are its ranges that hold bytes, and what is free is hollow if that is said. False,
    /// and nothing is done, if they overlap or lie outside: then the caller's knowledge is wrong, and writing there could
    /// destroy something.
    pub(crate) fn add_segment(&mut self, segment: u64, bytes: u64, live: &mut [(u64, u64)], hollow: bool) -> bool {
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
        let sums = Sums {
            bytes,
            ..Sums::default()
        };
        self.segments.insert(segment, Segment { sums, drained: false });
        self.sums.bytes += bytes;
        for (offset, bytes) in free.into_iter().filter(|(_, length)| *length > 0) {
            self.insert(segment, offset, Free { bytes, hollow });
        }
        true
    }

    /// Takes `bytes` out of the best range; `None` if no range is long enough.
    pub(crate) fn allocate(&mut self, bytes: u64) -> Option<Range> {
        let &(size, segment, offset) = self.ready.range((bytes, 0, 0)..).next()?;
        self.cut(
            Range {
                segment,
                offset,
                bytes: size,
            },
            bytes,
        );
        Some(Range { segment, offset, bytes })
    }

    /// Takes the first `bytes` out of a free range.
    fn cut(&mut self, range: Range, bytes: u64) {
        let Range { segment, offset, .. } = range;
        let Some(free) = self.take(segment, offset) else { return };
        if free.bytes > bytes {
            let rest = Free {
                bytes: free.bytes - bytes,
                ..free
            };
            self.insert(segment, offset + bytes, rest);
        }
    }

    /// Gives a range back. False, and nothing is done, if a part of it is free already or outside: then somebody frees
    /// twice, and to believe him could give a range to two owners.
    #[must_use]
    pub(crate) fn release(&mut self, range: Range) -> bool {
        let Range { segment, offset, bytes } = range;
        let Some(&Segment { sums, .. }) = self.segments.get(&segment) else {
            // Retired: nothing is allocated there any more.
            return true;
        };
        let Some(end) = offset.checked_add(bytes).filter(|end| *end <= sums.bytes) else {
            return false;
        };
        // Free ranges do not overlap, so the last one that begins before the end reaches farthest.
        let before = self.by_place.range((segment, 0)..(segment, end)).next_back();
        if before.is_some_and(|(&(_, before), free)| before + free.bytes > offset) {
            return false;
        }
        self.join(segment, offset, Free { bytes, hollow: false });
        true
    }

    /// Inserts a free range, with its neighbours of the same kind.
    fn join(&mut self, segment: u64, mut offset: u64, mut range: Free) {
        let before = self.by_place.range((segment, 0)..(segment, offset)).next_back();
        if let Some((&(_, before), free)) = before
            && free.hollow == range.hollow
            && before + free.bytes == offset
        {
            (offset, range.bytes) = (before, free.bytes + range.bytes);
            self.take(segment, before);
        }
        let end = offset + range.bytes;
        if let Some(after) = self.by_place.get(&(segment, end))
            && after.hollow == range.hollow
        {
            range.bytes += after.bytes;
            self.take(segment, end);
        }
        self.insert(segment, offset, range);
    }

    /// Removes segments that hold nothing, but for `spare` of them that are not drained, and says which.
    pub(crate) fn remove_empty(&mut self, spare: usize) -> Vec<u64> {
        if self.empty.is_empty() {
            return Vec::new();
        }
        let drained = |segment: &u64| self.segments.get(segment).is_some_and(|segment| segment.drained);
        let (mut gone, kept): (Vec<u64>, Vec<u64>) = self.empty.iter().copied().partition(drained);
        gone.extend(kept.into_iter().skip(spare));
        for segment in &gone {
            self.retire(*segment);
        }
        gone
    }

    /// Stops allocating from a segment which failed to be flushed, or is gone; its live ranges stay readable.
    pub(crate) fn retire(&mut self, segment: u64) {
        for (offset, _) in self.ranges(segment) {
            self.take(segment, offset);
        }
        if let Some(segment) = self.segments.remove(&segment) {
            self.sums.bytes -= segment.sums.bytes;
        }
        self.empty.remove(&segment);
    }

    /// Lets a segment hand out nothing any more, or again.
    pub(crate) fn drain(&mut self, segment: u64, drained: bool) {
        let ranges = self.ranges(segment);
        let Some(of) = self.segments.get_mut(&segment) else {
            return;
        };
        of.drained = drained;
        for (offset, free) in ranges {
            let (size, set) = ((free.bytes, segment, offset), self.set_of(free));
            if drained {
                set.remove(&size);
            } else {
                set.insert(size);
            }
        }
    }

    /// Segments that are worth emptying: at most half of each lives, and what lives in them fits into the free ranges of the
    /// others. Emptiest first; those that hold nothing, are drained or not `among` these are none.
    pub(crate) fn sparse(&self, live_max: u64, among: &BTreeSet<u64>) -> Vec<u64> {
        let may = |(number, segment): (&u64, &Segment)| {
            let Sums { bytes, free, .. } = segment.sums;
            let sparse = free < bytes && free >= bytes - free;
            (sparse && !segment.drained && among.contains(number)).then_some((bytes - free, free, *number))
        };
        let mut candidates: Vec<_> = self.segments.iter().filter_map(may).collect();
        candidates.sort_unstable();
        let drained = self.segments.values().filter(|segment| segment.drained);
        let mut room = self.sums.free - drained.map(|segment| segment.sums.free).sum::<u64>();
        let mut moved = 0;
        let mut chosen = Vec::new();
        for (live, free, segment) in candidates {
            room -= free;
            moved += live;
            if moved > room || (moved > live_max && !chosen.is_empty()) {
                break;
            }
            chosen.push(segment);
        }
        chosen
    }

    /// The segments that hand out ready bytes, those with the most of them first.
    pub(crate) fn by_ready(&self) -> Vec<u64> {
        let ready = |(number, segment): (&u64, &Segment)| {
            #[cfg(test)]
            self.looked();
            let ready = segment.sums.ready();
            (ready > 0 && !segment.drained).then_some((ready, *number))
        };
        let mut segments: Vec<_> = self.segments.iter().filter_map(ready).collect();
        segments.sort_unstable_by(|a, b| b.cmp(a));
        segments.into_iter().map(|(_, segment)| segment).collect()
    }

    /// What a segment hands out: ready bytes, unless it is drained.
    pub(crate) fn ready_in(&self, segment: u64) -> u64 {
        #[cfg(test)]
        self.looked();
        let handing_out = self.segments.get(&segment).filter(|segment| !segment.drained);
        handing_out.map_or(0, |segment| segment.sums.ready())
    }

    /// Makes all free ranges of a segment hollow, or ready; returns those that were not. The caller makes it so on disk, and
    /// before anything is handed out.
    pub(crate) fn turn(&mut self, segment: u64, hollow: bool) -> Vec<Range> {
        let mut ranges = self.ranges(segment);
        ranges.retain(|(_, free)| free.hollow != hollow);
        for &(offset, Free { bytes, .. }) in &ranges {
            self.take(segment, offset);
            self.join(segment, offset, Free { bytes, hollow });
        }
        let range = |(offset, free): (u64, Free)| Range {
            segment,
            offset,
            bytes: free.bytes,
        };
        ranges.into_iter().map(range).collect()
    }

    /// Makes the first `bytes` of a hollow range ready; likewise.
    pub(crate) fn ready_first(&mut self, range: Range, bytes: u64) {
        let is_there = Some(&Free {
            bytes: range.bytes,
            hollow: true,
        });
        if self.by_place.get(&(range.segment, range.offset)) == is_there {
            self.cut(range, bytes);
            self.join(range.segment, range.offset, Free { bytes, hollow: false });
        }
    }

    /// The longest hollow range, if it has `bytes`.
    pub(crate) fn longest_hollow(&self, bytes: u64) -> Option<Range> {
        let &(size, segment, offset) = self.hollow.last()?;
        (size >= bytes).then_some(Range {
            segment,
            offset,
            bytes: size,
        })
    }

    /// The segments that may be written.
    pub(crate) fn numbers(&self) -> BTreeSet<u64> {
        self.segments.keys().copied().collect()
    }

    /// The free ranges of a segment.
    pub(crate) fn free_of(&self, segment: u64) -> Vec<Range> {
        let range = |(offset, Free { bytes, .. })| Range { segment, offset, bytes };
        self.ranges(segment).into_iter().map(range).collect()
    }

    /// How full a segment is.
    pub(crate) fn of(&self, segment: u64) -> Sums {
        #[cfg(test)]
        self.looked();
        self.segments
            .get(&segment)
            .map(|segment| segment.sums)
            .unwrap_or_default()
    }

    /// How full all are.
    pub(crate) fn sums(&self) -> Sums {
        self.sums
    }

    /// Counts a look at a segment, where somebody asks how many they are.
    #[cfg(test)]
    fn looked(&self) {
        self.looks.set(self.looks.get() + 1);
    }

    fn ranges(&self, segment: u64) -> Vec<(u64, Free)> {
        let ranges = self.by_place.range((segment, 0)..=(segment, u64::MAX));
        ranges.map(|(&(_, offset), free)| (offset, *free)).collect()
    }

    fn set_of(&mut self, free: Free) -> &mut BTreeSet<(u64, u64, u64)> {
        if free.hollow { &mut self.hollow } else { &mut self.ready }
    }

    fn insert(&mut self, segment: u64, offset: u64, free: Free) {
        let Some(of) = self.segments.get_mut(&segment) else {
            return;
        };
        for sums in [&mut of.sums, &mut self.sums] {
            sums.free += free.bytes;
            sums.hollow += if free.hollow { free.bytes } else { 0 };
        }
        if of.sums.free == of.sums.bytes {
            self.empty.insert(segment);
        }
        let drained = of.drained;
        self.by_place.insert((segment, offset), free);
        if !drained {
            self.set_of(free).insert((free.bytes, segment, offset));
        }
    }

    fn take(&mut self, segment: u64, offset: u64) -> Option<Free> {
        let free = self.by_place.remove(&(segment, offset))?;
        self.set_of(free).remove(&(free.bytes, segment, offset));
        if let Some(of) = self.segments.get_mut(&segment) {
            for sums in [&mut of.sums, &mut self.sums] {
                sums.free -= free.bytes;
                sums.hollow -= if free.hollow { free.bytes } else { 0 };
            }
        }
        self.empty.remove(&segment);
        Some(free)
    }
}

#[cfg(test)]
mod tests;
