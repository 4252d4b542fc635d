//! What captures may come to in a day of UTC. Pure.

use crate::agent::Limits;
use crate::capture::Counts;
use crate::limits::SNAPLEN_MAX;
use baleen_types::Timestamp;
use std::fmt;

/// What may be used in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Captures.
    pub runs: u32,
    /// Packets of them all.
    pub packets: Option<u64>,
    /// Captured packet bytes of them all.
    pub bytes: Option<u64>,
}

/// What is used of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Which day of UTC, counted from 1970.
    pub day: i64,
    /// Captures that were begun.
    pub runs: u32,
    /// What those caught that are over.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
}

/// Why there is no further capture in a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spent {
    Runs(u32),
    Packets(u64),
    Bytes(u64),
}

/// The day of a time.
fn day_of(at: Timestamp) -> i64 {
    at.as_secs().div_euclid(24 * 60 * 60)
}

impl Used {
    /// What is used of the day of `now`: nothing, if it is another one.
    pub(crate) fn on_day_of(self, now: Timestamp) -> Self {
        let day = day_of(now);
        // Also when the clock was set back over midnight: nothing that was used is forgotten by that. Days that are further ahead
        // were those of a clock that was wrong.
        if (day..=day.saturating_add(1)).contains(&self.day) {
            self
        } else {
            Self { day, ..Self::default() }
        }
    }

    /// Counts what a capture caught that was begun on that day.
    pub(crate) fn charge(&mut self, day: i64, counts: Counts) {
        if self.day == day {
            self.packets = self.packets.saturating_add(counts.packets);
            self.bytes = self.bytes.saturating_add(counts.bytes);
        }
    }
}

impl Budget {
    /// The limits of a capture that begins now: those that are wanted, or what is left of the day.
    ///
    /// # Errors
    /// Nothing is left, or no longest packet has room in what is left of the bytes: a capture that nothing fits would only fail.
    pub(crate) fn grant(&self, used: Used, wanted: Limits) -> Result<Limits, Spent> {
        if used.runs >= self.runs {
            return Err(Spent::Runs(self.runs));
        }
        let left = |budget: Option<u64>, used: u64| budget.map_or(u64::MAX, |budget| budget.saturating_sub(used));
        let (packets, bytes) = (left(self.packets, used.packets), left(self.bytes, used.bytes));
        match (self.packets, self.bytes) {
            (Some(budget), _) if packets == 0 => Err(Spent::Packets(budget)),
            (_, Some(budget)) if bytes < wanted.bytes.min(SNAPLEN_MAX.into()) => Err(Spent::Bytes(budget)),
            _ => Ok(Limits {
                packets: wanted.packets.min(packets),
                bytes: wanted.bytes.min(bytes),
                ..wanted
            }),
        }
    }
}

impl fmt::Display for Spent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, what) = match self {
            Self::Runs(number) => (u64::from(*number), "captures"),
            Self::Packets(number) => (*number, "packets"),
            Self::Bytes(number) => (*number, "bytes"),
        };
        write!(f, "the budget of {number} {what} a day is used up until midnight (UTC)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const WANTED: Limits = Limits {
        time: Duration::from_secs(10),
        packets: 1_000,
        bytes: 1_000_000,
    };

    fn check(budget: (u32, Option<u64>, Option<u64>), used: (u32, u64, u64), granted: Result<(u64, u64), Spent>) {
        let budget = Budget {
            runs: budget.0,
            packets: budget.1,
            bytes: budget.2,
        };
        let used = Used {
            day: 1,
            runs: used.0,
            packets: used.1,
            bytes: used.2,
        };
        let found = budget.grant(used, WANTED).map(|limits| (limits.packets, limits.bytes));
        assert_eq!(found, granted, "{budget:?} {used:?}");
    }

    #[test]
    fn a_run_gets_what_is_left() {
        let all = Ok((1_000, 1_000_000));
        check((1, None, None), (0, 0, 0), all);
        check((1, None, None), (1, 0, 0), Err(Spent::Runs(1)));
        check((9, Some(1_500), None), (3, 499, 0), all);
        check((9, Some(1_500), None), (3, 1_499, 0), Ok((1, 1_000_000)));
        check((9, Some(1_500), None), (3, 1_500, 0), Err(Spent::Packets(1_500)));
        check((9, Some(1_500), None), (3, 9_999, 0), Err(Spent::Packets(1_500)));
        check((9, None, Some(2_000_000)), (3, 0, 1_000_000), all);
        check((9, None, Some(2_000_000)), (3, 0, 1_500_000), Ok((1_000, 500_000)));
        // The longest packet still fits, and then not.
        let room = u64::from(SNAPLEN_MAX);
        check((9, None, Some(2_000_000)), (3, 0, 2_000_000 - room), Ok((1_000, room)));
        check(
            (9, None, Some(2_000_000)),
            (3, 0, 2_000_001 - room),
            Err(Spent::Bytes(2_000_000)),
        );
        check((9, Some(5), Some(u64::MAX)), (0, 0, 0), Ok((5, 1_000_000)));
    }

    /// Who wants less than the longest packet gets it.
    #[test]
    fn small_captures_need_little_room() {
        let budget = Budget {
            runs: 9,
            packets: None,
            bytes: Some(300),
        };
        let wanted = Limits { bytes: 100, ..WANTED };
        let used = |bytes| Used {
            day: 1,
            bytes,
            ..Used::default()
        };
        assert!(budget.grant(used(200), wanted).is_ok());
        assert_eq!(budget.grant(used(201), wanted), Err(Spent::Bytes(300)));
    }

    #[test]
    fn a_day_ends_at_midnight() {
        let midnight = Timestamp::parse_rfc3339("2026-11-29T00:00:00Z").unwrap();
        let before = Timestamp::from_nanos(midnight.as_nanos() - 1);
        let mut used = Used {
            runs: 7,
            ..Used::default().on_day_of(before)
        };
        assert_eq!(used.on_day_of(before).runs, 7);
        let next = used.on_day_of(midnight);
        assert_eq!((next.runs, next.day), (0, used.day + 1));
        // What was begun before midnight counts for that day alone.
        let counts = Counts {
            packets: 3,
            bytes: 300,
            dropped: 0,
        };
        let mut later = next;
        later.charge(used.day, counts);
        assert_eq!((later.packets, later.bytes), (0, 0));
        used.charge(used.day, counts);
        assert_eq!((used.packets, used.bytes), (3, 300));
        // A clock that is set back gives nothing back.
        assert_eq!(next.on_day_of(before), next);
        // One that was years ahead keeps nothing from beginning.
        let wrong = Timestamp::parse_rfc3339("2099-01-01T00:00:00Z").unwrap();
        let astray = Used {
            runs: 7,
            ..used.on_day_of(wrong)
        };
        assert_eq!(
            (astray.on_day_of(before).runs, astray.on_day_of(before).day),
            (0, used.day)
        );
    }
}
