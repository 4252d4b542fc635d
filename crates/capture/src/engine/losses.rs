//! Where in a file losses lie.

use super::source::Counters;
use std::collections::VecDeque;

/// Losses seen, with the number of the batch before which they lie at the earliest.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    pending: VecDeque<(u64, u64)>,
    seen: u64,
}

impl Losses {
    /// Notes the counters as they are while batch `sequence` is being read. A loss means that the ring was full, so it
    /// lies behind all `batches` that were in it.
    pub(crate) fn see(&mut self, counters: Counters, sequence: u64, batches: u64) {
        let new = counters.dropped.saturating_sub(self.seen);
        if new > 0 {
            self.seen = counters.dropped;
            self.pending
                .push_back((sequence.saturating_add(batches.saturating_sub(1)), new));
        }
    }

    /// What was lost before batch `sequence`.
    pub(crate) fn before(&mut self, sequence: u64) -> u64 {
        let mut lost = 0;
        while let Some((_, count)) = self.pending.pop_front_if(|(at, _)| *at <= sequence) {
            lost += count;
        }
        lost
    }

    /// What no packet of batch `sequence` could carry; the next one does.
    pub(crate) fn give_back(&mut self, sequence: u64, lost: u64) {
        if lost > 0 {
            self.pending.push_front((sequence, lost));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_noted_behind_the_full_ring() {
        let mut losses = Losses::default();
        let dropped = |dropped| Counters { accepted: 0, dropped };
        losses.see(dropped(0), 1, 4);
        assert_eq!(losses.before(2), 0);
        losses.see(dropped(10), 2, 4);
        losses.see(dropped(15), 3, 4);
        losses.see(dropped(15), 4, 4);
        assert_eq!(losses.before(4), 0);
        assert_eq!(losses.before(5), 10);
        losses.give_back(5, 10);
        assert_eq!(losses.before(6), 15);
        assert_eq!(losses.before(100), 0);
    }
}
