//! The newest packets so far, in bounded memory.

use super::Found;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Where a packet stands among those of its stamp: segment, block, chunk, place.
pub(super) type Order = (u64, u32, u8, u32);

pub(super) struct Best {
    limit: usize,
    /// The oldest on top.
    kept: BinaryHeap<Reverse<Kept>>,
    /// The newest stamp of those that matched and had to go.
    missed: Option<u64>,
}

struct Kept {
    key: (u64, Order),
    found: Found,
}

impl Best {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            kept: BinaryHeap::new(),
            missed: None,
        }
    }

    /// Whether packets up to that stamp cannot be among the newest any more.
    pub(super) fn is_done_with(&self, last: u64) -> bool {
        self.limit == 0 || self.kept.len() >= self.limit && self.kept.peek().is_some_and(|oldest| oldest.0.key.0 > last)
    }

    /// The same for a chunk that is passed over then.
    pub(super) fn passes_over(&mut self, last: u64) -> bool {
        let is_done = self.is_done_with(last);
        if is_done {
            self.miss(last);
        }
        is_done
    }

    /// Whether a packet would be among them. One of which that is not so is not shown to the filter, so that it may be missed
    /// or not.
    pub(super) fn wants(&mut self, stamp: u64, order: Order) -> bool {
        let wants = self.limit > 0
            && (self.kept.len() < self.limit || self.kept.peek().is_some_and(|oldest| oldest.0.key < (stamp, order)));
        if !wants {
            self.miss(stamp);
        }
        wants
    }

    pub(super) fn put(&mut self, stamp: u64, order: Order, found: Found) {
        self.kept.push(Reverse(Kept {
            key: (stamp, order),
            found,
        }));
        if self.kept.len() > self.limit
            && let Some(Reverse(oldest)) = self.kept.pop()
        {
            self.miss(oldest.key.0);
        }
    }

    fn miss(&mut self, stamp: u64) {
        self.missed = self.missed.max(Some(stamp));
    }

    /// In order, and the newest stamp of which one may be missing.
    pub(super) fn finish(self) -> (Vec<Found>, Option<u64>) {
        let sorted = self.kept.into_sorted_vec();
        let packets = sorted.into_iter().rev().map(|kept| kept.0.found).collect();
        (packets, self.missed)
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Kept {}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}
