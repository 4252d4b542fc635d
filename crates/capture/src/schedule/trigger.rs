//! What a trigger waits for, and when it has come. Pure: who watches hands in what went by, and when.
//!
//! A rate is that over a window. It trips once and not again before it was lower than four fifths of the threshold over a whole
//! window: a rate that goes up and down around the threshold trips once, and so does one that stays above.

use crate::engine::Seen;
use crate::limits::{TRIGGER_RATE_MAX, TRIGGER_WINDOW_MAX, TRIGGER_WINDOW_MIN};
use crate::tasks::CaptureFilter;
use crate::{CaptureError, Limited, SentFilter};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// What a trigger waits for.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// One packet, or how many.
    pub on: TripsOn,
    /// Which packets count.
    pub filter: CaptureFilter,
    /// The filter as the door received it.
    pub sent_filter: SentFilter,
}

/// One packet, or how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TripsOn {
    /// The first one that the filter takes.
    Packet,
    /// So many of what in a second, over a window.
    Rate {
        /// What is counted.
        unit: Unit,
        /// So many in a second, or more.
        per_second: u64,
        /// Over so long a time.
        window: Duration,
    },
}

/// What a rate is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Packets.
    Packets,
    /// Bits on the wire.
    Bits,
}

impl TripsOn {
    pub(super) fn check(&self, filter: &CaptureFilter) -> Result<(), CaptureError> {
        let refuse = |why: String| {
            Err(CaptureError::Limit {
                of: Limited::Trigger,
                why,
            })
        };
        match *self {
            Self::Packet if matches!(filter, CaptureFilter::All) => {
                refuse("a trigger by a packet needs a filter: every packet would set it off".to_owned())
            }
            Self::Packet => Ok(()),
            Self::Rate { per_second, window, .. } => {
                if !(1..=TRIGGER_RATE_MAX).contains(&per_second) {
                    return refuse(format!("1 to {TRIGGER_RATE_MAX} a second are possible"));
                }
                if !(TRIGGER_WINDOW_MIN..=TRIGGER_WINDOW_MAX).contains(&window) {
                    let (least, most) = (TRIGGER_WINDOW_MIN.as_secs(), TRIGGER_WINDOW_MAX.as_secs());
                    return refuse(format!("a window of {least} to {most} seconds is possible"));
                }
                Ok(())
            }
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Packets => "packets",
            Self::Bits => "bits",
        })
    }
}

/// Sees what goes by, and says when to begin.
#[derive(Debug)]
pub(super) struct Tripwire {
    on: TripsOn,
    /// What had gone by when, the oldest first; of a rate, as far as its window and one before.
    seen: VecDeque<(Duration, Seen)>,
    is_armed: bool,
}

impl Tripwire {
    /// One that is set off by the next that comes; `was_tripped`: a rate has to be low first.
    pub(super) fn new(on: TripsOn, was_tripped: bool) -> Self {
        Self {
            on,
            seen: VecDeque::new(),
            is_armed: !(was_tripped && matches!(on, TripsOn::Rate { .. })),
        }
    }

    /// Takes what has gone by until `at`; why it is set off, if it is.
    pub(super) fn see(&mut self, at: Duration, seen: Seen) -> Option<String> {
        let TripsOn::Rate {
            unit,
            per_second,
            window,
        } = self.on
        else {
            return (self.is_armed && seen.packets > 0).then(|| "a packet that matches".to_owned());
        };
        self.seen.push_back((at, seen));
        // One sample that is as old as the window, or older, is where the window begins.
        while self
            .seen
            .get(1)
            .is_some_and(|(next, _)| at.saturating_sub(*next) >= window)
        {
            self.seen.pop_front();
        }
        let (since, before) = *self.seen.front()?;
        let time = at.saturating_sub(since);
        if time < window {
            return None;
        }
        let of = |seen: Seen| match unit {
            Unit::Packets => u128::from(seen.packets),
            Unit::Bits => u128::from(seen.bytes) * 8,
        };
        let went = of(seen).saturating_sub(of(before));
        let rate = u64::try_from(went * 1_000_000_000 / time.as_nanos().max(1)).unwrap_or(u64::MAX);
        if rate < low(per_second) {
            self.is_armed = true;
        }
        (self.is_armed && rate >= per_second).then(|| format!("{rate} {unit} a second over {} s", window.as_secs()))
    }
}

/// What is low again after a rate was reached.
fn low(per_second: u64) -> u64 {
    // At least 1, or a rate of 1 would never be low.
    (per_second - per_second / 5).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(per_second: u64, window: u64) -> TripsOn {
        TripsOn::Rate {
            unit: Unit::Packets,
            per_second,
            window: SECOND * u32::try_from(window).unwrap(),
        }
    }

    /// Hands in the packets of each quarter of a second; says in which ones it was set off.
    fn check(on: TripsOn, was_tripped: bool, quarters: &[(usize, u64)], wanted: &[usize]) {
        let mut wire = Tripwire::new(on, was_tripped);
        let (mut seen, mut found, mut number) = (Seen::default(), Vec::new(), 0);
        wire.see(Duration::ZERO, seen);
        for (times, packets) in quarters {
            for _ in 0..*times {
                number += 1;
                seen.packets += packets;
                seen.bytes += packets * 100;
                if wire.see(SECOND / 4 * u32::try_from(number).unwrap(), seen).is_some() {
                    found.push(number);
                    // Whoever watches begins anew.
                    wire.is_armed = false;
                }
            }
        }
        assert_eq!(found, wanted, "{on:?} {quarters:?}");
    }

    #[test]
    fn a_rate_is_that_of_a_whole_window() {
        // 40 in a second are 10 in each quarter.
        check(rate(40, 1), false, &[(8, 10)], &[4]);
        check(rate(41, 1), false, &[(8, 10)], &[]);
        // A burst is as much as it is over the window.
        check(rate(40, 2), false, &[(7, 0), (1, 79), (8, 0)], &[]);
        check(rate(40, 2), false, &[(7, 0), (1, 80), (8, 0)], &[8]);
        check(rate(40, 1), false, &[(3, 0), (1, 40), (9, 0)], &[4]);
        // Nothing is told before a window is over: what went by in it is not known.
        check(rate(1, 5), false, &[(19, 1_000)], &[]);
        check(rate(1, 5), false, &[(20, 1_000)], &[20]);
        // Bits are of the length on the wire.
        let bits = TripsOn::Rate {
            unit: Unit::Bits,
            per_second: 32_000,
            window: SECOND,
        };
        check(bits, false, &[(4, 10)], &[4]);
        let bits = TripsOn::Rate {
            unit: Unit::Bits,
            per_second: 32_001,
            window: SECOND,
        };
        check(bits, false, &[(4, 10)], &[]);
    }

    #[test]
    fn a_rate_has_to_be_low_before_it_counts_again() {
        // It stays above.
        check(rate(40, 1), false, &[(40, 20)], &[4]);
        // It goes up and down around the threshold: 36 in a second are not low, 31 are.
        check(rate(40, 1), false, &[(4, 10), (8, 9), (8, 10)], &[4]);
        check(rate(40, 1), false, &[(4, 10), (4, 7), (8, 10)], &[4, 12]);
        // Behind a capture, or a rest.
        check(rate(40, 1), true, &[(40, 20)], &[]);
        check(rate(40, 1), true, &[(8, 20), (4, 0), (4, 20)], &[14]);
        check(rate(1, 1), true, &[(4, 0), (1, 1)], &[5]);
    }

    #[test]
    fn one_packet_is_enough() {
        check(TripsOn::Packet, false, &[(9, 0), (1, 1)], &[10]);
        check(TripsOn::Packet, true, &[(9, 0), (1, 1)], &[10]);
        check(TripsOn::Packet, false, &[(9, 0)], &[]);
    }

    #[test]
    fn what_would_always_or_never_trip_is_refused() {
        let tuple = CaptureFilter::Expression("tcp".to_owned());
        for (on, filter, is_good) in [
            (TripsOn::Packet, &tuple, true),
            (TripsOn::Packet, &CaptureFilter::All, false),
            (rate(1, 1), &CaptureFilter::All, true),
            (rate(0, 1), &CaptureFilter::All, false),
            (rate(TRIGGER_RATE_MAX, 60), &tuple, true),
            (rate(TRIGGER_RATE_MAX + 1, 60), &tuple, false),
            (rate(1, 0), &tuple, false),
            (rate(1, 61), &tuple, false),
        ] {
            assert_eq!(on.check(filter).is_ok(), is_good, "{on:?}");
        }
    }

    /// Long watches and large sums neither grow nor overflow.
    #[test]
    fn a_watch_takes_bounded_room() {
        let mut wire = Tripwire::new(rate(TRIGGER_RATE_MAX, 60), false);
        for number in 0..10_000_u32 {
            let seen = Seen {
                packets: u64::from(number),
                bytes: u64::MAX,
            };
            wire.see(SECOND / 4 * number, seen);
        }
        assert!(wire.seen.len() <= 242, "{}", wire.seen.len());
    }
}
