//! How cached identities learn that they are old.
//!
//! What is cached was read at some moment, and depends on an account and a user in it, sometimes on two of each. Every
//! such scope has a number that goes up with each change. Who fills the cache takes a [`Ticket`] with the numbers *before*
//! it reads, and the entry is good as long as they are still the same. So an entry that was read before a change and put
//! into the cache after it is never used, in whichever order the two come about, and a change costs an addition, whatever
//! is cached.
//!
//! Customers are another service's; all of them share the number that it counts, since they seldom change.
//!
//! Scopes share numbers by their hash: a change of one may make others be read anew, which costs a look-up and nothing else.

use baleen_types::{AccountId, UserId};
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that the scopes share; 32 KiB.
const STRIPES: usize = 4_096;

/// What a cached identity may depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All users of the account.
    Account(AccountId),
    /// One user.
    User(AccountId, UserId),
}

impl Scope {
    fn stripe(self) -> usize {
        let (account, user) = match self {
            Self::Account(account) => (account.as_u64(), 0),
            Self::User(account, user) => (account.as_u64(), user.as_u64()),
        };
        // SplitMix64 finish: ids are random already, those of tests are not.
        let mut z = account.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ user;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z >> 32) % STRIPES as u64).unwrap_or_default()
    }
}

/// The numbers of all scopes.
pub(crate) struct Epochs {
    stripes: Box<[AtomicU64]>,
    customers: Box<dyn Fn() -> u64 + Send + Sync>,
}

/// What the numbers were before something was read. The default one is for what never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ticket {
    marks: Vec<(usize, u64)>,
    customers: Option<u64>,
}

impl Epochs {
    /// All numbers at zero, but that of the customers, which is asked for.
    pub(crate) fn new(customers: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
            customers: Box::new(customers),
        }
    }

    /// Takes a ticket for what is about to be read.
    pub(crate) fn ticket(&self, scopes: &[Scope]) -> Ticket {
        let take = |scope: &Scope| {
            let stripe = scope.stripe();
            (stripe, self.stripes[stripe].load(Ordering::SeqCst))
        };
        Ticket {
            customers: Some((self.customers)()),
            marks: scopes.iter().map(take).collect(),
        }
    }

    /// Tells whether nothing that the ticket is for has changed since it was taken.
    pub(crate) fn is_valid(&self, ticket: &Ticket) -> bool {
        let same = |(stripe, number): &(usize, u64)| self.stripes[*stripe].load(Ordering::SeqCst) == *number;
        ticket.customers.is_none_or(|number| number == (self.customers)()) && ticket.marks.iter().all(same)
    }

    /// Makes everything old that depends on one of the scopes.
    pub(crate) fn advance(&self, scopes: &[Scope]) {
        for scope in scopes {
            self.stripes[scope.stripe()].fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Ticket {
    /// The ticket for both.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        let more: Vec<_> = other
            .marks
            .iter()
            .filter(|mark| !self.marks.contains(mark))
            .copied()
            .collect();
        self.marks.extend(more);
        // The older of both: what was read under it must still hold.
        self.customers = match (self.customers, other.customers) {
            (Some(own), Some(others)) => Some(own.min(others)),
            (own, others) => own.or(others),
        };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_ticket_ends_with_any_of_its_scopes() {
        let (account, other) = (AccountId::from_entropy(1), AccountId::from_entropy(2));
        let (user, neighbour) = (UserId::from_entropy(1), UserId::from_entropy(2));
        let customers = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&customers);
        let epochs = Epochs::new(move || counted.load(Ordering::SeqCst));
        let own = [Scope::Account(account), Scope::User(account, user)];
        let ticket = epochs.ticket(&own);
        epochs.advance(&[Scope::User(account, neighbour), Scope::Account(other)]);
        assert!(epochs.is_valid(&ticket));
        for scope in own {
            let ticket = epochs.ticket(&own);
            epochs.advance(&[scope]);
            assert!(!epochs.is_valid(&ticket), "{scope:?}");
        }
        let both = epochs.ticket(&own).and(&epochs.ticket(&[Scope::Account(other)]));
        epochs.advance(&[Scope::Account(other)]);
        assert!(!epochs.is_valid(&both));
        let ticket = epochs.ticket(&own);
        customers.fetch_add(1, Ordering::SeqCst);
        assert!(!epochs.is_valid(&ticket), "a customer changed");
        assert!(epochs.is_valid(&Ticket::default()), "what never changes is always good");
    }
}
