//! What the captures of an account have come to in a day, and may still come to. Pure.

use crate::budget::Used;
use baleen_meta::record::first_version;
use baleen_types::{CaptureId, Timestamp};
use serde::{Deserialize, Serialize};

/// A day as it is stored, under its account: the last one in which a capture began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredDay {
    /// Which day of UTC, counted from 1970.
    day: i64,
    /// Captures that were let in.
    captures: u32,
    /// What those came to that have their end.
    bytes: u64,
    /// Those that have none yet, as far as that is known here.
    open: Vec<StoredOpen>,
}
first_version!(StoredDay, "day of captures");

/// A capture that began on that day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredOpen {
    capture: [u8; CaptureId::BYTES],
    /// What it may come to.
    bytes: u64,
}

/// How far a capture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SoFar {
    /// It may still come to all that it was granted.
    Catching,
    /// It came to so much, and less than that may be kept in the end.
    Caught(u64),
    /// It came to so much.
    Ended(u64),
    /// Nothing is known of it any more.
    Gone,
}

impl StoredDay {
    /// Makes it that of `now`, of which nothing is used if it is another one.
    pub(crate) fn turn_to(&mut self, now: Timestamp) {
        let day = self.used().on_day_of(now).day;
        if day != self.day {
            *self = Self { day, ..Self::default() };
        }
    }

    /// The captures that had no end yet.
    pub(crate) fn open(&self) -> Vec<CaptureId> {
        let ids = self.open.iter().map(|open| CaptureId::from_bytes(open.capture));
        ids.collect()
    }

    /// Takes over how far captures are. What nothing is known of any more came to all that it was granted.
    pub(crate) fn settle(&mut self, so_far: impl Fn(CaptureId) -> SoFar) {
        let mut ended = self.bytes;
        self.open
            .retain_mut(|open| match so_far(CaptureId::from_bytes(open.capture)) {
                SoFar::Catching => true,
                SoFar::Caught(bytes) => {
                    open.bytes = bytes;
                    true
                }
                SoFar::Ended(bytes) => {
                    ended = ended.saturating_add(bytes);
                    false
                }
                SoFar::Gone => {
                    ended = ended.saturating_add(open.bytes);
                    false
                }
            });
        self.bytes = ended;
    }

    /// What the captures came to, and may still come to.
    pub(crate) fn used(&self) -> Used {
        let open = self.open.iter().map(|open| open.bytes);
        Used {
            day: self.day,
            runs: self.captures,
            packets: 0,
            bytes: open.fold(self.bytes, u64::saturating_add),
        }
    }

    /// What these captures may come to.
    pub(crate) fn granted(&self, of: impl Fn(CaptureId) -> bool) -> u64 {
        let of = self.open.iter().filter(|open| of(CaptureId::from_bytes(open.capture)));
        of.map(|open| open.bytes).fold(0, u64::saturating_add)
    }

    /// Counts a capture that begins now and may come to so much.
    pub(crate) fn begin(&mut self, capture: CaptureId, bytes: u64) {
        self.captures = self.captures.saturating_add(1);
        self.open.push(StoredOpen {
            capture: *capture.as_bytes(),
            bytes,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SoFar::{Catching, Caught, Ended, Gone};

    const NOON: i64 = 12 * 60 * 60;
    const DAY: i64 = 24 * 60 * 60;

    fn id(n: u8) -> CaptureId {
        CaptureId::from_bytes([n; CaptureId::BYTES])
    }

    /// A day on which three captures began, that may come to 100 bytes each.
    fn three() -> StoredDay {
        let mut day = StoredDay::default();
        day.turn_to(Timestamp::from_secs(20_000 * DAY + NOON));
        for n in 0..3 {
            day.begin(id(n), 100);
        }
        day
    }

    #[test]
    fn what_is_not_used_is_given_back_once() {
        for (so_far, used, open) in [
            ([Catching; 3], 300, vec![0, 1, 2]),
            ([Caught(7), Catching, Catching], 207, vec![0, 1, 2]),
            ([Ended(7), Catching, Catching], 207, vec![1, 2]),
            ([Ended(0); 3], 0, vec![]),
            ([Gone, Ended(1), Caught(2)], 103, vec![2]),
            // More than it was granted: what it came to counts.
            ([Ended(1_000), Catching, Catching], 1_200, vec![1, 2]),
            ([Ended(u64::MAX), Gone, Catching], u64::MAX, vec![2]),
        ] {
            let mut day = three();
            for _again in 0..2 {
                day.settle(|of| so_far[usize::from(of.as_bytes()[0])]);
                let found = day.used();
                assert_eq!((found.runs, found.bytes), (3, used), "{so_far:?}");
                assert_eq!(
                    day.open(),
                    open.iter().map(|n| id(*n)).collect::<Vec<_>>(),
                    "{so_far:?}"
                );
            }
        }
    }

    /// What is kept of one that caught something may be less when it ends.
    #[test]
    fn the_end_says_what_a_capture_came_to() {
        let mut day = three();
        day.settle(|of| if of == id(0) { Caught(90) } else { Ended(0) });
        assert_eq!((day.used().bytes, day.granted(|of| of == id(0))), (90, 90));
        day.settle(|_| Ended(40));
        assert_eq!((day.used().bytes, day.granted(|_| true)), (40, 0));
    }

    #[test]
    fn a_day_is_over_at_midnight_and_does_not_come_back() {
        let began = 20_000 * DAY + NOON;
        for (now, is_same) in [
            (began, true),
            (20_000 * DAY, true),
            (20_001 * DAY - 1, true),
            (20_001 * DAY, false),
            (30_000 * DAY, false),
            // Set back over midnight: what was used stays so.
            (20_000 * DAY - 1, true),
            (19_999 * DAY, true),
            // By more than that: it was the clock of before which was wrong.
            (19_999 * DAY - 1, false),
        ] {
            let mut day = three();
            day.turn_to(Timestamp::from_secs(now));
            let found = day.used();
            let wanted = if is_same {
                (20_000, 3, 300)
            } else {
                (now.div_euclid(DAY), 0, 0)
            };
            assert_eq!((found.day, found.runs, found.bytes), wanted, "{now}");
            assert_eq!(day.open().is_empty(), !is_same);
        }
    }
}
