//! When something is due by the rules of a bucket: functions of values, no clock and no store.

use super::{Expiration, Expiry, Lifecycle, LifecycleFilter, LifecycleRule};
use baleen_types::Timestamp;
use std::num::NonZeroU32;
use std::time::Duration;

/// The rules of a bucket that act, and how long their day is.
#[derive(Debug)]
pub(crate) struct Rules {
    rules: Vec<LifecycleRule>,
    day: Duration,
}

/// An object as rules see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) key: &'a str,
    pub(crate) size: u64,
    pub(crate) tags: &'a [(String, String)],
}

/// What rules are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Objects,
    Markers,
    Noncurrent,
    Uploads,
}

impl Rules {
    pub(crate) fn new(lifecycle: Lifecycle, day: Duration) -> Self {
        let mut rules = lifecycle.rules;
        rules.retain(|rule| rule.is_enabled);
        Self { rules, day }
    }

    /// When a current version goes, and by which rule: the one that acts first.
    pub(crate) fn expiry(&self, of: &Subject<'_>, modified: Timestamp) -> Option<Expiry> {
        self.soonest(|rule| {
            let expiration = rule.expiration.filter(|_| takes(&rule.filter, of))?;
            self.expires(expiration, modified)
        })
    }

    /// When an unfinished upload goes, and by which rule.
    pub(crate) fn abort(&self, key: &str, initiated: Timestamp) -> Option<Expiry> {
        self.soonest(|rule| {
            let days = rule.abort.filter(|_| takes_key(&rule.filter, key))?;
            Some(due(initiated, days, self.day))
        })
    }

    /// Whether a delete marker goes of whose key nothing else is left. The age of a marker counts where a rule has one (AWS,
    /// "Lifecycle configuration elements": "Amazon S3 performs `ExpiredObjectDeleteMarker` cleanup when the delete markers
    /// are old enough to satisfy the age criteria").
    pub(crate) fn is_marker_due(&self, key: &str, made: Timestamp, now: Timestamp) -> bool {
        self.rules.iter().any(|rule| {
            takes_key(&rule.filter, key)
                && match rule.expiration {
                    Some(Expiration::Markers(is_so)) => is_so,
                    Some(expiration) => self.expires(expiration, made).is_some_and(|at| at <= now),
                    None => false,
                }
        })
    }

    /// How many newer noncurrent versions there have to be for a noncurrent version to go; `None` if it stays whatever there
    /// is.
    pub(crate) fn newer_needed(&self, of: &Subject<'_>, since: Timestamp, now: Timestamp) -> Option<u32> {
        self.newer_needed_by(since, now, |filter| takes(filter, of))
    }

    /// As [`Rules::newer_needed`], of a delete marker.
    pub(crate) fn newer_needed_of_marker(&self, key: &str, since: Timestamp, now: Timestamp) -> Option<u32> {
        self.newer_needed_by(since, now, |filter| takes_key(filter, key))
    }

    fn newer_needed_by(
        &self,
        since: Timestamp,
        now: Timestamp,
        takes: impl Fn(&LifecycleFilter) -> bool,
    ) -> Option<u32> {
        let acting = self.rules.iter().filter(|rule| takes(&rule.filter));
        acting
            .filter_map(|rule| rule.noncurrent)
            .filter(|noncurrent| due(since, noncurrent.days, self.day) <= now)
            .map(|noncurrent| noncurrent.newer)
            .min()
    }

    /// The beginnings of the keys that rules about something are about: in order, none the beginning of another.
    pub(crate) fn prefixes(&self, about: About) -> Vec<&str> {
        let is_about = |rule: &&LifecycleRule| match about {
            About::Objects => matches!(rule.expiration, Some(Expiration::Days(_) | Expiration::On(_))),
            About::Markers => {
                let acts = matches!(rule.expiration, Some(expiration) if expiration != Expiration::Markers(false));
                acts && !rule.filter.looks_at_objects()
            }
            About::Noncurrent => rule.noncurrent.is_some(),
            About::Uploads => rule.abort.is_some() && !rule.filter.looks_at_objects(),
        };
        let rules = self.rules.iter().filter(is_about);
        let mut prefixes: Vec<_> = rules.map(|rule| rule.filter.prefix()).collect();
        prefixes.sort_unstable();
        // What follows the beginning of it in order begins with it, or with nothing of it.
        prefixes.dedup_by(|next, kept| next.starts_with(*kept));
        prefixes
    }

    fn soonest(&self, at: impl Fn(&LifecycleRule) -> Option<Timestamp>) -> Option<Expiry> {
        let due = self.rules.iter().filter_map(|rule| Some((at(rule)?, rule)));
        due.min_by_key(|(at, _)| *at).map(|(at, rule)| Expiry {
            at,
            rule: rule.id.clone(),
        })
    }

    fn expires(&self, expiration: Expiration, modified: Timestamp) -> Option<Timestamp> {
        match expiration {
            Expiration::Days(days) => Some(due(modified, days, self.day)),
            Expiration::On(day) => Some(day.begin()),
            Expiration::Markers(_) => None,
        }
    }
}

/// So many days after a time, and then the next midnight (AWS, "Setting lifecycle rules by time": "adding the number of days
/// specified in the rule to the object creation time and rounding the resulting time to the next day at midnight UTC"). What
/// was made at midnight stays the day that has begun.
fn due(from: Timestamp, days: NonZeroU32, day: Duration) -> Timestamp {
    let day = i64::try_from(day.as_nanos()).unwrap_or(i64::MAX).max(1);
    let number = from
        .as_nanos()
        .div_euclid(day)
        .saturating_add(i64::from(days.get()) + 1);
    Timestamp::from_nanos(number.saturating_mul(day))
}

fn takes(filter: &LifecycleFilter, of: &Subject<'_>) -> bool {
    of.key.starts_with(filter.prefix())
        && filter.larger_than.is_none_or(|size| of.size > size)
        && filter.smaller_than.is_none_or(|size| of.size < size)
        && filter.tags.iter().all(|tag| of.tags.contains(tag))
}

/// Whether a filter takes what has neither size nor tags.
fn takes_key(filter: &LifecycleFilter, key: &str) -> bool {
    !filter.looks_at_objects() && key.starts_with(filter.prefix())
}

#[cfg(test)]
mod tests;
