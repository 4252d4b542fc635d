//! Lifecycle rules against a model: random writes, deletions, rules and hours; after each pass every version is there, or is
//! not, as the rules of that moment say of it (peers' failure F28).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_objects::{
    Expiration, Expired, Lifecycle, LifecycleFilter, LifecycleRule, ListVersions, NoncurrentExpiration, ObjectVersion,
    Version,
};
use baleen_runtime::{Clock, Shutdown};
use common::{Store, at, bucket, model, pattern};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

const KEYS: [&str; 4] = ["a", "a/b", "b", "ba"];

#[derive(Clone, Debug)]
enum Step {
    Put(&'static str, usize),
    Delete(&'static str),
    /// Of some version that is there.
    DeleteVersion(usize),
    Versioning(bool),
    Hours(u64),
    Rules(Vec<Rule>, Option<Noncurrent>),
    Pass,
}

/// An expiration.
#[derive(Clone, Copy, Debug)]
struct Rule {
    prefix: &'static str,
    /// Days, or the cleaning of markers.
    days: Option<u32>,
    larger_than: Option<u64>,
    is_enabled: bool,
}

#[derive(Clone, Copy, Debug)]
struct Noncurrent {
    prefix: &'static str,
    days: u32,
    newer: u32,
}

fn prefix() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["", "a", "b", "ba"][..])
}

fn rule() -> impl Strategy<Value = Rule> {
    let days = prop_oneof![3 => (1..4u32).prop_map(Some), 1 => Just(None)];
    let larger_than = prop_oneof![3 => Just(None), 1 => (0..3u64).prop_map(Some)];
    (prefix(), days, larger_than, prop::bool::weighted(0.8)).prop_map(|(prefix, days, larger_than, is_enabled)| Rule {
        prefix,
        days,
        // The cleaning of markers looks at no sizes.
        larger_than: larger_than.filter(|_| days.is_some()),
        is_enabled,
    })
}

fn noncurrent() -> impl Strategy<Value = Noncurrent> {
    (prefix(), 1..4u32, 0..3u32).prop_map(|(prefix, days, newer)| Noncurrent { prefix, days, newer })
}

fn step() -> impl Strategy<Value = Step> {
    let key = || prop::sample::select(&KEYS[..]);
    prop_oneof![
        6 => (key(), 0..4usize).prop_map(|(key, size)| Step::Put(key, size)),
        3 => key().prop_map(Step::Delete),
        2 => any::<usize>().prop_map(Step::DeleteVersion),
        1 => any::<bool>().prop_map(Step::Versioning),
        6 => (1..40u64).prop_map(Step::Hours),
        2 => (prop::collection::vec(rule(), 0..3), prop::option::of(noncurrent()))
            .prop_map(|(rules, noncurrent)| Step::Rules(rules, noncurrent)),
        4 => Just(Step::Pass),
    ]
}

/// A version, its times in hours.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    name: Version,
    /// `None` for a delete marker.
    size: Option<u64>,
    made: i64,
    since: i64,
}

#[derive(Default)]
struct Model {
    /// Newest first.
    keys: BTreeMap<String, Vec<Known>>,
    is_enabled: Option<bool>,
    rules: Vec<Rule>,
    noncurrent: Option<Noncurrent>,
}

fn is_due(from: i64, days: u32, now: i64) -> bool {
    now / 24 > from / 24 + i64::from(days)
}

impl Model {
    fn write(&mut self, key: &str, name: Version, size: Option<u64>, now: i64) {
        let versions = self.keys.entry(key.to_owned()).or_default();
        if let Some(current) = versions.first_mut() {
            current.since = now;
        }
        versions.retain(|version| version.name != name);
        let (made, since) = (now, i64::MAX);
        versions.insert(
            0,
            Known {
                name,
                size,
                made,
                since,
            },
        );
    }

    fn remove(&mut self, key: &str, at: usize) {
        let versions = self.keys.get_mut(key).unwrap();
        versions.remove(at);
        if versions.is_empty() {
            self.keys.remove(key);
        }
    }

    fn acting<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Rule> {
        let rules = self.rules.iter();
        rules.filter(move |rule| rule.is_enabled && key.starts_with(rule.prefix))
    }

    /// What a pass does; the names of delete markers that it makes are told by the listing.
    fn pass(&mut self, now: i64, names: &BTreeMap<String, Version>) {
        for key in KEYS {
            let Some(current) = self.keys.get(key).map(|versions| versions[0].clone()) else {
                continue;
            };
            let Some(size) = current.size else { continue };
            let goes = self.acting(key).any(|rule| {
                rule.larger_than.is_none_or(|than| size > than)
                    && rule.days.is_some_and(|days| is_due(current.made, days, now))
            });
            match self.is_enabled {
                _ if !goes => {}
                None => self.remove(key, 0),
                Some(false) => self.write(key, Version::Null, None, now),
                // One that is gone again by now has had no name that anybody saw.
                Some(true) => self.write(key, names.get(key).copied().unwrap_or(current.name), None, now),
            }
        }
        if let Some(rule) = self.noncurrent {
            for (_, versions) in self.keys.iter_mut().filter(|(key, _)| key.starts_with(rule.prefix)) {
                let mut at = 0;
                versions.retain(|version| {
                    at += 1;
                    at == 1 || at - 2 < rule.newer || !is_due(version.since, rule.days, now)
                });
            }
        }
        for key in KEYS {
            let Some([marker]) = self.keys.get(key).map(Vec::as_slice) else {
                continue;
            };
            let goes = self.acting(key).filter(|rule| rule.larger_than.is_none());
            let goes = goes.map(|rule| rule.days.is_none_or(|days| is_due(marker.made, days, now)));
            if marker.size.is_none() && goes.into_iter().any(|goes| goes) {
                self.remove(key, 0);
            }
        }
    }

    fn lifecycle(&self) -> Option<Lifecycle> {
        let filter = |prefix: &str, larger_than| LifecycleFilter {
            prefix: Some(prefix.to_owned()),
            larger_than,
            ..LifecycleFilter::default()
        };
        let count = |days| NonZeroU32::new(days).unwrap();
        let mut rules: Vec<_> = (0..)
            .zip(&self.rules)
            .map(|(n, rule)| LifecycleRule {
                id: format!("{n}"),
                is_enabled: rule.is_enabled,
                filter: filter(rule.prefix, rule.larger_than),
                expiration: Some(
                    rule.days
                        .map_or(Expiration::Markers(true), |days| Expiration::Days(count(days))),
                ),
                noncurrent: None,
                abort: None,
            })
            .collect();
        rules.extend(self.noncurrent.map(|rule| LifecycleRule {
            id: "noncurrent".to_owned(),
            is_enabled: true,
            filter: filter(rule.prefix, None),
            expiration: None,
            noncurrent: Some(NoncurrentExpiration {
                days: count(rule.days),
                newer: rule.newer,
            }),
            abort: None,
        }));
        (!rules.is_empty()).then(|| Lifecycle {
            rules,
            ..Lifecycle::default()
        })
    }
}

/// What the store lists: key, name, size and hour of each version.
async fn listed(store: &Store) -> Vec<(String, Version, Option<u64>, i64)> {
    let list = ListVersions {
        bucket: bucket("bucket"),
        prefix: String::new(),
        delimiter: String::new(),
        after: None,
        max_keys: 1000,
    };
    let page = store.objects.list_versions(list).await.unwrap();
    let entry = |entry: baleen_objects::VersionEntry| {
        let size = entry.content.map(|content| content.size);
        let hour = entry.modified.as_secs() / 3600;
        (entry.key.as_str().to_owned(), entry.version, size, hour)
    };
    page.entries.into_iter().map(entry).collect()
}

async fn run(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let name = bucket("bucket");
    let mut known = Model::default();
    let at_last = [Step::Hours(24 * 5), Step::Pass];
    for step in steps.into_iter().chain(at_last) {
        let now = store.clock.now().as_secs() / 3600;
        match &step {
            Step::Put(key, size) => {
                let stored = store.put(key, &pattern(*size, 1)).await.unwrap();
                let name = stored.version.unwrap_or(Version::Null);
                known.write(key, name, Some(*size as u64), now);
            }
            Step::Delete(key) => {
                let deleted = store.objects.delete(&at(key)).await.unwrap();
                match (known.is_enabled, deleted.version) {
                    (None, _) => drop(known.keys.remove(*key)),
                    (Some(_), name) => known.write(key, name.unwrap(), None, now),
                }
            }
            Step::DeleteVersion(n) => {
                let all = listed(&store).await;
                let Some((key, version, ..)) = all.get(n % all.len().max(1)) else {
                    continue;
                };
                let of = ObjectVersion {
                    at: at(key),
                    version: Some(*version),
                };
                store.objects.delete(&of).await.unwrap();
                let place = known.keys[key].iter().position(|known| known.name == *version);
                known.remove(key, place.unwrap());
            }
            Step::Versioning(is_enabled) => {
                let set = store.objects.set_versioning(&name, *is_enabled);
                set.await.unwrap();
                known.is_enabled = Some(*is_enabled);
            }
            Step::Hours(hours) => store.clock.advance(Duration::from_hours(*hours)),
            Step::Rules(rules, noncurrent) => {
                known.rules.clone_from(rules);
                known.noncurrent = *noncurrent;
                let lifecycle = known.lifecycle();
                let set = store.objects.put_lifecycle(&name, lifecycle.as_ref());
                set.await.unwrap();
            }
            Step::Pass => {
                store.objects.expire(&Shutdown::new(), |_: &Expired| {}).await.unwrap();
                let names = listed(&store).await.into_iter().rev();
                known.pass(now, &names.map(|(key, name, ..)| (key, name)).collect());
            }
        }
        let expected: Vec<_> = known
            .keys
            .iter()
            .flat_map(|(key, versions)| {
                let told = |v: &Known| (key.clone(), v.name, v.size, v.made);
                versions.iter().map(told).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(listed(&store).await, expected, "after {step:?}");
        let objects: Vec<_> = expected.iter().filter_map(|(_, _, size, _)| *size).collect();
        let usage = store.objects.bucket_usage(&bucket("bucket")).await.unwrap();
        assert_eq!(
            (usage.objects, usage.bytes),
            (objects.len() as u64, objects.iter().sum())
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_is_what_the_rules_say(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
