//! Versions against a model: random writes, deletions of keys and of versions, and changes of the bucket's versioning; then
//! every version, every listing and every counter is as the model says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_objects::{
    BucketUsage, DeleteObject, Directive, ListVersions, ObjectError, ObjectHeaders, ObjectVersion, Selection, Tags,
    Version, VersionMarker,
};
use bytes::Bytes;
use common::{Store, at, bucket, copy_of, model, pattern, read};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Step {
    Put(String, usize),
    Upload(String, usize),
    Delete(String),
    /// Of some version that is there.
    DeleteVersion(usize),
    DeleteNull(String),
    DeleteUnknown(String),
    /// Of some version onto its own key.
    Restore(usize),
    /// Of some version, by its name.
    Tag(usize, u8),
    /// Of what is current.
    TagCurrent(String, u8),
    Versioning(bool),
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[ab]", 3 => "[ab/]{1,4}", 1 => "[\u{0}\u{1}a/\u{ff}]{1,3}"]
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![Just(0usize), 1..64usize, Just(4097), Just(300_000)];
    prop_oneof![
        6 => (key(), size.clone()).prop_map(|(key, size)| Step::Put(key, size)),
        1 => (key(), size).prop_map(|(key, size)| Step::Upload(key, size)),
        4 => key().prop_map(Step::Delete),
        4 => any::<usize>().prop_map(Step::DeleteVersion),
        1 => key().prop_map(Step::DeleteNull),
        1 => key().prop_map(Step::DeleteUnknown),
        1 => any::<usize>().prop_map(Step::Restore),
        3 => (any::<usize>(), 0..4u8).prop_map(|(n, tags)| Step::Tag(n, tags)),
        1 => (key(), 0..4u8).prop_map(|(key, tags)| Step::TagCurrent(key, tags)),
        2 => any::<bool>().prop_map(Step::Versioning),
    ]
}

/// A version: its name, its bytes unless it is a delete marker, and its tags.
#[derive(Clone, Debug, PartialEq)]
struct Known {
    name: Version,
    bytes: Option<Bytes>,
    tags: Tags,
}

/// So many tags.
fn tags(count: u8) -> Tags {
    Tags::of_object((0..count).map(|n| (format!("k{n}"), format!("{count}")))).unwrap()
}

/// Versions of each key, newest first.
#[derive(Default)]
struct Model {
    keys: BTreeMap<String, Vec<Known>>,
    /// `None` until it is set for the first time.
    is_enabled: Option<bool>,
}

impl Model {
    fn write(&mut self, key: &str, name: Option<Version>, bytes: Option<Bytes>) {
        let versions = self.keys.entry(key.to_owned()).or_default();
        match self.is_enabled {
            None => assert_eq!(name, None),
            Some(true) => assert!(matches!(name, Some(Version::Id(_)))),
            Some(false) => assert_eq!(name, Some(Version::Null)),
        }
        let name = name.unwrap_or(Version::Null);
        // There is one null version of a key, and no id is given twice.
        let before = versions.len();
        versions.retain(|version| version.name != name);
        assert!(name == Version::Null || versions.len() == before);
        versions.insert(
            0,
            Known {
                name,
                bytes,
                tags: Tags::default(),
            },
        );
    }

    fn remove(&mut self, key: &str, name: Version) -> Option<Known> {
        let versions = self.keys.get_mut(key)?;
        let found = versions.iter().position(|version| version.name == name)?;
        let removed = versions.remove(found);
        if versions.is_empty() {
            self.keys.remove(key);
        }
        Some(removed)
    }

    fn all(&self) -> Vec<(String, Known)> {
        let of_key = |(key, versions): (&String, &Vec<Known>)| {
            let key = key.clone();
            versions
                .clone()
                .into_iter()
                .map(move |version| (key.clone(), version))
                .collect::<Vec<_>>()
        };
        self.keys.iter().flat_map(of_key).collect()
    }

    fn nth(&self, n: usize) -> Option<(String, Known)> {
        let all = self.all();
        all.get(n % all.len().max(1)).cloned()
    }
}

fn version(key: &str, version: Version) -> ObjectVersion {
    ObjectVersion {
        at: at(key),
        version: Some(version),
    }
}

async fn apply(store: &Store, model: &mut Model, step: Step, seed: usize) {
    match step {
        Step::Put(key, size) => {
            let bytes = pattern(size, seed);
            let stored = store.put(&key, &bytes).await.unwrap();
            model.write(&key, stored.version, Some(bytes));
        }
        Step::Upload(key, size) => {
            let upload = store.begin(&key).await;
            let bytes = pattern(size, seed);
            let part = store.put_part(&upload, 1, &bytes).await.unwrap();
            let stored = store.complete(&upload, &[part]).await.unwrap();
            model.write(&key, stored.version, Some(bytes));
        }
        Step::Delete(key) => {
            let deleted = store.objects.delete(&at(&key)).await.unwrap();
            let current = model.keys.get(&key).and_then(|versions| versions[0].bytes.clone());
            assert_eq!(deleted.existed, current.is_some());
            if model.is_enabled.is_some() {
                assert!(deleted.is_marker);
                model.write(&key, deleted.version, None);
            } else {
                assert_eq!(deleted.version, None);
                model.remove(&key, Version::Null);
            }
        }
        Step::DeleteVersion(n) => {
            if let Some((key, known)) = model.nth(n) {
                delete_version(store, model, &key, known.name).await;
            }
        }
        Step::DeleteNull(key) => delete_version(store, model, &key, Version::Null).await,
        Step::DeleteUnknown(key) => {
            let unknown = Version::parse("00000000000000000000000000000000").unwrap();
            delete_version(store, model, &key, unknown).await;
        }
        Step::Restore(n) => {
            let Some((key, known)) = model.nth(n) else { return };
            let copy = baleen_objects::CopyObject {
                headers: Directive::Replace(ObjectHeaders::default()),
                ..copy_of(version(&key, known.name), &key)
            };
            match (store.objects.copy(copy).await, known.bytes) {
                (Ok(stored), Some(bytes)) => {
                    model.write(&key, stored.version, Some(bytes));
                    model.keys.get_mut(&key).unwrap()[0].tags = known.tags;
                }
                (Err(ObjectError::DeleteMarker { named: true, .. }), None) => {}
                (outcome, known) => panic!("{outcome:?} for {known:?}"),
            }
        }
        Step::Tag(n, count) => {
            if let Some((key, known)) = model.nth(n) {
                tag(store, model, &key, Some(known.name), count).await;
            }
        }
        Step::TagCurrent(key, count) => tag(store, model, &key, None, count).await,
        Step::Versioning(is_enabled) => {
            store
                .objects
                .set_versioning(&bucket("bucket"), is_enabled)
                .await
                .unwrap();
            model.is_enabled = Some(is_enabled);
        }
    }
}

async fn tag(store: &Store, model: &mut Model, key: &str, version: Option<Version>, count: u8) {
    let of = ObjectVersion { at: at(key), version };
    let outcome = store.objects.put_tags(&of, tags(count)).await;
    let keeps_versions = model.is_enabled.is_some();
    let known = model.keys.get_mut(key).and_then(|versions| {
        let mut known = versions.iter_mut();
        known.find(|known| version.is_none_or(|version| known.name == version))
    });
    match (outcome, known) {
        (Ok(named), Some(known)) if known.bytes.is_some() => {
            assert_eq!(named, keeps_versions.then_some(known.name));
            known.tags = tags(count);
        }
        (Err(ObjectError::DeleteMarker { named, .. }), Some(known)) if known.bytes.is_none() => {
            assert_eq!(named, version.is_some());
        }
        (Err(ObjectError::NoSuchKey(_)), None) if version.is_none() => {}
        (outcome, known) => panic!("{outcome:?} for {known:?}"),
    }
}

async fn delete_version(store: &Store, model: &mut Model, key: &str, name: Version) {
    let deleted = store.objects.delete(version(key, name)).await.unwrap();
    let removed = model.remove(key, name);
    assert_eq!(deleted.existed, removed.is_some(), "{key:?} {name}");
    assert_eq!(deleted.is_marker, removed.is_some_and(|known| known.bytes.is_none()));
}

async fn check_reads(store: &Store, model: &Model) {
    for (key, versions) in &model.keys {
        match (store.get(key).await, &versions[0].bytes) {
            (Ok(bytes), Some(known)) => assert_eq!(bytes, known),
            (Err(ObjectError::DeleteMarker { version, named, .. }), None) => {
                assert_eq!((version, named), (versions[0].name, false));
            }
            (outcome, known) => panic!("{key:?}: {outcome:?} for {known:?}"),
        }
        for known in versions {
            match (
                store.objects.open(version(key, known.name), Selection::Whole).await,
                &known.bytes,
            ) {
                (Ok(open), Some(bytes)) => {
                    assert_eq!(open.head.version, model.is_enabled.map(|_| known.name));
                    assert_eq!(open.head.tags, known.tags);
                    assert_eq!(read(open.body).await.unwrap(), bytes);
                }
                (Err(ObjectError::DeleteMarker { named: true, .. }), None) => {}
                (outcome, known) => panic!("{key:?}: {:?} for {known:?}", outcome.map(|open| open.head)),
            }
        }
    }
    let current: Vec<_> = model
        .keys
        .iter()
        .filter(|(_, versions)| versions[0].bytes.is_some())
        .collect();
    assert_eq!(
        store.keys().await,
        current.iter().map(|(key, _)| (*key).clone()).collect::<Vec<_>>()
    );
}

async fn check_counters(store: &Store, model: &Model) {
    let mut expected = BucketUsage::default();
    for versions in model.keys.values() {
        for (age, known) in versions.iter().enumerate() {
            let Some(bytes) = &known.bytes else { continue };
            expected.objects += 1;
            expected.bytes += bytes.len() as u64;
            if age > 0 {
                expected.noncurrent_objects += 1;
                expected.noncurrent_bytes += bytes.len() as u64;
            }
        }
    }
    assert_eq!(store.objects.bucket_usage(&bucket("bucket")).await.unwrap(), expected);
}

/// What a listing shows, page after page: versions with whether they are the latest, and common prefixes.
type Listed = (Vec<(String, Version, bool, bool)>, Vec<String>);

async fn listed(store: &Store, prefix: &str, delimiter: &str, size: usize) -> Listed {
    let (mut entries, mut prefixes) = (Vec::new(), Vec::new());
    let mut after: Option<VersionMarker> = None;
    loop {
        let request = ListVersions {
            bucket: bucket("bucket"),
            prefix: prefix.to_owned(),
            delimiter: delimiter.to_owned(),
            after: after.take(),
            max_keys: size,
        };
        let page = store.objects.list_versions(request).await.unwrap();
        let count = page.entries.len() + page.common_prefixes.len();
        assert!(count <= size && (count == size || page.next.is_none()));
        for entry in page.entries {
            let is_marker = entry.content.is_none();
            entries.push((entry.key.as_str().to_owned(), entry.version, entry.is_latest, is_marker));
        }
        prefixes.extend(page.common_prefixes);
        after = page.next;
        if after.is_none() {
            return (entries, prefixes);
        }
    }
}

async fn check_listings(store: &Store, model: &Model, prefixes: &[&str]) {
    let sizes: Vec<_> = (1..=model.all().len() + 1).take(4).chain([1000]).collect();
    for prefix in prefixes {
        for delimiter in ["", "/", "b", "a/"] {
            let (mut entries, mut folded) = (Vec::new(), BTreeSet::new());
            for (key, versions) in model.keys.iter().filter(|(key, _)| key.starts_with(prefix)) {
                match key[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty()) {
                    Some(found) => drop(folded.insert(key[..prefix.len() + found + delimiter.len()].to_owned())),
                    None => entries.extend(
                        versions
                            .iter()
                            .enumerate()
                            .map(|(age, known)| (key.clone(), known.name, age == 0, known.bytes.is_none())),
                    ),
                }
            }
            let expected = (entries, folded.into_iter().collect::<Vec<_>>());
            for size in &sizes {
                assert_eq!(
                    listed(store, prefix, delimiter, *size).await,
                    expected,
                    "{prefix:?} {delimiter:?} {size}"
                );
            }
        }
    }
}

async fn run(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let mut known = Model::default();
    for (seed, step) in steps.into_iter().enumerate() {
        apply(&store, &mut known, step, seed).await;
        check_counters(&store, &known).await;
    }
    check_reads(&store, &known).await;
    check_listings(&store, &known, &["", "a", "a/", "b"]).await;
    store.assert_whole().await;
    let gone = store.objects.delete_bucket(&bucket("bucket")).await;
    assert_eq!(gone.is_ok(), known.keys.is_empty());
    if gone.is_err() {
        let all = known.all().into_iter();
        let deletions = all.map(|(key, known)| DeleteObject::from(version(&key, known.name)));
        for deleted in store
            .objects
            .delete_many(&bucket("bucket"), deletions.collect())
            .await
            .unwrap()
        {
            assert!(deleted.unwrap().existed);
        }
        store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
    }
    store.assert_empty_volume().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 400, ..ProptestConfig::default() })]
    #[test]
    fn a_key_is_a_stack_of_versions(steps in prop::collection::vec(step(), 1..50)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}

/// Writers, deleters and those who remove versions for good, all at one key: what is left is a stack again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_one_key_leave_a_whole_stack() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.objects.set_versioning(&bucket("bucket"), true).await.unwrap();
    let mut tasks = Vec::new();
    for worker in 0..8 {
        let objects = store.objects.clone();
        tasks.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            for round in 0..20 {
                let deleted = match (worker + round) % 4 {
                    0 => objects.delete(&at("k")).await.unwrap().version,
                    1 if !mine.is_empty() => {
                        let name = mine.remove(0);
                        assert!(
                            objects.delete(version("k", name)).await.unwrap().existed,
                            "a version is deleted once"
                        );
                        None
                    }
                    _ => {
                        objects
                            .put(common::put_of("k", &pattern(5000, round)))
                            .await
                            .unwrap()
                            .version
                    }
                };
                mine.extend(deleted);
            }
            mine
        }));
    }
    let mut left = Vec::new();
    for task in tasks {
        left.extend(task.await.unwrap());
    }
    let (entries, _) = listed(&store, "", "", 7).await;
    assert_eq!(entries.len(), left.len());
    assert_eq!(entries.iter().filter(|(_, _, is_latest, _)| *is_latest).count(), 1);
    assert!(entries[0].2, "the newest is the latest");
    let mut places: Vec<_> = entries.iter().map(|(_, name, ..)| name.to_string()).collect();
    assert!(places.is_sorted_by(|newer, older| newer > older));
    places.sort();
    let mut expected: Vec<_> = left.iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(places, expected);
    let deletions = left.into_iter().map(|name| version("k", name).into()).collect();
    for deleted in store.objects.delete_many(&bucket("bucket"), deletions).await.unwrap() {
        assert!(deleted.unwrap().existed);
    }
    assert_eq!(
        store.objects.bucket_usage(&bucket("bucket")).await.unwrap(),
        BucketUsage::default()
    );
    store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
    store.assert_empty_volume().await;
}

/// Ids ascend with the writes of a key, also when the clock goes back.
#[tokio::test]
async fn versions_ascend_whatever_the_clock_does() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.objects.set_versioning(&bucket("bucket"), true).await.unwrap();
    let mut names = Vec::new();
    for second in [
        1_800_000_000,
        1_800_000_500,
        1_700_000_000,
        1_700_000_001,
        1_900_000_000,
    ] {
        store.clock.set(baleen_types::Timestamp::from_secs(second));
        names.push(store.put("k", &pattern(1, 0)).await.unwrap().version.unwrap());
        names.push(store.objects.delete(&at("k")).await.unwrap().version.unwrap());
    }
    let (entries, _) = listed(&store, "", "", 1000).await;
    names.reverse();
    assert_eq!(entries.iter().map(|(_, name, ..)| *name).collect::<Vec<_>>(), names);
}
