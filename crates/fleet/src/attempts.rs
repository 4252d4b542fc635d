//! Who failed to enrol lately.

use crate::limits::{ATTEMPTS_ADDRESSES_MAX, ATTEMPTS_MAX, ATTEMPTS_PERIOD};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Failures by address, in periods that begin with the first of them.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<HashMap<IpAddr, (Duration, u32)>>);

impl Attempts {
    /// Whether one more from there is looked at.
    pub(crate) fn may_try(&self, from: IpAddr, now: Duration) -> bool {
        let attempts = self.0.lock();
        let failed = attempts.get(&network(from)).filter(|failed| is_young(failed, now));
        failed.is_none_or(|(_, times)| *times < ATTEMPTS_MAX)
    }

    /// Notes a failure. When too many are noted to remember another address, those with the fewest failures are forgotten.
    pub(crate) fn failed(&self, from: IpAddr, now: Duration) {
        let from = network(from);
        let mut attempts = self.0.lock();
        if attempts.len() >= ATTEMPTS_ADDRESSES_MAX && !attempts.contains_key(&from) {
            attempts.retain(|_, failed| is_young(failed, now));
            if attempts.len() >= ATTEMPTS_ADDRESSES_MAX {
                // Those that failed most stay: who comes from many addresses does not make its own ones forgotten.
                let few = attempts.values().map(|(_, times)| *times).min().unwrap_or_default();
                attempts.retain(|_, (_, times)| *times > few);
            }
        }
        let failed = attempts.entry(from).or_insert((now, 0));
        if !is_young(failed, now) {
            *failed = (now, 0);
        }
        failed.1 = failed.1.saturating_add(1);
    }
}

fn is_young((since, _): &(Duration, u32), now: Duration) -> bool {
    now.saturating_sub(*since) < ATTEMPTS_PERIOD
}

/// A host has all addresses of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_address_and_minute() {
        let attempts = Attempts::default();
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        for n in 0..ATTEMPTS_MAX {
            assert!(attempts.may_try(one, Duration::ZERO), "{n}");
            attempts.failed(one, Duration::ZERO);
        }
        assert!(!attempts.may_try(one, Duration::ZERO) && attempts.may_try(other, Duration::ZERO));
        assert!(!attempts.may_try("::ffff:192.0.2.1".parse().unwrap(), Duration::ZERO));
        assert!(attempts.may_try(one, ATTEMPTS_PERIOD));
        attempts.failed(one, ATTEMPTS_PERIOD);
        assert!(attempts.may_try(one, ATTEMPTS_PERIOD));
        // Addresses of one host.
        for n in 0..ATTEMPTS_MAX {
            attempts.failed(format!("2001:db8::{n}").parse().unwrap(), Duration::ZERO);
        }
        assert!(!attempts.may_try("2001:db8::ffff".parse().unwrap(), Duration::ZERO));
        // As many addresses as somebody has.
        for n in 0..3 * u32::try_from(ATTEMPTS_ADDRESSES_MAX).unwrap() {
            attempts.failed(std::net::Ipv4Addr::from(n).into(), Duration::ZERO);
        }
        assert!(attempts.0.lock().len() <= ATTEMPTS_ADDRESSES_MAX);
        assert!(
            !attempts.may_try("2001:db8::ffff".parse().unwrap(), Duration::ZERO),
            "still remembered"
        );
    }
}
