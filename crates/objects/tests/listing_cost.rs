//! What a page of a listing costs, in rows that are read: the same in a small bucket and in a large one (ordered listings of
//! other stores slowed down with the bucket until they ended in time-outs). And that a page is whole, or there is none.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use async_trait::async_trait;
use baleen_meta::{Batch, CommitterId, Decide, Engine, Entry, Error, Meta, Result, Scan, View};
use baleen_objects::{ListObjects, ListVersions, ObjectError};
use bytes::Bytes;
use common::{Store, bucket, on, small};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

type Map = Arc<BTreeMap<Vec<u8>, Bytes>>;

/// What is read of the keyspace, and when that fails.
#[derive(Clone, Default)]
struct Watch(Arc<Watched>);

#[derive(Default)]
struct Watched {
    map: Mutex<Map>,
    rows: AtomicUsize,
    scans: AtomicUsize,
    /// The scan that fails, counted from 1; 0 for none.
    failing: AtomicUsize,
}

#[async_trait]
impl Engine for Watch {
    async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
        self.0.rows.fetch_add(keys.len(), Relaxed);
        let map = self.0.map.lock().unwrap();
        Ok(keys.iter().map(|key| map.get(key).cloned()).collect())
    }

    async fn snapshot(&self) -> Result<Box<dyn View>> {
        Ok(Box::new(WatchedView(self.clone(), self.0.map.lock().unwrap().clone())))
    }

    async fn commit(&self, keys: &[Vec<u8>], decide: Decide<'_>) -> Result<()> {
        let mut map = self.0.map.lock().unwrap();
        let read: Vec<_> = keys.iter().map(|key| map.get(key).cloned()).collect();
        let batch: Batch = decide(&read);
        let map = Arc::make_mut(&mut map);
        for change in batch.changes {
            match change.value {
                Some(value) => map.insert(change.key, value),
                None => map.remove(&change.key),
            };
        }
        Ok(())
    }
}

struct WatchedView(Watch, Map);

#[async_trait]
impl View for WatchedView {
    async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
        self.0.0.rows.fetch_add(keys.len(), Relaxed);
        Ok(keys.iter().map(|key| self.1.get(key).cloned()).collect())
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Entry>> {
        let watched = &self.0.0;
        if watched.scans.fetch_add(1, Relaxed) + 1 == watched.failing.load(Relaxed) {
            return Err(Error::MalformedKey {
                why: "it cannot be read",
            });
        }
        let entry = |(key, value): (&Vec<u8>, &Bytes)| Entry {
            key: Bytes::copy_from_slice(key),
            value: value.clone(),
        };
        let page: Vec<_> = self.1.range(scan.range).take(scan.limit).map(entry).collect();
        watched.rows.fetch_add(page.len(), Relaxed);
        Ok(page)
    }
}

/// A bucket with `folders` folders of `files` keys each.
async fn filled(folder: &std::path::Path, folders: usize, files: usize) -> (Store, Watch) {
    let watch = Watch::default();
    let meta = Meta::with_engine(watch.clone(), CommitterId::EMBEDDED).unwrap();
    let store = on(folder, meta, 1).with_bucket().await;
    for folder in 0..folders {
        for file in 0..files {
            store.put(&format!("{folder:04}/{file:04}"), &small("x")).await.unwrap();
        }
    }
    (store, watch)
}

fn page(prefix: &str, delimiter: &str, after: Option<&str>, max_keys: usize) -> ListObjects {
    ListObjects {
        bucket: bucket("bucket"),
        prefix: prefix.to_owned(),
        delimiter: delimiter.to_owned(),
        after: after.map(str::to_owned),
        max_keys,
    }
}

#[tokio::test]
async fn a_page_costs_the_same_in_a_bucket_of_any_size() {
    let asked = [
        page("", "", None, 10),
        page("", "", Some("0001/0003"), 10),
        page("0001/", "", None, 10),
        page("0001/", "/", Some("0001/0001"), 10),
        // Folders, each passed over by one step, whatever it holds.
        page("", "/", None, 4),
        page("", "/", Some("0001/"), 2),
        page("none", "", None, 10),
    ];
    let mut costs = Vec::new();
    for (folders, files) in [(4, 12), (5, 200), (40, 50)] {
        let folder = tempfile::tempdir().unwrap();
        let (store, watch) = filled(folder.path(), folders, files).await;
        let mut of_pages = Vec::new();
        for request in asked.clone() {
            watch.0.rows.store(0, Relaxed);
            store.objects.list(request, |_| ()).await.unwrap();
            of_pages.push(watch.0.rows.load(Relaxed));
        }
        costs.push(of_pages);
    }
    let most: Vec<_> = asked.iter().map(|request| 12 * (request.max_keys + 2)).collect();
    for of_pages in &costs {
        for (at, (rows, most)) in of_pages.iter().zip(&most).enumerate() {
            assert!(rows <= most, "page {at} read {rows} rows: {costs:?}");
        }
    }
    // Without folders it is to the row the same.
    assert!(costs.iter().all(|of_pages| of_pages[..3] == costs[0][..3]), "{costs:?}");
}

#[tokio::test]
async fn a_page_that_cannot_be_read_to_its_end_is_an_error_and_not_a_short_page() {
    let folder = tempfile::tempdir().unwrap();
    let (store, watch) = filled(folder.path(), 12, 30).await;
    let versions = || ListVersions {
        bucket: bucket("bucket"),
        prefix: String::new(),
        delimiter: "/".to_owned(),
        after: None,
        max_keys: 1000,
    };
    for request in [page("", "/", None, 1000), page("", "", None, 1000)] {
        watch.0.scans.store(0, Relaxed);
        watch.0.failing.store(0, Relaxed);
        let whole = store
            .objects
            .list(request.clone(), |entry| entry.key.to_owned())
            .await
            .unwrap();
        let scans = watch.0.scans.load(Relaxed);
        for failing in 1..=scans {
            watch.0.failing.store(failing, Relaxed);
            watch.0.scans.store(0, Relaxed);
            let outcome = store.objects.list(request.clone(), |entry| entry.key.to_owned()).await;
            assert!(
                matches!(outcome, Err(ObjectError::Corrupt(_))),
                "scan {failing}: {outcome:?}"
            );
        }
        watch.0.failing.store(0, Relaxed);
        assert_eq!(
            store.objects.list(request, |entry| entry.key.to_owned()).await.unwrap(),
            whole
        );
    }
    watch.0.scans.store(0, Relaxed);
    store.objects.list_versions(versions()).await.unwrap();
    for failing in 1..=watch.0.scans.load(Relaxed) {
        watch.0.failing.store(failing, Relaxed);
        watch.0.scans.store(0, Relaxed);
        assert!(store.objects.list_versions(versions()).await.is_err(), "scan {failing}");
    }
}
