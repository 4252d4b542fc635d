//! Lifecycle rules: what a pass removes, what it leaves, and by which rules (peers' failure F28).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Request, Scan};
use baleen_objects::{
    BucketUsage, CreateBucket, Expiration, Expired, ExpiryWitness, LegalHold, Lifecycle, LifecycleFilter,
    LifecycleRule, ListUploads, ListVersions, Lock, NoncurrentExpiration, ObjectError, ObjectVersion, PutObject,
    Selection, Tags, Version,
};
use baleen_runtime::{Clock, Shutdown};
use baleen_types::{AccountId, BucketName, RegionName, Timestamp};
use common::gated::{Point, gated};
use common::{Store, account, at, bucket, model, on, put_of, small};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

fn days(days: u32) -> NonZeroU32 {
    NonZeroU32::new(days).unwrap()
}

/// A rule about keys that begin so, which does nothing yet.
fn rule(prefix: &str) -> LifecycleRule {
    LifecycleRule {
        id: format!("rule of {prefix:?}"),
        is_enabled: true,
        filter: LifecycleFilter {
            prefix: Some(prefix.into()),
            ..LifecycleFilter::default()
        },
        expiration: None,
        noncurrent: None,
        abort: None,
    }
}

fn expiring(prefix: &str, after: u32) -> LifecycleRule {
    LifecycleRule {
        expiration: Some(Expiration::Days(days(after))),
        ..rule(prefix)
    }
}

fn keeping(prefix: &str, after: u32, newer: u32) -> LifecycleRule {
    let noncurrent = NoncurrentExpiration {
        days: days(after),
        newer,
    };
    LifecycleRule {
        noncurrent: Some(noncurrent),
        ..rule(prefix)
    }
}

async fn set(store: &Store, rules: Vec<LifecycleRule>) {
    let lifecycle = Lifecycle {
        rules,
        ..Lifecycle::default()
    };
    let lifecycle = (!lifecycle.rules.is_empty()).then_some(&lifecycle);
    store.objects.put_lifecycle(&bucket("bucket"), lifecycle).await.unwrap();
}

async fn pass(store: &Store) -> Expired {
    store.objects.expire(&Shutdown::new(), |_: &Expired| {}).await.unwrap()
}

/// What a pass removed: objects, versions, markers, uploads.
async fn removed(store: &Store) -> [u64; 4] {
    let expired = pass(store).await;
    [expired.objects, expired.versions, expired.markers, expired.uploads]
}

async fn versioning(store: &Store, is_enabled: bool) {
    store
        .objects
        .set_versioning(&bucket("bucket"), is_enabled)
        .await
        .unwrap();
}

/// Every version, as key and what it holds; `-` for a delete marker.
async fn versions(store: &Store) -> Vec<String> {
    let list = ListVersions {
        bucket: bucket("bucket"),
        prefix: String::new(),
        delimiter: String::new(),
        after: None,
        max_keys: 1000,
    };
    let mut all = Vec::new();
    for entry in store.objects.list_versions(list).await.unwrap().entries {
        let key = entry.key.as_str().to_owned();
        if entry.content.is_none() {
            all.push(format!("{key}-"));
            continue;
        }
        let of = ObjectVersion {
            at: at(&key),
            version: Some(entry.version),
        };
        let open = store.objects.open(&of, Selection::Whole).await.unwrap();
        let bytes = common::read(open.body).await.unwrap();
        all.push(format!("{key}{}", String::from_utf8_lossy(&bytes)));
    }
    all
}

async fn put(store: &Store, key: &str, text: &str) -> Option<Version> {
    store.put(key, &small(text)).await.unwrap().version
}

async fn usage(store: &Store) -> BucketUsage {
    store.objects.bucket_usage(&bucket("bucket")).await.unwrap()
}

/// To a second before the next midnight.
fn to_the_end_of_the_day(store: &Store) {
    let past = u64::try_from(store.clock.now().as_secs() % 86_400).unwrap();
    store.clock.advance(Duration::from_secs(86_399 - past));
}

#[tokio::test]
async fn objects_go_at_the_midnight_after_their_days_and_are_counted_off() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    set(&store, vec![expiring("logs/", 2)]).await;
    for key in ["log", "logs/a", "logs/b", "logsx"] {
        put(&store, key, "1").await;
    }
    store.clock.advance(DAY);
    put(&store, "logs/b", "2").await;
    let (head, _) = store.objects.head(&at("logs/a"), Selection::Whole).await.unwrap();
    let expiry = head.expiry.unwrap();
    assert_eq!(expiry.at, Timestamp::parse_rfc3339("2027-01-18T00:00:00Z").unwrap());
    assert_eq!(expiry.rule, "rule of \"logs/\"");
    to_the_end_of_the_day(&store);
    store.clock.advance(DAY);
    assert_eq!(removed(&store).await, [0; 4]);
    store.clock.advance(Duration::from_secs(1));
    assert_eq!(store.clock.now(), expiry.at);
    assert_eq!(removed(&store).await, [1, 0, 0, 0]);
    assert_eq!(store.keys().await, ["log", "logs/b", "logsx"]);
    assert_eq!(usage(&store).await.objects, 3);
    store.clock.advance(DAY);
    assert_eq!(removed(&store).await, [1, 0, 0, 0]);
    assert_eq!(removed(&store).await, [0; 4]);
    assert_eq!(store.keys().await, ["log", "logsx"]);
    assert_eq!(usage(&store).await.bytes, 2);
}

#[tokio::test]
async fn the_rules_of_now_count_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    set(&store, vec![expiring("", 1)]).await;
    for key in ["a", "b"] {
        put(&store, key, "1").await;
    }
    store.clock.advance(10 * DAY);
    // Each was due by the rules that were there before.
    let off = LifecycleRule {
        is_enabled: false,
        ..expiring("", 1)
    };
    for rules in [vec![], vec![off], vec![expiring("c", 1)], vec![expiring("", 11)]] {
        set(&store, rules.clone()).await;
        assert_eq!(removed(&store).await, [0; 4], "{rules:?}");
    }
    let (head, _) = store.objects.head(&at("a"), Selection::Whole).await.unwrap();
    assert!(head.expiry.unwrap().at > store.clock.now());
    set(&store, vec![expiring("a", 9)]).await;
    assert_eq!(removed(&store).await, [1, 0, 0, 0]);
    assert_eq!(store.keys().await, ["b"]);
}

#[tokio::test]
async fn rules_that_change_while_something_goes_are_asked_again() {
    for rules in [vec![], vec![expiring("", 30)], vec![expiring("k", 1)]] {
        let dir = tempfile::tempdir().unwrap();
        let (meta, gates) = gated();
        let store = on(dir.path(), meta, 1).with_bucket().await;
        set(&store, vec![expiring("", 1)]).await;
        put(&store, "k", "1").await;
        store.clock.advance(3 * DAY);
        // The first is for the note of an earlier pass, the second for what is at the key.
        let mut begun = gates.stop_at(Point::Read);
        let objects = Arc::clone(&store.objects);
        let pass = tokio::spawn(async move { objects.expire(&Shutdown::new(), |_: &Expired| {}).await });
        begun.reached().await;
        let mut decided = gates.stop_at(Point::Read);
        begun.go();
        decided.reached().await;
        set(&store, rules.clone()).await;
        decided.go();
        let gone = pass.await.unwrap().unwrap().objects;
        let is_due = rules == [expiring("k", 1)];
        assert_eq!(gone, u64::from(is_due), "{rules:?}");
        assert_eq!(store.get("k").await.is_err(), is_due, "{rules:?}");
    }
}

#[tokio::test]
async fn what_is_written_while_something_goes_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (meta, gates) = gated();
    let store = on(dir.path(), meta, 1).with_bucket().await;
    set(&store, vec![expiring("", 1)]).await;
    put(&store, "k", "old").await;
    store.clock.advance(3 * DAY);
    let mut begun = gates.stop_at(Point::Read);
    let objects = Arc::clone(&store.objects);
    let pass = tokio::spawn(async move { objects.expire(&Shutdown::new(), |_: &Expired| {}).await });
    begun.reached().await;
    let mut decided = gates.stop_at(Point::Read);
    begun.go();
    decided.reached().await;
    put(&store, "k", "new").await;
    decided.go();
    assert_eq!(pass.await.unwrap().unwrap().objects, 0);
    assert_eq!(store.get("k").await.unwrap(), small("new"));
}

#[tokio::test]
async fn where_versions_are_kept_an_expired_object_is_hidden_and_then_all_of_it_goes() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    put(&store, "k", "null").await;
    versioning(&store, true).await;
    put(&store, "k", "1").await;
    let markers = LifecycleRule {
        expiration: Some(Expiration::Markers(true)),
        ..rule("")
    };
    set(&store, vec![expiring("", 1), keeping("", 3, 0), markers]).await;
    store.clock.advance(2 * DAY);
    assert_eq!(removed(&store).await, [1, 0, 0, 0]);
    assert_eq!(versions(&store).await, ["k-", "k1", "knull"]);
    // The null version is noncurrent for four days by now, the other since today.
    store.clock.advance(2 * DAY);
    assert_eq!(removed(&store).await, [0, 1, 0, 0]);
    assert_eq!(versions(&store).await, ["k-", "k1"]);
    store.clock.advance(2 * DAY);
    assert_eq!(removed(&store).await, [0, 1, 1, 0]);
    assert!(versions(&store).await.is_empty());
    let left = usage(&store).await;
    assert_eq!((left.objects, left.bytes), (0, 0));
    store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
}

#[tokio::test]
async fn a_version_is_noncurrent_since_it_became_so_whatever_came_after_goes() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    versioning(&store, true).await;
    set(&store, vec![keeping("", 4, 0)]).await;
    put(&store, "k", "1").await;
    let second = put(&store, "k", "2").await;
    store.clock.advance(3 * DAY);
    put(&store, "k", "3").await;
    // Its successor is three days younger now; it is not.
    let of = ObjectVersion {
        at: at("k"),
        version: second,
    };
    store.objects.delete(&of).await.unwrap();
    // Nor is it by new tags.
    let first = list_names(&store, "k").await.pop();
    let of = ObjectVersion {
        at: at("k"),
        version: first,
    };
    let tags = Tags::of_object([("a".to_owned(), "b".to_owned())]).unwrap();
    store.objects.put_tags(&of, tags).await.unwrap();
    store.clock.advance(2 * DAY);
    assert_eq!(removed(&store).await, [0, 1, 0, 0]);
    assert_eq!(versions(&store).await, ["k3"]);
    // What was current again in between begins anew.
    store.objects.delete(&at("k")).await.unwrap();
    let marker = list_names(&store, "k").await.remove(0);
    store.clock.advance(4 * DAY);
    let of = ObjectVersion {
        at: at("k"),
        version: Some(marker),
    };
    store.objects.delete(&of).await.unwrap();
    put(&store, "k", "4").await;
    store.clock.advance(2 * DAY);
    assert_eq!(removed(&store).await, [0; 4]);
    assert_eq!(versions(&store).await, ["k4", "k3"]);
}

async fn list_names(store: &Store, key: &str) -> Vec<Version> {
    let list = ListVersions {
        bucket: bucket("bucket"),
        prefix: key.to_owned(),
        delimiter: String::new(),
        after: None,
        max_keys: 1000,
    };
    let page = store.objects.list_versions(list).await.unwrap();
    page.entries.into_iter().map(|entry| entry.version).collect()
}

#[tokio::test]
async fn a_version_of_an_older_release_is_as_old_as_its_successor() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    versioning(&store, true).await;
    set(&store, vec![keeping("", 4, 0)]).await;
    for text in ["1", "2", "3"] {
        put(&store, "k", text).await;
        store.clock.advance(2 * DAY);
    }
    let rows = Scan::prefix(&KeyWriter::new(Table::Version).finish());
    for row in store.meta.scan(rows).await.unwrap() {
        // It noted no time: the kind was another number, and the record followed.
        let [3, _, _, _, _, _, _, _, _, record @ ..] = &row.value[..] else {
            panic!("another shape: {:?}", row.value);
        };
        let undated = [&[1], record].concat();
        let request = Request::new().put(row.key.to_vec(), undated);
        assert!(store.meta.commit(request).await.unwrap().is_committed());
    }
    // Written on the first, third and fifth day; this is the seventh.
    assert_eq!(removed(&store).await, [0; 4]);
    for left in [&["k3", "k2"][..], &["k3"]] {
        store.clock.advance(DAY);
        removed(&store).await;
        store.clock.advance(DAY);
        assert_eq!(versions(&store).await, left);
    }
}

#[tokio::test]
async fn so_many_newer_noncurrent_versions_stay() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    versioning(&store, true).await;
    set(&store, vec![keeping("", 1, 2)]).await;
    for text in ["1", "2", "3", "4", "5"] {
        put(&store, "k", text).await;
        put(&store, "l", text).await;
    }
    store.clock.advance(2 * DAY);
    assert_eq!(removed(&store).await, [0, 4, 0, 0]);
    assert_eq!(versions(&store).await, ["k5", "k4", "k3", "l5", "l4", "l3"]);
    put(&store, "k", "6").await;
    assert_eq!(removed(&store).await, [0, 1, 0, 0]);
    assert_eq!(versions(&store).await, ["k6", "k5", "k4", "l5", "l4", "l3"]);
}

#[tokio::test]
async fn a_null_version_goes_for_good_where_versions_are_suspended() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    versioning(&store, true).await;
    put(&store, "a", "1").await;
    put(&store, "b", "1").await;
    versioning(&store, false).await;
    put(&store, "b", "null").await;
    set(&store, vec![expiring("", 1)]).await;
    store.clock.advance(2 * DAY);
    assert_eq!(removed(&store).await, [2, 0, 0, 0]);
    assert_eq!(versions(&store).await, ["a-", "a1", "b-", "b1"]);
}

#[tokio::test]
async fn what_is_locked_stays_until_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path());
    let new = CreateBucket {
        owner: account(1),
        name: bucket("bucket"),
        region: RegionName::parse("local").unwrap(),
        object_lock: true,
    };
    store.objects.create_bucket(new).await.unwrap();
    set(&store, vec![keeping("", 1, 0)]).await;
    let locked = PutObject {
        lock: Lock {
            retention: None,
            legal_hold: Some(LegalHold::On),
        },
        ..put_of("k", &small("held"))
    };
    let version = store.objects.put(locked).await.unwrap().version;
    put(&store, "k", "free").await;
    put(&store, "k", "last").await;
    store.clock.advance(2 * DAY);
    let expired = pass(&store).await;
    assert_eq!((expired.versions, expired.locked), (1, 1));
    assert_eq!(versions(&store).await, ["klast", "kheld"]);
    let of = ObjectVersion { at: at("k"), version };
    store.objects.put_legal_hold(&of, LegalHold::Off).await.unwrap();
    assert_eq!(removed(&store).await, [0, 1, 0, 0]);
}

#[tokio::test]
async fn uploads_end_by_their_age() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let aborting = LifecycleRule {
        abort: Some(days(1)),
        ..rule("in/")
    };
    set(&store, vec![aborting, expiring("", 1)]).await;
    let old = store.begin("in/a").await;
    let part = store.put_part(&old, 1, &small("part")).await.unwrap();
    store.begin("out/a").await;
    store.clock.advance(DAY);
    let young = store.begin("in/b").await;
    to_the_end_of_the_day(&store);
    assert_eq!(removed(&store).await, [0; 4]);
    store.clock.advance(Duration::from_secs(1));
    assert_eq!(removed(&store).await, [0, 0, 0, 1]);
    let gone = store.complete(&old, &[part]).await;
    assert!(matches!(gone, Err(ObjectError::NoSuchUpload(_))), "{gone:?}");
    let list = ListUploads {
        bucket: bucket("bucket"),
        prefix: String::new(),
        delimiter: String::new(),
        after: None,
        max_uploads: 10,
    };
    let left = store.objects.list_uploads(list).await.unwrap().uploads;
    assert_eq!(
        left.iter().map(|u| u.path.at.key.as_str()).collect::<Vec<_>>(),
        ["in/b", "out/a"]
    );
    assert_eq!(left[0].path, young);
    assert!(left[0].expiry.is_some() && left[1].expiry.is_none());
}

#[tokio::test]
async fn a_pass_that_was_stopped_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.make_bucket("another").await;
    set(&store, vec![expiring("", 1)]).await;
    for n in 0..2500 {
        put(&store, &format!("{n:04}"), "").await;
    }
    store.clock.advance(2 * DAY);
    let mut passes = 0;
    let mut looked_at = 0;
    loop {
        let stop = Shutdown::new();
        let expired = store.objects.expire(&stop, |_: &Expired| stop.stop()).await.unwrap();
        passes += 1;
        assert_eq!(expired.looked_at, expired.objects);
        assert!(expired.looked_at <= 1000);
        looked_at += expired.looked_at;
        if store.keys().await.is_empty() {
            break;
        }
    }
    assert_eq!((passes, looked_at), (3, 2500));
    // What was asked to stop before it began does nothing.
    put(&store, "late", "").await;
    let stop = Shutdown::new();
    stop.stop();
    store.objects.expire(&stop, |_: &Expired| {}).await.unwrap();
    assert_eq!(store.keys().await, ["late"]);
}

#[tokio::test]
async fn a_thousand_long_rules_are_kept_and_more_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let long = |count: usize, length: usize| {
        let rule = |n: usize| expiring(&format!("{n:0length$}"), 1);
        Lifecycle {
            rules: (0..count).map(rule).collect(),
            ..Lifecycle::default()
        }
    };
    let name = bucket("bucket");
    for lifecycle in [long(1000, 100), long(1, 5), long(500, 100)] {
        store.objects.put_lifecycle(&name, Some(&lifecycle)).await.unwrap();
        assert_eq!(store.objects.lifecycle(&name).await.unwrap(), Some(lifecycle));
    }
    let refused = store.objects.put_lifecycle(&name, Some(&long(1000, 200))).await;
    assert!(
        matches!(refused, Err(ObjectError::SettingTooLarge { .. })),
        "{refused:?}"
    );
    store.objects.put_lifecycle(&name, None).await.unwrap();
    assert_eq!(store.objects.lifecycle(&name).await.unwrap(), None);
    // A bucket made again has none either.
    store
        .objects
        .put_lifecycle(&name, Some(&long(1000, 100)))
        .await
        .unwrap();
    store.objects.delete_bucket(&name).await.unwrap();
    store.make_bucket("bucket").await;
    assert_eq!(store.objects.lifecycle(&name).await.unwrap(), None);
}

/// Keeps what it is told of buckets.
#[derive(Default)]
struct Book(std::sync::Mutex<Vec<(String, AccountId, [u64; 4])>>);

#[async_trait::async_trait]
impl ExpiryWitness for &Book {
    fn so_far(&self, _expired: &Expired) {}

    async fn removed(&self, bucket: &BucketName, owner: AccountId, removed: Expired) {
        let counts = [removed.objects, removed.versions, removed.markers, removed.uploads];
        self.0.lock().unwrap().push((bucket.to_string(), owner, counts));
    }
}

/// An auditor finds who lost how much, also of a pass that was stopped.
#[tokio::test]
async fn what_goes_is_told_once_for_a_bucket_and_a_pass() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.make_bucket("other").await;
    set(&store, vec![expiring("", 1)]).await;
    for key in ["a", "b"] {
        put(&store, key, "1").await;
    }
    store.begin("c").await;
    let book = Book::default();
    store.objects.expire(&Shutdown::new(), &book).await.unwrap();
    assert!(book.0.lock().unwrap().is_empty());
    store.clock.advance(DAY * 3);
    let stopped = Shutdown::new();
    stopped.stop();
    store.objects.expire(&stopped, &book).await.unwrap();
    assert!(book.0.lock().unwrap().is_empty());
    for _ in 0..2 {
        store.objects.expire(&Shutdown::new(), &book).await.unwrap();
        assert_eq!(
            *book.0.lock().unwrap(),
            [("bucket".to_owned(), account(1), [2, 0, 0, 0])]
        );
    }
}
