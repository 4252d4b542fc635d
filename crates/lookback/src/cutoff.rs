//! The cut-off: the first bytes of each conversation are kept, the rest is counted.
//!
//! Traffic is heavy-tailed: a few conversations have most of the bytes, and their beginnings tell most about them. The
//! table has a fixed size; a conversation that finds no place takes that of the one in its set which was silent the
//! longest, and which then begins anew: more is kept, never less. Places are chosen by a keyed hash, so that nobody can
//! push a certain conversation out.

use crate::limits::{CUTOFF_IDLE_SECS, CUTOFF_RENEWED_SECS, CUTOFF_SLOTS};

const WAYS: usize = 8;

/// A stamp that is so much before the last one of its conversation is one of a clock that was set back.
const BACK_SECS: u32 = 60;

#[derive(Clone, Copy, Default)]
struct Slot {
    /// The conversation's hash; a slot that was never used has `seen` 0.
    flow: u64,
    bytes: u64,
    begun: u32,
    seen: u32,
}

/// Bytes of conversations so far.
pub(crate) struct Cutoff {
    slots: Vec<[Slot; WAYS]>,
    flow_bytes: u64,
}

impl Cutoff {
    pub(crate) fn new(flow_bytes: u64) -> Self {
        Self {
            slots: vec![[Slot::default(); WAYS]; CUTOFF_SLOTS / WAYS],
            flow_bytes,
        }
    }

    /// Counts a packet of a conversation, at a second, and tells whether it is kept.
    pub(crate) fn keeps(&mut self, flow: u64, bytes: u32, second: u32) -> bool {
        // The low bits choose the set. It is a power of two of them, so the cast loses nothing that counts.
        #[expect(clippy::cast_possible_truncation, reason = "only low bits are wanted")]
        let set = flow as usize % self.slots.len();
        let set = &mut self.slots[set];
        let found = set.iter().position(|slot| slot.flow == flow && slot.seen > 0);
        let at = found.unwrap_or_else(|| oldest(set));
        let slot = &mut set[at];
        let is_over = second.saturating_sub(slot.seen) >= CUTOFF_IDLE_SECS
            || second.saturating_sub(slot.begun) >= CUTOFF_RENEWED_SECS
            || second.saturating_add(BACK_SECS) < slot.seen;
        if found.is_none() || is_over {
            *slot = Slot {
                flow,
                bytes: 0,
                begun: second,
                seen: 0,
            };
        }
        slot.seen = second.max(1);
        let keeps = slot.bytes < self.flow_bytes;
        slot.bytes = slot.bytes.saturating_add(u64::from(bytes));
        keeps
    }
}

fn oldest(set: &[Slot; WAYS]) -> usize {
    let by_age = set.iter().enumerate().min_by_key(|(_, slot)| slot.seen);
    by_age.map_or(0, |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_are_kept_and_silence_begins_anew() {
        let mut cutoff = Cutoff::new(1000);
        // (flow, bytes, second, kept)
        for (flow, bytes, second, kept) in [
            (1, 600, 100, true),
            (1, 600, 100, true),
            (1, 1, 101, false),
            (2, 9000, 101, true),
            (2, 1, 101, false),
            // Silent for less and for more than two minutes.
            (1, 1, 220, false),
            (1, 999, 340, true),
            (1, 1, 341, true),
            (1, 1, 342, false),
            // Alive for ten minutes.
            (1, 1, 450, false),
            (1, 1, 569, false),
            (1, 1, 688, false),
            (1, 1, 800, false),
            (1, 1, 919, false),
            (1, 1, 940, true),
            // A clock that was set back a little, and by a day's worth.
            (1, 2000, 935, true),
            (1, 1, 930, false),
            (1, 1, 20, true),
            (1, u32::MAX, u32::MAX, true),
            (1, u32::MAX, 0, true),
        ] {
            assert_eq!(cutoff.keeps(flow, bytes, second), kept, "{flow} {bytes} {second}");
        }
    }

    #[test]
    fn a_full_set_gives_the_place_of_the_oldest() {
        let mut cutoff = Cutoff::new(10);
        let sets = (CUTOFF_SLOTS / WAYS) as u64;
        for (n, second) in (0..=WAYS as u64).zip(100..) {
            assert!(cutoff.keeps(7 + n * sets, 10, second));
        }
        assert!(!cutoff.keeps(7 + sets, 10, 110), "the second is still known");
        assert!(cutoff.keeps(7, 10, 110), "the first had to go");
    }
}
