//! How much of the spool is whose.
//!
//! A store that takes nothing fills what its account may have. So that something is left for others, an account has at most as much there as
//! is left free: the first has half, who comes when it has that a quarter, and so on, until what is left is less than two parts. Nobody has
//! to be told of a number; with 1 GiB and parts of 8 MiB seven accounts with dead stores find room for a part, with 64 MiB three.

use crate::meter;
use baleen_types::AccountId;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// What is taken of the spool, by account.
#[derive(Debug)]
pub(super) struct Shares {
    bytes_max: u64,
    used: Mutex<HashMap<AccountId, u64>>,
}

/// Bytes of the spool that are taken, until this is dropped.
#[derive(Debug)]
pub(super) struct Room {
    account: AccountId,
    bytes: u64,
    shares: Arc<Shares>,
}

impl Shares {
    pub(super) fn new(bytes_max: u64) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            used: Mutex::default(),
        })
    }

    /// Takes room, if so much is left and the account may have it.
    pub(super) fn reserve(self: &Arc<Self>, account: AccountId, bytes: u64) -> Option<Room> {
        let mut used = self.used.lock();
        let own = used.get(&account).map_or(bytes, |own| own.saturating_add(bytes));
        let free = self.bytes_max.checked_sub(sum(&used).saturating_add(bytes))?;
        (own <= free).then(|| self.take(&mut used, account, bytes))
    }

    /// Takes room for what is there already.
    pub(super) fn occupy(self: &Arc<Self>, account: AccountId, bytes: u64) -> Room {
        self.take(&mut self.used.lock(), account, bytes)
    }

    fn take(self: &Arc<Self>, used: &mut HashMap<AccountId, u64>, account: AccountId, bytes: u64) -> Room {
        *used.entry(account).or_default() += bytes;
        meter::spool(sum(used));
        Room {
            account,
            bytes,
            shares: Arc::clone(self),
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut used = self.shares.used.lock();
        if let Some(own) = used.get_mut(&self.account) {
            *own = own.saturating_sub(self.bytes);
            if *own == 0 {
                used.remove(&self.account);
            }
        }
        meter::spool(sum(&used));
    }
}

fn sum(used: &HashMap<AccountId, u64>) -> u64 {
    used.values().fold(0, |sum, own| sum.saturating_add(*own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_at_most_as_much_as_is_left() {
        let shares = Shares::new(120);
        let mut kept = Vec::new();
        let mut fill = |number| {
            let account = AccountId::from_entropy(number);
            let taken = std::iter::from_fn(|| shares.reserve(account, 1)).collect::<Vec<_>>();
            let count = taken.len();
            kept.push(taken);
            count
        };
        // One that has nothing finds room, though others have all that they may.
        assert_eq!((fill(1), fill(2), fill(3), fill(1)), (60, 30, 15, 0));
        kept.remove(0);
        let account = AccountId::from_entropy(4);
        let more = std::iter::from_fn(|| shares.reserve(account, 1)).collect::<Vec<_>>();
        assert_eq!(more.len(), 75 / 2);
        drop((kept, more));
        assert!(shares.used.lock().is_empty());
    }

    /// In parts as they are, and not in bytes: so many accounts have room when each fills what it may.
    #[test]
    fn accounts_that_fill_what_they_may_halve_what_is_left() {
        const PART: u64 = (8 << 20) + 2200;
        for (bytes_max, expected) in [
            (64 << 20, &[3, 2, 1, 0][..]),
            (1 << 30, &[63, 32, 16, 8, 4, 2, 1, 0][..]),
        ] {
            let shares = Shares::new(bytes_max);
            let mut kept = Vec::new();
            let mut counts = Vec::new();
            for number in 0..expected.len() as u64 {
                let account = AccountId::from_entropy(number);
                let taken: Vec<_> = std::iter::from_fn(|| shares.reserve(account, PART)).collect();
                counts.push(taken.len());
                kept.push(taken);
            }
            assert_eq!(counts, expected, "{bytes_max}");
        }
    }

    #[test]
    fn what_is_there_already_counts_and_what_does_not_fit_is_refused() {
        let shares = Shares::new(100);
        let (one, other) = (AccountId::from_entropy(1), AccountId::from_entropy(2));
        assert!(shares.reserve(one, 51).is_none());
        assert!(shares.reserve(one, u64::MAX).is_none());
        let found = shares.occupy(one, 90);
        assert!(shares.reserve(one, 1).is_none());
        assert!(shares.reserve(other, 6).is_none());
        let fits = shares.reserve(other, 5);
        assert!(fits.is_some());
        drop(found);
        assert!(shares.reserve(one, 47).is_some());
    }
}
