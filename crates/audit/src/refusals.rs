//! How many refused requests an account's log takes, and how many it was spared.

use std::num::NonZeroUsize;
use std::time::Duration;

use baleen_types::AccountId;
use lru::LruCache;

use crate::limits::{REFUSALS_MAX, REFUSALS_PERIOD, REFUSED_ACCOUNTS_MAX};

/// A bucket of tokens for each account that was refused something lately.
pub(crate) struct Refusals(LruCache<AccountId, Bucket>);

struct Bucket {
    /// Monotonic time at which the bucket is full again: what is missing is what lies ahead.
    full_at: Duration,
    left_out: u64,
}

/// Time in which one token comes back.
const PER_TOKEN: Duration = match REFUSALS_PERIOD.checked_div(REFUSALS_MAX) {
    Some(time) => time,
    None => REFUSALS_PERIOD,
};

impl Refusals {
    pub(crate) fn new() -> Self {
        Self(LruCache::new(
            NonZeroUsize::new(REFUSED_ACCOUNTS_MAX).unwrap_or(NonZeroUsize::MIN),
        ))
    }

    /// Whether one more may be recorded now; if not, it is counted.
    pub(crate) fn admit(&mut self, account: AccountId, now: Duration) -> bool {
        let bucket = self.bucket(account);
        let full_at = bucket.full_at.max(now) + PER_TOKEN;
        if full_at > now + REFUSALS_PERIOD {
            bucket.left_out += 1;
            return false;
        }
        bucket.full_at = full_at;
        true
    }

    /// Counts what was left out for another reason, or could not be told after all.
    pub(crate) fn leave_out(&mut self, account: AccountId, count: u64) {
        if count > 0 {
            self.bucket(account).left_out += count;
        }
    }

    /// What the next entry of an account has to tell.
    pub(crate) fn take_left_out(&mut self, account: AccountId) -> u64 {
        self.0
            .peek_mut(&account)
            .map_or(0, |bucket| std::mem::take(&mut bucket.left_out))
    }

    /// The accounts that have something to tell.
    pub(crate) fn untold(&self) -> Vec<AccountId> {
        let untold = self.0.iter().filter(|(_, bucket)| bucket.left_out > 0);
        untold.map(|(account, _)| *account).collect()
    }

    fn bucket(&mut self, account: AccountId) -> &mut Bucket {
        self.0.get_or_insert_mut(account, || Bucket {
            full_at: Duration::ZERO,
            left_out: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_a_number() {
        let (one, other) = (AccountId::from_entropy(1), AccountId::from_entropy(2));
        let mut refusals = Refusals::new();
        let at = Duration::from_secs(1000);
        let taken = (0..10_000).filter(|_| refusals.admit(one, at)).count();
        assert_eq!(taken, REFUSALS_MAX as usize);
        assert!(refusals.admit(other, at), "accounts do not share");
        assert_eq!(refusals.untold(), [one]);
        assert_eq!(refusals.take_left_out(one), 10_000 - u64::from(REFUSALS_MAX));
        assert_eq!((refusals.take_left_out(one), refusals.take_left_out(other)), (0, 0));
        // One comes back after its share of the period, and all after the whole.
        let almost = PER_TOKEN.saturating_sub(Duration::from_nanos(1));
        assert!(!refusals.admit(one, at + almost));
        assert!(refusals.admit(one, at + PER_TOKEN));
        assert!(!refusals.admit(one, at + PER_TOKEN));
        let later = at + PER_TOKEN + REFUSALS_PERIOD;
        let taken = (0..100).filter(|_| refusals.admit(one, later)).count();
        assert_eq!(taken, REFUSALS_MAX as usize);
    }

    #[test]
    fn memory_is_bounded() {
        let mut refusals = Refusals::new();
        for number in 0..3 * REFUSED_ACCOUNTS_MAX {
            refusals.admit(AccountId::from_entropy(number as u64), Duration::ZERO);
        }
        assert!(refusals.0.len() <= REFUSED_ACCOUNTS_MAX);
    }
}
