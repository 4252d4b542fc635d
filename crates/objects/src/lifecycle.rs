//! What a bucket says of when things in it are removed by themselves (seed 004, "Put Lifecycle Configuration"; AWS,
//! "Managing the lifecycle of objects").
//!
//! Here is what was said. When something is due by it is told by [`rules`], which is pure, and it is removed by the service
//! (`docs/decisions/0015-rules-decide-when-they-act.md`).

pub(crate) mod rules;

use baleen_meta::record::first_version;
use baleen_types::Timestamp;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// The lifecycle configuration of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// The rules; each stands for itself.
    pub rules: Vec<LifecycleRule>,
    /// Said back to who asks; there are no transitions that it could hold for.
    pub smallest_transition: SmallestTransition,
}
first_version!(Lifecycle, "lifecycle configuration");

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleRule {
    /// Its name, of which a configuration has no two.
    pub id: String,
    /// Whether it acts.
    pub is_enabled: bool,
    /// What it is about.
    pub filter: LifecycleFilter,
    /// When current versions go.
    pub expiration: Option<Expiration>,
    /// When noncurrent versions go.
    pub noncurrent: Option<NoncurrentExpiration>,
    /// How many days after their beginning unfinished uploads go.
    pub abort: Option<NonZeroU32>,
}

/// What a rule is about: all of what is said must be so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleFilter {
    /// Whether the prefix stands in the rule itself, as before there were filters.
    pub is_in_rule: bool,
    /// How keys begin.
    pub prefix: Option<String>,
    /// Tags, all of which an object has.
    pub tags: Vec<(String, String)>,
    /// Objects are larger than this.
    pub larger_than: Option<u64>,
    /// Objects are smaller than this.
    pub smaller_than: Option<u64>,
}

impl LifecycleFilter {
    /// How keys begin that it is about.
    pub(crate) fn prefix(&self) -> &str {
        self.prefix.as_deref().unwrap_or_default()
    }

    /// Whether it looks at what only an object has: neither a delete marker nor an unfinished upload.
    #[must_use]
    pub fn looks_at_objects(&self) -> bool {
        !self.tags.is_empty() || self.larger_than.is_some() || self.smaller_than.is_some()
    }
}

/// When current versions go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiration {
    /// So many days after they were stored.
    Days(NonZeroU32),
    /// From this day on.
    On(Day),
    /// Delete markers go when no other version of their key is left; with `false`, nothing does.
    Markers(bool),
}

/// A midnight, UTC: the number of the day since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day(i32);

const DAY_SECS: i64 = 24 * 60 * 60;

impl Day {
    /// The day that begins at this time.
    ///
    /// ```
    /// use baleen_objects::Day;
    /// assert_eq!(Day::beginning_at(86_400).unwrap().begin_secs(), 86_400);
    /// assert!(Day::beginning_at(86_401).is_none());
    /// ```
    #[must_use]
    pub fn beginning_at(secs_since_epoch: i64) -> Option<Self> {
        let is_midnight = secs_since_epoch.rem_euclid(DAY_SECS) == 0;
        i32::try_from(secs_since_epoch.div_euclid(DAY_SECS))
            .ok()
            .filter(|_| is_midnight)
            .map(Self)
    }

    /// Seconds from 1970 to its beginning.
    #[must_use]
    pub fn begin_secs(self) -> i64 {
        i64::from(self.0) * DAY_SECS
    }

    fn begin(self) -> Timestamp {
        Timestamp::from_secs(self.begin_secs())
    }
}

/// When noncurrent versions go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoncurrentExpiration {
    /// So many days after they have become noncurrent.
    pub days: NonZeroU32,
    /// And only those than which so many newer noncurrent ones are there; 0 for all.
    pub newer: u32,
}

/// For objects of which size transitions are meant (AWS, `x-amz-transition-default-minimum-object-size`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SmallestTransition {
    /// `all_storage_classes_128K`.
    #[default]
    AllClasses128K,
    /// `varies_by_storage_class`.
    VariesByClass,
}

/// When a rule removes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// When.
    pub at: Timestamp,
    /// The rule's name.
    pub rule: String,
}
