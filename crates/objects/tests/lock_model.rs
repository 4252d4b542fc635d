//! Object lock against a model: random writes, locks, deletions by every way and moves of the clock. No version goes that the
//! model says is protected, and every other one goes when it is asked to.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_objects::{
    CreateBucket, DefaultRetention, DeleteObject, Governance, LegalHold, Lock, ObjectError, ObjectLock, ObjectVersion,
    PutObject, Retention, RetentionMode, RetentionPeriod, Selection, Version,
};
use baleen_runtime::Clock as _;
use baleen_types::{RegionName, Timestamp};
use bytes::Bytes;
use common::{Store, account, at, bucket, model, pattern, put_of, read};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A retention that is asked for: its mode and its end, in hours from now.
type Asked = (RetentionMode, i64);

#[derive(Clone, Debug)]
enum Step {
    Put(char, Option<Asked>, Option<LegalHold>),
    Upload(char),
    /// Of some version, onto a key.
    Copy(usize, char),
    Delete(char),
    DeleteVersion(usize, Governance),
    /// All versions in one request.
    DeleteAll(Governance),
    Retain(usize, Option<Asked>, Governance),
    Hold(usize, LegalHold),
    /// The bucket's default, in days.
    Default(Option<(RetentionMode, u32)>),
    Suspend,
    /// By hours, forward or back.
    Clock(i64),
    Purge,
    Sweep,
}

fn mode() -> impl Strategy<Value = RetentionMode> {
    prop_oneof![Just(RetentionMode::Governance), Just(RetentionMode::Compliance)]
}

fn governance() -> impl Strategy<Value = Governance> {
    prop_oneof![Just(Governance::Holds), Just(Governance::Bypassed)]
}

fn hold() -> impl Strategy<Value = LegalHold> {
    prop_oneof![Just(LegalHold::On), Just(LegalHold::Off)]
}

fn asked() -> impl Strategy<Value = Option<Asked>> {
    prop::option::of((mode(), -2..60i64))
}

fn step() -> impl Strategy<Value = Step> {
    let key = || prop::char::range('a', 'b');
    prop_oneof![
        6 => (key(), asked(), prop::option::of(hold())).prop_map(|(key, asked, hold)| Step::Put(key, asked, hold)),
        1 => key().prop_map(Step::Upload),
        1 => (any::<usize>(), key()).prop_map(|(n, key)| Step::Copy(n, key)),
        2 => key().prop_map(Step::Delete),
        6 => (any::<usize>(), governance()).prop_map(|(n, governance)| Step::DeleteVersion(n, governance)),
        1 => governance().prop_map(Step::DeleteAll),
        4 => (any::<usize>(), asked(), governance()).prop_map(|(n, asked, by)| Step::Retain(n, asked, by)),
        3 => (any::<usize>(), hold()).prop_map(|(n, hold)| Step::Hold(n, hold)),
        1 => prop::option::of((mode(), 1..3u32)).prop_map(Step::Default),
        1 => Just(Step::Suspend),
        3 => (-30..40i64).prop_map(Step::Clock),
        1 => Just(Step::Purge),
        1 => Just(Step::Sweep),
    ]
}

/// A version: its name, its bytes unless it is a delete marker, and its lock.
#[derive(Clone, Debug)]
struct Known {
    name: Version,
    bytes: Option<Bytes>,
    lock: Lock,
}

#[derive(Default)]
struct Model {
    /// Newest first.
    keys: BTreeMap<char, Vec<Known>>,
    default: Option<(RetentionMode, u32)>,
}

const HOUR_NS: i64 = 3_600_000_000_000;

fn in_hours(now: Timestamp, hours: i64) -> Timestamp {
    Timestamp::from_nanos(now.as_nanos() + hours * HOUR_NS)
}

/// The rule once more, in other words: a hold always, a strict date always, the other one unless it is bypassed.
fn is_protected(lock: &Lock, now: Timestamp, governance: Governance) -> bool {
    match (lock.legal_hold, lock.retention) {
        (Some(LegalHold::On), _) => true,
        (_, None) => false,
        (_, Some(kept)) if kept.until <= now => false,
        (_, Some(kept)) => kept.mode == RetentionMode::Compliance || governance == Governance::Holds,
    }
}

impl Model {
    fn nth(&self, n: usize) -> Option<(char, Known)> {
        let all =
            |(key, known): (&char, &Vec<Known>)| known.iter().map(|known| (*key, known.clone())).collect::<Vec<_>>();
        let all: Vec<_> = self.keys.iter().flat_map(all).collect();
        all.get(n % all.len().max(1)).cloned()
    }

    fn add(&mut self, key: char, name: Version, bytes: Option<Bytes>, lock: Lock) {
        self.keys.entry(key).or_default().insert(0, Known { name, bytes, lock });
    }

    fn find(&mut self, key: char, name: Version) -> &mut Known {
        let versions = self.keys.get_mut(&key).unwrap();
        versions.iter_mut().find(|known| known.name == name).unwrap()
    }

    fn remove(&mut self, key: char, name: Version) {
        let versions = self.keys.get_mut(&key).unwrap();
        versions.retain(|known| known.name != name);
        if versions.is_empty() {
            self.keys.remove(&key);
        }
    }

    /// Removes all that the rule lets go, and tells how many objects these were.
    fn remove_all(&mut self, now: Timestamp, governance: Governance) -> u64 {
        let count =
            |keys: &BTreeMap<char, Vec<Known>>| keys.values().flatten().filter(|known| known.bytes.is_some()).count();
        let before = count(&self.keys);
        for versions in self.keys.values_mut() {
            versions.retain(|known| known.bytes.is_some() && is_protected(&known.lock, now, governance));
        }
        self.keys.retain(|_, versions| !versions.is_empty());
        (before - count(&self.keys)) as u64
    }

    /// The lock of what is written now.
    fn lock(&self, now: Timestamp, made: Timestamp, asked: Option<Retention>, hold: Option<LegalHold>) -> Lock {
        let default = self.default.map(|(mode, days)| Retention {
            mode,
            until: in_hours(now.max(made), i64::from(days) * 24),
        });
        Lock {
            retention: asked.or(default),
            legal_hold: hold,
        }
    }
}

fn of(key: char, version: Version) -> ObjectVersion {
    ObjectVersion {
        at: at(&key.to_string()),
        version: Some(version),
    }
}

struct World {
    store: Store,
    model: Model,
    made: Timestamp,
}

impl World {
    fn retention(&self, asked: Option<Asked>) -> Option<Retention> {
        asked.map(|(mode, hours)| Retention {
            mode,
            until: in_hours(self.store.clock.now(), hours),
        })
    }

    async fn apply(&mut self, step: Step, seed: usize) {
        let now = self.store.clock.now();
        let bytes = pattern(10 + seed * 977 % 20_000, seed);
        let objects = self.store.objects.clone();
        match step {
            Step::Put(key, asked, legal_hold) => {
                let retention = self.retention(asked);
                let put = PutObject {
                    lock: Lock { retention, legal_hold },
                    ..put_of(&key.to_string(), &bytes)
                };
                match objects.put(put).await {
                    Ok(stored) => {
                        let lock = self.model.lock(now, self.made, retention, legal_hold);
                        self.model.add(key, stored.version.unwrap(), Some(bytes), lock);
                    }
                    Err(ObjectError::RetainUntilPast) => assert!(asked.unwrap().1 <= 0),
                    Err(error) => panic!("{error:?}"),
                }
            }
            Step::Upload(key) => {
                let upload = self.store.begin(&key.to_string()).await;
                let part = self.store.put_part(&upload, 1, &bytes).await.unwrap();
                let stored = self.store.complete(&upload, &[part]).await.unwrap();
                let lock = self.model.lock(now, self.made, None, None);
                self.model.add(key, stored.version.unwrap(), Some(bytes), lock);
            }
            Step::Copy(n, to) => {
                let Some((
                    key,
                    Known {
                        name,
                        bytes: Some(bytes),
                        ..
                    },
                )) = self.model.nth(n)
                else {
                    return;
                };
                let open = objects.open(of(key, name), Selection::Whole).await.unwrap();
                let put = PutObject {
                    body: open.body,
                    ..put_of(&to.to_string(), &bytes)
                };
                let stored = objects.put(put).await.unwrap();
                let lock = self.model.lock(now, self.made, None, None);
                self.model.add(to, stored.version.unwrap(), Some(bytes), lock);
            }
            Step::Delete(key) => {
                let deleted = objects.delete(&at(&key.to_string())).await.unwrap();
                self.model.add(key, deleted.version.unwrap(), None, Lock::default());
            }
            Step::DeleteVersion(n, governance) => {
                let Some((key, known)) = self.model.nth(n) else { return };
                let request = DeleteObject {
                    governance,
                    ..of(key, known.name).into()
                };
                let is_protected = is_protected(&known.lock, now, governance);
                match objects.delete(request).await {
                    Ok(deleted) => {
                        assert!(deleted.existed && !is_protected, "{known:?} at {now}");
                        self.model.remove(key, known.name);
                    }
                    Err(ObjectError::Locked) => assert!(is_protected, "{known:?} at {now}"),
                    Err(error) => panic!("{error:?}"),
                }
            }
            Step::DeleteAll(governance) => {
                let all = self.model.keys.iter();
                let all = all.flat_map(|(key, versions)| versions.iter().map(|known| of(*key, known.name)));
                let requests = all.map(|of| DeleteObject {
                    governance,
                    ..of.into()
                });
                let outcomes = objects
                    .delete_many(&bucket("bucket"), requests.collect())
                    .await
                    .unwrap();
                let gone = outcomes
                    .iter()
                    .filter(|outcome| outcome.as_ref().is_ok_and(|done| !done.is_marker));
                let gone = gone.count() as u64;
                assert_eq!(gone, self.model.remove_all(now, governance));
            }
            Step::Retain(n, asked, governance) => {
                let Some((key, known)) = self.model.nth(n) else { return };
                let new = self.retention(asked);
                let outcome = objects.put_retention(&of(key, known.name), new, governance).await;
                let old = known.lock.retention.filter(|old| old.until > now);
                let keeps = old.is_none_or(|old| new.is_some_and(|new| new.mode == old.mode && new.until >= old.until));
                let may =
                    old.is_none_or(|old| old.mode == RetentionMode::Governance && governance == Governance::Bypassed);
                match outcome {
                    Ok(_) => {
                        assert!(keeps || may, "{known:?} to {new:?} at {now}");
                        self.model.find(key, known.name).lock.retention = new;
                    }
                    Err(ObjectError::RetainUntilPast) => assert!(new.unwrap().until <= now),
                    Err(ObjectError::Locked) => assert!(!keeps && !may, "{known:?} to {new:?} at {now}"),
                    Err(ObjectError::DeleteMarker { .. }) => assert!(known.bytes.is_none()),
                    Err(error) => panic!("{error:?}"),
                }
            }
            Step::Hold(n, hold) => {
                let Some((key, known)) = self.model.nth(n) else { return };
                let outcome = objects.put_legal_hold(&of(key, known.name), hold).await;
                assert_eq!(outcome.is_ok(), known.bytes.is_some());
                if outcome.is_ok() {
                    self.model.find(key, known.name).lock.legal_hold = Some(hold);
                }
            }
            Step::Default(default) => {
                self.model.default = default;
                let default =
                    default.map(|(mode, days)| DefaultRetention::new(mode, RetentionPeriod::Days(days)).unwrap());
                let lock = ObjectLock {
                    default_retention: default,
                };
                objects.set_object_lock(&bucket("bucket"), lock).await.unwrap();
            }
            Step::Suspend => {
                let outcome = objects.set_versioning(&bucket("bucket"), false).await;
                assert!(matches!(outcome, Err(ObjectError::VersioningNeeded)));
            }
            Step::Clock(hours) => self.store.clock.set(in_hours(now, hours)),
            Step::Purge => {
                let purged = objects.purge_account(account(1)).await.unwrap();
                assert_eq!(purged.objects, self.model.remove_all(now, Governance::Holds));
                assert_eq!(purged.buckets, u64::from(self.model.keys.is_empty()));
                if self.model.keys.is_empty() {
                    self.make_bucket().await;
                }
            }
            Step::Sweep => {
                objects.sweep().await.unwrap();
            }
        }
    }

    async fn make_bucket(&mut self) {
        let new = CreateBucket {
            owner: account(1),
            name: bucket("bucket"),
            region: RegionName::parse("local").unwrap(),
            object_lock: true,
        };
        self.made = self.store.objects.create_bucket(new).await.unwrap().created;
        self.model.default = None;
    }

    /// Every version is there, byte for byte, with its lock.
    async fn check(&self) {
        for (key, versions) in &self.model.keys {
            for known in versions {
                let opened = self.store.objects.open(of(*key, known.name), Selection::Whole).await;
                match (opened, &known.bytes) {
                    (Ok(open), Some(bytes)) => {
                        assert_eq!(open.head.lock, known.lock);
                        assert_eq!(read(open.body).await.unwrap(), bytes);
                    }
                    (Err(ObjectError::DeleteMarker { .. }), None) => {}
                    (outcome, _) => panic!("{known:?}: {:?}", outcome.map(|open| open.head)),
                }
            }
        }
        let deleted = self.store.objects.delete_bucket(&bucket("bucket")).await;
        assert!(deleted.is_err() || self.model.keys.is_empty());
    }
}

async fn run(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let mut world = World {
        store: model(dir.path()).recovered().await,
        model: Model::default(),
        made: Timestamp::EPOCH,
    };
    world.make_bucket().await;
    for (seed, step) in steps.into_iter().enumerate() {
        world.apply(step, seed).await;
    }
    world.check().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, ..ProptestConfig::default() })]
    #[test]
    fn a_protected_version_is_never_lost(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}
