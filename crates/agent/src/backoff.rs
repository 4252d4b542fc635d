//! Pauses between connections.

use crate::limits::{PAUSE_MAX, PAUSE_MIN};
use baleen_runtime::Entropy;
use std::time::Duration;

/// Pauses that double, each made shorter by chance: agents that were cut off together do not come back together.
#[derive(Debug, Default)]
pub(crate) struct BackOff(u32);

impl BackOff {
    /// The next pause: between half of what is due and all of it.
    pub(crate) fn next(&mut self, entropy: &dyn Entropy) -> Duration {
        let due = PAUSE_MIN.saturating_mul(1 << self.0.min(16)).min(PAUSE_MAX);
        self.0 = self.0.saturating_add(1);
        let half = due / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
        half + Duration::from_nanos(entropy.number() % nanos)
    }

    /// Begins anew.
    pub(crate) fn reset(&mut self) {
        self.0 = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use baleen_runtime::SeededEntropy;

    #[test]
    fn pauses_grow_to_a_bound_and_are_never_the_same() {
        let entropy = SeededEntropy::new(3);
        let mut pauses = BackOff::default();
        let mut seen = std::collections::HashSet::new();
        for n in 0..100u32 {
            let due = Duration::from_millis(500 << n.min(20)).min(Duration::from_secs(30));
            let pause = pauses.next(&*entropy);
            assert!(pause >= due / 2 && pause <= due, "{n}: {pause:?}");
            assert!(seen.insert(pause));
        }
        pauses.reset();
        assert!(pauses.next(&*entropy) <= Duration::from_millis(500));
    }
}
