//! What keeps a compaction that failed from being tried in each run.
//!
//! A damaged block makes it fail at the same row again, after it has read and written all that comes before.

use crate::Error;

/// Runs that are passed over at most: a day, if there is one each ten minutes.
const RUNS_MAX: u32 = 144;

/// The failures since the last success.
#[derive(Default)]
pub(in super::super) struct Setback {
    why: Option<Error>,
    /// Runs to pass over.
    left: u32,
    /// How many they were after the last failure.
    last: u32,
}

impl Setback {
    /// Why nothing is tried in this run; the same error is told again, since what it says still holds.
    pub(super) fn pass_over(&mut self) -> Option<Error> {
        self.left = self.left.checked_sub(1)?;
        self.why.clone()
    }

    /// After each failure more runs are passed over than after the one before.
    pub(super) fn failed(&mut self, why: &Error) {
        self.last = (2 * self.last + 1).min(RUNS_MAX);
        self.left = self.last;
        self.why = Some(why.clone());
    }

    /// What was found to be damaged.
    pub(super) fn damage(&self) -> Option<&Error> {
        let is_damage = |why: &&Error| matches!(why, Error::Corrupt { .. } | Error::Damaged { .. });
        self.why.as_ref().filter(is_damage)
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{RUNS_MAX, Setback};
    use crate::Error;

    #[test]
    fn the_longer_it_fails_the_less_often_it_is_tried() {
        let mut setback = Setback::default();
        let passed_over = |setback: &mut Setback| (0..1000).take_while(|_| setback.pass_over().is_some()).count();
        for wanted in [0, 1, 3, 7, 15, 31, 63, 127, 144, 144] {
            assert_eq!(passed_over(&mut setback), wanted);
            setback.failed(&Error::Closed);
            assert!(setback.left <= RUNS_MAX);
        }
        setback.succeeded();
        assert_eq!(passed_over(&mut setback), 0);
        setback.failed(&Error::Closed);
        assert_eq!(passed_over(&mut setback), 1);
    }
}
