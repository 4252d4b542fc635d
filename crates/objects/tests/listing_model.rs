//! The store against a model: random puts, deletes and uploads, then listings of every page size (F20, F22).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use bytes::Bytes;
use common::{Store, at, bucket, model, pattern};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Step {
    Put(String, usize),
    Delete(String),
    Upload(String, usize),
    Abort(String),
    Overwrite(usize),
}

/// Keys of few letters, so that prefixes, delimiters and equal keys are frequent; and some from all of Unicode.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[ab/]{1,6}",
        2 => prop::collection::vec(any::<char>(), 1..5).prop_map(|chars| chars.into_iter().collect()),
        1 => "[\u{0}\u{1}a/\u{ff}]{1,5}",
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![Just(0usize), 1..64usize, Just(4097), Just(70_000)];
    prop_oneof![
        6 => (key(), size.clone()).prop_map(|(key, size)| Step::Put(key, size)),
        2 => key().prop_map(Step::Delete),
        1 => (key(), size.clone()).prop_map(|(key, size)| Step::Upload(key, size)),
        1 => key().prop_map(Step::Abort),
        2 => size.prop_map(Step::Overwrite),
    ]
}

type Model = BTreeMap<String, Bytes>;

async fn apply(store: &Store, model: &mut Model, step: Step, seed: usize) {
    match step {
        Step::Put(key, size) => put(store, model, key, size, seed).await,
        Step::Overwrite(size) => {
            if let Some(key) = model.keys().nth(seed % model.len().max(1)).cloned() {
                put(store, model, key, size, seed).await;
            }
        }
        Step::Delete(key) => {
            let existed = store.objects.delete(&at(&key)).await.unwrap().existed;
            assert_eq!(existed, model.remove(&key).is_some());
        }
        Step::Upload(key, size) => {
            let upload = store.begin(&key).await;
            let bytes = pattern(size, seed);
            store.put_part(&upload, 2, &pattern(5000, 0)).await.unwrap();
            let part = store.put_part(&upload, 1, &bytes).await.unwrap();
            store.complete(&upload, &[part]).await.unwrap();
            model.insert(key, bytes);
        }
        Step::Abort(key) => {
            let upload = store.begin(&key).await;
            store.put_part(&upload, 1, &pattern(5000, seed)).await.unwrap();
            store.objects.abort_upload(&upload).await.unwrap();
        }
    }
}

async fn put(store: &Store, model: &mut Model, key: String, size: usize, seed: usize) {
    let bytes = pattern(size, seed);
    store.put(&key, &bytes).await.unwrap();
    model.insert(key, bytes);
}

/// What a listing should show: keys, and common prefixes in brackets, each in order.
fn expected(model: &Model, prefix: &str, delimiter: &str) -> (Vec<String>, BTreeSet<String>) {
    let (mut keys, mut prefixes) = (Vec::new(), BTreeSet::new());
    for key in model.keys().filter(|key| key.starts_with(prefix)) {
        match key[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(found) => drop(prefixes.insert(key[..prefix.len() + found + delimiter.len()].to_owned())),
            None => keys.push(key.clone()),
        }
    }
    (keys, prefixes)
}

async fn check_listing(store: &Store, model: &Model, prefix: &str, delimiter: &str, size: usize) {
    let (keys, prefixes) = expected(model, prefix, delimiter);
    let (mut got_keys, mut got_prefixes) = (Vec::new(), Vec::new());
    let mut after: Option<String> = None;
    loop {
        let page = store.list(prefix, delimiter, after.as_deref(), size).await;
        let count = page.entries.len() + page.common_prefixes.len();
        assert!(
            count <= size && (count == size || page.next.is_none()),
            "a page that is not the last is full"
        );
        for (key, size) in page.entries {
            assert_eq!(size, model[&key].len() as u64);
            got_keys.push(key);
        }
        got_prefixes.extend(page.common_prefixes);
        match page.next {
            Some(next) => assert!(
                after.replace(next.clone()).is_none_or(|before| before < next),
                "pages go forward"
            ),
            None => break,
        }
    }
    assert_eq!(got_keys, keys, "{prefix:?} {delimiter:?} {size}");
    assert_eq!(
        got_prefixes,
        prefixes.into_iter().collect::<Vec<_>>(),
        "{prefix:?} {delimiter:?} {size}"
    );
}

async fn run(steps: Vec<Step>, prefix: String) {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let mut model = Model::new();
    for (seed, step) in steps.into_iter().enumerate() {
        apply(&store, &mut model, step, seed).await;
    }
    for (key, bytes) in &model {
        assert_eq!(store.get(key).await.unwrap(), bytes);
    }
    for prefix in ["", "a", "a/", &prefix] {
        for delimiter in ["", "/", "b", "a/", "//"] {
            for size in (1..=model.len() + 2).take(12).chain([1000]) {
                check_listing(&store, &model, prefix, delimiter, size).await;
            }
        }
    }
    let usage = store.objects.bucket_usage(&bucket("bucket")).await.unwrap();
    assert_eq!(
        (usage.objects, usage.bytes),
        (model.len() as u64, model.values().map(|b| b.len() as u64).sum())
    );
    let keys = model.keys().map(|key| at(key).into()).collect();
    store.objects.delete_many(&bucket("bucket"), keys).await.unwrap();
    store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
    store.assert_empty_volume().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, ..ProptestConfig::default() })]
    #[test]
    fn the_store_is_a_sorted_map(steps in prop::collection::vec(step(), 1..40), prefix in key()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(steps, prefix));
    }
}

/// A page whose keys fold into many prefixes reads a few entries for each, not all that lie behind it.
#[tokio::test]
async fn every_page_size_up_to_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let mut model = Model::new();
    for folder in 0..35 {
        for file in 0..(folder % 7) {
            put(&store, &mut model, format!("{folder:02}/{file}"), 1, 0).await;
        }
        put(&store, &mut model, format!("{folder:02}"), 1, 0).await;
    }
    for size in (1..=140).chain([999, 1000]) {
        check_listing(&store, &model, "", "/", size).await;
        check_listing(&store, &model, "", "", size).await;
    }
    let nothing = baleen_objects::ListPage {
        entries: Vec::new(),
        common_prefixes: Vec::new(),
        next: None,
    };
    assert_eq!(store.list("", "", None, 0).await, nothing);
    assert_eq!(store.list("", "", None, usize::MAX).await.entries.len(), model.len());
}
