//! How far another machine's clock is off.

use crate::limits::{CLOCK_SAMPLE_AGE, CLOCK_SAMPLES};
use std::collections::VecDeque;
use std::time::Duration;

/// The four stamps of one question and its answer, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// When the question was sent, by our clock.
    pub t1: i64,
    /// When it came in, by theirs.
    pub t2: i64,
    /// When the answer was sent, by theirs.
    pub t3: i64,
    /// When that came in, by ours.
    pub t4: i64,
}

/// What is believed of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// How far theirs is before ours, in nanoseconds.
    pub offset_ns: i64,
    /// How wrong that may be at most, in either direction, whatever way the delay was shared.
    pub bound_ns: i64,
}

/// Keeps the latest samples and believes the one with the least delay, as NTP's clock filter does (RFC 5905, 10). What one sample
/// says is right within half of its delay; so two that cannot both be right show that a clock was set in between, and what is older is
/// forgotten.
#[derive(Clone, Debug, Default)]
pub struct ClockFilter(VecDeque<Sample>);

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    estimate: Estimate,
}

impl Estimate {
    /// `None` for stamps that no two clocks could show: an answer before its question.
    fn of(stamps: Stamps) -> Option<Self> {
        let [t1, t2, t3, t4] = [stamps.t1, stamps.t2, stamps.t3, stamps.t4].map(i128::from);
        let delay = (t4 - t1) - (t3 - t2);
        if delay < 0 || t4 < t1 || t3 < t2 {
            return None;
        }
        let offset = i128::midpoint(t2 - t1, t3 - t4);
        Some(Self {
            offset_ns: i64::try_from(offset).ok()?,
            bound_ns: i64::try_from(delay / 2 + 1).ok()?,
        })
    }

    fn agrees_with(self, other: Self) -> bool {
        let apart = i128::from(self.offset_ns) - i128::from(other.offset_ns);
        apart.abs() <= i128::from(self.bound_ns) + i128::from(other.bound_ns)
    }
}

impl ClockFilter {
    /// Takes a sample at `at`, a time that never goes back.
    pub fn push(&mut self, stamps: Stamps, at: Duration) {
        let Some(estimate) = Estimate::of(stamps) else { return };
        self.0
            .retain(|kept| at.saturating_sub(kept.at) < CLOCK_SAMPLE_AGE && kept.estimate.agrees_with(estimate));
        if self.0.len() == CLOCK_SAMPLES {
            self.0.pop_front();
        }
        self.0.push_back(Sample { at, estimate });
    }

    /// What is believed now.
    pub fn estimate(&self) -> Option<Estimate> {
        let best = self.0.iter().min_by_key(|sample| sample.estimate.bound_ns);
        best.map(|sample| sample.estimate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: i64 = 1_000_000;

    /// A question at `t1` to a clock that is `offset` before ours, with so much delay there and back.
    fn stamps(t1: i64, offset: i64, there: i64, back: i64) -> Stamps {
        Stamps {
            t1,
            t2: t1 + there + offset,
            t3: t1 + there + MS + offset,
            t4: t1 + there + MS + back,
        }
    }

    fn filtered(samples: &[(i64, i64, i64)]) -> Option<Estimate> {
        let mut filter = ClockFilter::default();
        for (n, (offset, there, back)) in (0..).zip(samples) {
            filter.push(
                stamps(n * 10_000 * MS, *offset, *there, *back),
                Duration::from_secs(n.unsigned_abs() * 10),
            );
        }
        filter.estimate()
    }

    #[test]
    fn the_quickest_answer_is_believed() {
        for (samples, offset, within) in [
            (&[(0, MS, MS)][..], 0, 0),
            (&[(-5_000 * MS, MS, MS)], -5_000 * MS, 0),
            // All of the delay on one side: wrong by half of it, which the bound says.
            (&[(7 * MS, 100 * MS, 0)], 7 * MS, 50 * MS),
            // One answer in a queue, before and behind a quick one.
            (
                &[(3 * MS, 400 * MS, MS), (3 * MS, MS, MS), (3 * MS, MS, 300 * MS)],
                3 * MS,
                0,
            ),
            // A clock that was set: what was quick before counts no more.
            (
                &[(0, MS, MS), (0, MS, MS), (3_600_000 * MS, 20 * MS, 20 * MS)],
                3_600_000 * MS,
                0,
            ),
            (&[(0, MS, MS), (-90 * MS, 20 * MS, 20 * MS)], -90 * MS, 0),
        ] {
            let seen = filtered(samples).unwrap();
            assert!((seen.offset_ns - offset).abs() <= within, "{samples:?}: {seen:?}");
            assert!(
                (seen.offset_ns - offset).abs() <= seen.bound_ns,
                "{samples:?}: {seen:?}"
            );
        }
    }

    #[test]
    fn one_in_a_hundred_is_late_and_changes_nothing() {
        let samples: Vec<_> = (0..400)
            .map(|n| (MS, if n % 100 == 99 { 2_000 * MS } else { MS }, MS))
            .collect();
        let seen = filtered(&samples).unwrap();
        assert_eq!((seen.offset_ns, seen.bound_ns), (MS, MS + 1));
    }

    #[test]
    fn old_samples_are_forgotten() {
        let mut filter = ClockFilter::default();
        filter.push(stamps(0, 0, 0, 0), Duration::ZERO);
        filter.push(stamps(0, 0, 50 * MS, 50 * MS), CLOCK_SAMPLE_AGE);
        assert_eq!(filter.estimate().unwrap().bound_ns, 50 * MS + 1);
    }

    #[test]
    fn what_no_clock_shows_is_not_taken() {
        for (t1, t2, t3, t4) in [
            (0, 0, 10, 5),
            (10, 0, 0, 0),
            (0, 10, 0, 100),
            (i64::MIN, i64::MAX, i64::MAX, i64::MAX),
            (i64::MAX, i64::MIN, i64::MIN, i64::MAX),
        ] {
            let mut filter = ClockFilter::default();
            filter.push(Stamps { t1, t2, t3, t4 }, Duration::ZERO);
            assert!(filter.estimate().is_none(), "{t1} {t2} {t3} {t4}");
        }
    }

    proptest! {
        #[test]
        fn the_truth_is_within_the_bound(
            offset in -1_000_000 * MS..1_000_000 * MS,
            delays in proptest::collection::vec((0..500 * MS, 0..500 * MS), 1..40),
        ) {
            let samples: Vec<_> = delays.into_iter().map(|(there, back)| (offset, there, back)).collect();
            let seen = filtered(&samples).unwrap();
            prop_assert!((seen.offset_ns - offset).abs() <= seen.bound_ns);
        }

        #[test]
        fn no_stamps_panic(stamps in proptest::collection::vec(any::<[i64; 4]>(), 0..20)) {
            let mut filter = ClockFilter::default();
            for [t1, t2, t3, t4] in stamps {
                filter.push(Stamps { t1, t2, t3, t4 }, Duration::ZERO);
            }
            let _ = filter.estimate();
        }
    }
}
