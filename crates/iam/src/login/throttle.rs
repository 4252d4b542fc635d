//! The brake on guessing: growing delays for a user, limits for an address, its network and everyone.
//!
//! Pure over the monotonic time it is handed. Three rules make it hold:
//!
//! * **A try is charged as a failure when it begins** and refunded when it succeeds. So a thousand guesses at once are a
//!   thousand failures, not one look at a counter that is still zero; and a guesser who hangs up has paid.
//! * **A user is whatever was named.** Names that nobody has are counted like those that somebody has.
//! * **Success forgives the user, never the address**: who owns one account must not clear the way for guessing others. Success is
//!   all that the user asks for, the second factor too: a password alone forgives no wrong codes.
//!
//! A user's delay grows 1, 2, 4 … 60 s with each failure from the fifth on. A try within it is not counted against the user
//! (else whoever keeps trying would lock the owner out for good) but against the address. What a try within it is answered
//! with is the same as a wrong password; what a try above an address's limit is answered with is "later", before any work.
//!
//! The tables are bounded; the entry that was not used for longest goes first. To push one entry out an attacker must fail
//! [`THROTTLE_ENTRIES_MAX`] times within the limits of his own addresses.

use super::limits::{
    ADDRESS_FAILURES_PER_MINUTE, ALERT_FAILURES, DELAY_MAX, FAILURES_KEPT, FREE_FAILURES, GLOBAL_FAILURES_PER_MINUTE,
    NETWORK_FAILURES_PER_MINUTE, THROTTLE_ENTRIES_MAX,
};
use aws_lc_rs::digest::{SHA256, digest};
use baleen_types::{AccountId, UserId};
use lru::LruCache;
use parking_lot::Mutex;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::time::Duration;

/// The window in which an address's failures are counted; it begins with the first.
const WINDOW: Duration = Duration::from_secs(60);

/// Whom a try is about, as a key of fixed size: however long the names are that somebody sends, an entry stays small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target([u8; 16]);

impl Target {
    /// A user that exists.
    pub fn user(account: AccountId, user: UserId) -> Self {
        Self::of(b'u', account.to_string().as_bytes(), user.to_string().as_bytes())
    }

    /// Names that stand for nobody, compared as names are: without case.
    pub fn nobody(customer: &str, user: &str) -> Self {
        let folded = [customer, user].map(str::to_lowercase);
        Self::of(b'n', folded[0].as_bytes(), folded[1].as_bytes())
    }

    fn of(kind: u8, one: &[u8], two: &[u8]) -> Self {
        let length = u64::try_from(one.len()).unwrap_or(u64::MAX).to_be_bytes();
        let hash = digest(&SHA256, &[&[kind][..], &length, one, two].concat());
        Self(hash.as_ref()[..16].try_into().expect("SHA-256 has 32 bytes"))
    }
}

/// May a try begin?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes. It has been charged as a failure.
    Granted,
    /// Do the work, and refuse as if the password were wrong: the user has to wait.
    Delayed,
}

/// No try at all for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// When the limit that was met lets somebody in again; whole seconds, at least one.
    pub retry_after: Duration,
}

/// How much a failure weighs. A wrong code or recovery code weighs double, the charge of its try included (notes, 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A wrong password, a user that does not exist or may not log in.
    Password,
    /// The password was right, the code was not.
    Code,
}

/// What the operator should hear of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// Nothing.
    None,
    /// The user has just reached [`ALERT_FAILURES`] failures in a row.
    Guessing,
}

/// All counters.
pub struct Throttle(Mutex<Tables>);

struct Tables {
    users: LruCache<Target, UserFailures>,
    addresses: LruCache<IpAddr, Window>,
    networks: LruCache<IpAddr, Window>,
    everyone: Window,
}

#[derive(Clone, Copy, Debug, Default)]
struct UserFailures {
    count: u32,
    last: Duration,
}

/// Failures since `start`, for one minute.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    start: Duration,
    count: u32,
}

impl Default for Throttle {
    fn default() -> Self {
        Self::with_capacity(NonZeroUsize::new(THROTTLE_ENTRIES_MAX).expect("a constant above zero"))
    }
}

impl Throttle {
    /// A throttle that remembers `capacity` users, addresses and networks each.
    pub fn with_capacity(capacity: NonZeroUsize) -> Self {
        Self(Mutex::new(Tables {
            users: LruCache::new(capacity),
            addresses: LruCache::new(capacity),
            networks: LruCache::new(capacity),
            everyone: Window::default(),
        }))
    }

    /// Admits a try from an address, before anything is looked up, and charges the address.
    ///
    /// # Errors
    /// [`TooMany`] when the address, its network or everyone together failed too often in this minute. Not charged.
    pub fn enter(&self, now: Duration, source: IpAddr) -> Result<(), TooMany> {
        let (address, network) = (source.to_canonical(), network_of(source));
        let tables = &mut *self.0.lock();
        let limits = [
            (tables.addresses.get(&address).copied(), ADDRESS_FAILURES_PER_MINUTE),
            (tables.networks.get(&network).copied(), NETWORK_FAILURES_PER_MINUTE),
            (Some(tables.everyone), GLOBAL_FAILURES_PER_MINUTE),
        ];
        let full = limits
            .into_iter()
            .filter_map(|(window, limit)| window?.full_for(now, limit))
            .max();
        if let Some(wait) = full {
            let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            return Err(TooMany {
                retry_after: Duration::from_secs(whole.max(1)),
            });
        }
        tables.charge(now, source, 1);
        Ok(())
    }

    /// Admits a try about a user, after [`Throttle::enter`], and charges the user.
    pub fn begin(&self, now: Duration, target: Target) -> (Admission, Alert) {
        let tables = &mut *self.0.lock();
        let known = tables.users.get_or_insert_mut(target, UserFailures::default);
        if known.count > 0 && now.saturating_sub(known.last) >= FAILURES_KEPT {
            *known = UserFailures::default();
        }
        if now < known.blocked_until() {
            return (Admission::Delayed, Alert::None);
        }
        (Admission::Granted, known.fail(now, 1))
    }

    /// Settles a try that [`Throttle::begin`] granted and that failed.
    pub fn failed(&self, now: Duration, source: IpAddr, target: Target, failure: Failure) -> Alert {
        match failure {
            // The charge of the try is the whole price.
            Failure::Password => Alert::None,
            Failure::Code => {
                let tables = &mut *self.0.lock();
                tables.charge(now, source, 1);
                tables
                    .users
                    .get_or_insert_mut(target, UserFailures::default)
                    .fail(now, 1)
            }
        }
    }

    /// Settles a try that succeeded: the user's failures are forgotten, and the address gets its own charge back, no more.
    pub fn succeeded(&self, source: IpAddr, target: Target) {
        let tables = &mut *self.0.lock();
        tables.users.pop(&target);
        tables.refund(source);
    }

    /// Settles a try that proved the password and stopped for want of a code: neither a failure nor a success. Were it a
    /// success, whoever knows the password could wipe out failed guesses of the code.
    pub fn undecided(&self, source: IpAddr, target: Target) {
        let tables = &mut *self.0.lock();
        if let Some(known) = tables.users.get_mut(&target) {
            known.count = known.count.saturating_sub(1);
        }
        tables.refund(source);
    }

    /// Settles a try that [`Throttle::enter`] let in and that was about no user's password or code: the address gets its charge
    /// back.
    pub fn not_charged(&self, source: IpAddr) {
        self.0.lock().refund(source);
    }

    /// Forgets a user's failures, since what was guessed at is another one now: an administrator has set a new password
    /// (contract, UpdateLoginProfile), or a reset token did.
    pub fn forgive(&self, target: Target) {
        self.0.lock().users.pop(&target);
    }
}

impl Tables {
    fn charge(&mut self, now: Duration, source: IpAddr, weight: u32) {
        self.addresses
            .get_or_insert_mut(source.to_canonical(), Window::default)
            .add(now, weight);
        self.networks
            .get_or_insert_mut(network_of(source), Window::default)
            .add(now, weight);
        self.everyone.add(now, weight);
    }

    fn refund(&mut self, source: IpAddr) {
        let address = self.addresses.peek_mut(&source.to_canonical());
        let network = self.networks.peek_mut(&network_of(source));
        for window in [address, network, Some(&mut self.everyone)].into_iter().flatten() {
            window.count = window.count.saturating_sub(1);
        }
    }
}

impl UserFailures {
    fn fail(&mut self, now: Duration, weight: u32) -> Alert {
        let before = self.count;
        self.count = self.count.saturating_add(weight);
        self.last = now;
        if before < ALERT_FAILURES && self.count >= ALERT_FAILURES {
            Alert::Guessing
        } else {
            Alert::None
        }
    }

    fn blocked_until(self) -> Duration {
        match self.count.checked_sub(FREE_FAILURES) {
            None => Duration::ZERO,
            Some(over) => {
                let delay = Duration::from_secs(1 << over.min(6)).min(DELAY_MAX);
                self.last.saturating_add(delay)
            }
        }
    }
}

impl Window {
    fn add(&mut self, now: Duration, weight: u32) {
        if self.count == 0 || now.saturating_sub(self.start) >= WINDOW {
            *self = Self { start: now, count: 0 };
        }
        self.count = self.count.saturating_add(weight);
    }

    /// How long the window is still full, if it is.
    fn full_for(self, now: Duration, limit: u32) -> Option<Duration> {
        let age = now.saturating_sub(self.start);
        WINDOW
            .checked_sub(age)
            .filter(|rest| self.count >= limit && !rest.is_zero())
    }
}

/// The IPv4 /24 or the IPv6 /64 of an address; an IPv4 address written as IPv6 is the IPv4 address.
fn network_of(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & !0xff)),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests;
