//! Object lock: every way in by which a version could be removed holds it (peers' failure F14), and the clock.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Request, Scan};
use baleen_objects::{
    CopyObject, CreateBucket, CreateUpload, DefaultRetention, DeleteObject, Directive, Governance, LegalHold, Lock,
    ObjectError, ObjectHeaders, ObjectLock, ObjectVersion, PutObject, Retention, RetentionMode, RetentionPeriod,
    Selection, Tags, Version,
};
use baleen_types::{RegionName, Timestamp};
use bytes::Bytes;
use common::{Store, account, at, bucket, copy_of, durable, model, pattern, put_of, small};
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// A store whose bucket `bucket` has object lock.
async fn locking(store: Store) -> Store {
    let store = store.recovered().await;
    let new = CreateBucket {
        owner: account(1),
        name: bucket("bucket"),
        region: RegionName::parse("local").unwrap(),
        object_lock: true,
    };
    store.objects.create_bucket(new).await.unwrap();
    store
}

fn days(store: &Store, mode: RetentionMode, days: u32) -> Retention {
    Retention {
        mode,
        until: baleen_runtime::Clock::now(&*store.clock).plus(DAY * days),
    }
}

fn retained(retention: Retention) -> Lock {
    Lock {
        retention: Some(retention),
        legal_hold: None,
    }
}

const HELD: Lock = Lock {
    retention: None,
    legal_hold: Some(LegalHold::On),
};

async fn put_locked(store: &Store, key: &str, bytes: &Bytes, lock: Lock) -> Version {
    let put = PutObject {
        lock,
        ..put_of(key, bytes)
    };
    store.objects.put(put).await.unwrap().version.unwrap()
}

fn of(key: &str, version: Version) -> ObjectVersion {
    ObjectVersion {
        at: at(key),
        version: Some(version),
    }
}

fn bypassing(of: ObjectVersion) -> DeleteObject {
    DeleteObject {
        governance: Governance::Bypassed,
        ..of.into()
    }
}

async fn lock_of(store: &Store, of: impl Into<ObjectVersion>) -> Lock {
    store.objects.head(of, Selection::Whole).await.unwrap().0.lock
}

async fn is_there(store: &Store, key: &str, version: Version, bytes: &Bytes) {
    let open = store.objects.open(of(key, version), Selection::Whole).await.unwrap();
    assert_eq!(common::read(open.body).await.unwrap(), bytes);
}

/// A version under each kind of lock, asked to go by every way there is.
#[tokio::test]
async fn no_way_removes_a_protected_version() {
    let dir = tempfile::tempdir().unwrap();
    let store = locking(durable(dir.path(), 1)).await;
    let strict = retained(days(&store, RetentionMode::Compliance, 3));
    let both = Lock {
        legal_hold: Some(LegalHold::On),
        ..strict
    };
    for (n, lock) in [strict, HELD, both].into_iter().enumerate() {
        // Inline, in a segment, in a file of its own, in pages.
        for size in [10, 9000, 300_000] {
            let (key, bytes) = (format!("{n}/{size}"), pattern(size, n));
            let version = put_locked(&store, &key, &bytes, lock).await;
            let refused = |outcome: Result<_, ObjectError>| {
                assert!(matches!(outcome, Err(ObjectError::Locked)), "{key}");
            };
            refused(store.objects.delete(of(&key, version)).await.map(drop));
            refused(store.objects.delete(bypassing(of(&key, version))).await.map(drop));
            let many = vec![of(&key, version).into(), bypassing(of(&key, version))];
            for outcome in store.objects.delete_many(&bucket("bucket"), many).await.unwrap() {
                refused(outcome.map(drop));
            }
            // Behind other versions, by put, upload, copy and delete marker, it is as safe.
            store.put(&key, &small("over")).await.unwrap();
            let upload = store.begin(&key).await;
            let part = store.put_part(&upload, 1, &small("over")).await.unwrap();
            store.complete(&upload, &[part]).await.unwrap();
            store.objects.copy(copy_onto(&key, version)).await.unwrap();
            assert!(store.objects.delete(&at(&key)).await.unwrap().is_marker);
            refused(store.objects.delete(of(&key, version)).await.map(drop));
            refused(store.objects.delete(bypassing(of(&key, version))).await.map(drop));
            is_there(&store, &key, version, &bytes).await;
        }
    }
    let suspended = store.objects.set_versioning(&bucket("bucket"), false).await;
    assert!(matches!(suspended, Err(ObjectError::VersioningNeeded)));
    let deleted = store.objects.delete_bucket(&bucket("bucket")).await;
    assert!(matches!(deleted, Err(ObjectError::BucketNotEmpty(_))));
    let purged = store.objects.purge_account(account(1)).await.unwrap();
    assert_eq!((purged.objects, purged.buckets, purged.buckets_left), (3 * 3 * 3, 0, 1));
    store.objects.sweep().await.unwrap();
    drop(store);
    let store = durable(dir.path(), 2).recovered().await;
    store.objects.sweep().await.unwrap();
    let usage = store.objects.bucket_usage(&bucket("bucket")).await.unwrap();
    assert_eq!((usage.objects, usage.bytes), (9, 3 * (10 + 9000 + 300_000)));
    for n in 0..3 {
        for size in [10, 9000, 300_000] {
            // The last version of its key is the current one again.
            assert_eq!(store.get(&format!("{n}/{size}")).await.unwrap(), pattern(size, n));
        }
    }
    // What only time protects goes when it is over; a hold has no end.
    store.clock.advance(DAY * 3);
    let purged = store.objects.purge_account(account(1)).await.unwrap();
    assert_eq!((purged.objects, purged.buckets_left), (3, 1));
}

fn copy_onto(key: &str, version: Version) -> CopyObject {
    CopyObject {
        headers: Directive::Replace(ObjectHeaders::default()),
        ..copy_of(of(key, version), key)
    }
}

#[tokio::test]
async fn governance_ends_early_for_who_may_bypass_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = locking(model(dir.path())).await;
    let lock = retained(days(&store, RetentionMode::Governance, 3));
    let version = put_locked(&store, "k", &small("a"), lock).await;
    let other = put_locked(&store, "k", &small("b"), lock).await;
    assert!(matches!(
        store.objects.delete(of("k", version)).await,
        Err(ObjectError::Locked)
    ));
    assert!(store.objects.delete(bypassing(of("k", version))).await.unwrap().existed);
    // Of what it was not said, it holds.
    is_there(&store, "k", other, &small("b")).await;
    // Who may bypass a retention may not lift a hold by it.
    store
        .objects
        .put_legal_hold(&of("k", other), LegalHold::On)
        .await
        .unwrap();
    let deleted = store.objects.delete(bypassing(of("k", other))).await;
    assert!(matches!(deleted, Err(ObjectError::Locked)));
    store
        .objects
        .put_legal_hold(&of("k", other), LegalHold::Off)
        .await
        .unwrap();
    assert_eq!(lock_of(&store, &at("k")).await.legal_hold, Some(LegalHold::Off));
    assert!(store.objects.delete(bypassing(of("k", other))).await.unwrap().existed);
}

#[tokio::test]
async fn a_retention_is_lengthened_by_anybody_and_shortened_by_few() {
    let dir = tempfile::tempdir().unwrap();
    let store = locking(model(dir.path())).await;
    for (mode, bypass_helps) in [(RetentionMode::Governance, true), (RetentionMode::Compliance, false)] {
        let key = format!("{mode:?}");
        let lock = retained(days(&store, mode, 10));
        let version = put_locked(&store, &key, &small("a"), lock).await;
        // Behind another one, it is found by its name.
        store.put(&key, &small("b")).await.unwrap();
        let put = |retention, governance| {
            let (objects, of) = (store.objects.clone(), of(&key, version));
            async move { objects.put_retention(&of, retention, governance).await }
        };
        for (governance, allowed) in [(Governance::Holds, false), (Governance::Bypassed, bypass_helps)] {
            for weaker in [Some(days(&store, mode, 5)), None] {
                let longer = Some(days(&store, mode, 11));
                assert_eq!(put(longer, Governance::Holds).await.unwrap(), Some(version));
                let outcome = put(weaker, governance).await;
                assert_eq!(outcome.is_ok(), allowed, "{mode:?} {weaker:?} {governance:?}");
                let expected = if allowed { weaker } else { longer };
                assert_eq!(lock_of(&store, of(&key, version)).await.retention, expected);
            }
        }
        let past = Some(days(&store, mode, 0));
        let outcome = put(past, Governance::Bypassed).await;
        assert!(matches!(outcome, Err(ObjectError::RetainUntilPast)));
    }
    assert_eq!(
        lock_of(&store, &at("Compliance")).await,
        Lock::default(),
        "the other version has none"
    );
}

#[tokio::test]
async fn a_default_is_for_what_comes_without_a_lock() {
    let dir = tempfile::tempdir().unwrap();
    let store = locking(model(dir.path())).await;
    let before = put_locked(&store, "k", &small("before"), Lock::default()).await;
    let explicit = retained(days(&store, RetentionMode::Governance, 9));
    let source = put_locked(&store, "source", &small("source"), explicit).await;
    let begun = store.begin("early").await;
    let begun_part = store.put_part(&begun, 1, &small("p")).await.unwrap();
    let default = DefaultRetention::new(RetentionMode::Compliance, RetentionPeriod::Days(2)).unwrap();
    let lock = ObjectLock {
        default_retention: Some(default),
    };
    store.objects.set_object_lock(&bucket("bucket"), lock).await.unwrap();
    assert_eq!(
        store.objects.head_bucket(&bucket("bucket")).await.unwrap().object_lock,
        Some(lock)
    );
    let by_default = retained(days(&store, RetentionMode::Compliance, 2));
    let on_hold = Lock {
        legal_hold: Some(LegalHold::On),
        ..by_default
    };
    put_locked(&store, "put", &small("p"), Lock::default()).await;
    put_locked(&store, "explicit", &small("p"), explicit).await;
    put_locked(&store, "held", &small("p"), HELD).await;
    store.complete(&begun, &[begun_part]).await.unwrap();
    let upload = CreateUpload {
        initiator: None,
        encrypt: baleen_objects::Encrypt::AsBucket,
        at: at("upload"),
        headers: ObjectHeaders::default(),
        tags: Tags::default(),
        lock: explicit,
        checksum_algorithm: None,
        checksum_kind: None,
        acl: baleen_types::Acl::default(),
    };
    let upload = store.objects.create_upload(upload).await.unwrap().path;
    let part = store.put_part(&upload, 1, &small("p")).await.unwrap();
    store.complete(&upload, &[part]).await.unwrap();
    let copy = |to: &str, lock| CopyObject {
        to: at(to),
        lock,
        ..copy_onto("source", source)
    };
    store.objects.copy(copy("copy", Lock::default())).await.unwrap();
    store.objects.copy(copy("held-copy", HELD)).await.unwrap();
    for (key, expected) in [
        ("put", by_default),
        ("explicit", explicit),
        ("held", on_hold),
        ("early", by_default),
        ("upload", explicit),
        ("copy", by_default),
        ("held-copy", on_hold),
        ("source", explicit),
    ] {
        assert_eq!(lock_of(&store, &at(key)).await, expected, "{key}");
    }
    assert_eq!(lock_of(&store, of("k", before)).await, Lock::default());
    // Without a default, what was written under it stays as it is.
    store
        .objects
        .set_object_lock(&bucket("bucket"), ObjectLock::default())
        .await
        .unwrap();
    store.put("put", &small("q")).await.unwrap();
    assert_eq!(lock_of(&store, &at("put")).await, Lock::default());
    assert_eq!(lock_of(&store, &at("copy")).await, by_default);
}

/// Nothing is accepted that is not held: a bucket without object lock refuses every lock, and changes nothing.
#[tokio::test]
async fn a_bucket_without_object_lock_takes_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.put("k", &small("before")).await.unwrap();
    let lock = retained(days(&store, RetentionMode::Governance, 1));
    for lock in [
        lock,
        HELD,
        Lock {
            legal_hold: Some(LegalHold::Off),
            ..Lock::default()
        },
    ] {
        let put = PutObject {
            lock,
            ..put_of("k", &small("after"))
        };
        assert!(matches!(store.objects.put(put).await, Err(ObjectError::LockMissing)));
        // Onto itself, where only the record would be written, and elsewhere.
        for to in ["k", "l"] {
            let copy = CopyObject {
                source: at("k").into(),
                to: at(to),
                lock,
                ..copy_onto("k", Version::Null)
            };
            assert!(matches!(store.objects.copy(copy).await, Err(ObjectError::LockMissing)));
        }
        let upload = CreateUpload {
            initiator: None,
            encrypt: baleen_objects::Encrypt::AsBucket,
            at: at("k"),
            headers: ObjectHeaders::default(),
            tags: Tags::default(),
            lock,
            checksum_algorithm: None,
            checksum_kind: None,
            acl: baleen_types::Acl::default(),
        };
        assert!(matches!(
            store.objects.create_upload(upload).await,
            Err(ObjectError::LockMissing)
        ));
    }
    let of = at("k").into();
    let retention = store
        .objects
        .put_retention(&of, lock.retention, Governance::Holds)
        .await;
    assert!(matches!(retention, Err(ObjectError::LockMissing)));
    let hold = store.objects.put_legal_hold(&of, LegalHold::On).await;
    assert!(matches!(hold, Err(ObjectError::LockMissing)));
    assert_eq!(store.get("k").await.unwrap(), small("before"));
    assert_eq!(store.keys().await, ["k"]);
}

/// A bucket may be given object lock later, if it keeps versions; what was there, the null version too, can be locked then.
#[tokio::test]
async fn object_lock_comes_later_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let name = bucket("bucket");
    store.put("k", &small("null")).await.unwrap();
    for versions in [None, Some(false)] {
        if let Some(is_enabled) = versions {
            store.objects.set_versioning(&name, is_enabled).await.unwrap();
        }
        let outcome = store.objects.set_object_lock(&name, ObjectLock::default()).await;
        assert!(matches!(outcome, Err(ObjectError::LockNeedsVersions)));
    }
    store.objects.set_versioning(&name, true).await.unwrap();
    store
        .objects
        .set_object_lock(&name, ObjectLock::default())
        .await
        .unwrap();
    store
        .objects
        .put_legal_hold(&at("k").into(), LegalHold::On)
        .await
        .unwrap();
    assert!(matches!(
        store.objects.set_versioning(&name, false).await,
        Err(ObjectError::VersioningNeeded)
    ));
    let null = of("k", Version::Null);
    for _ in 0..2 {
        assert!(matches!(store.objects.delete(&null).await, Err(ObjectError::Locked)));
        store.put("k", &small("over")).await.unwrap();
    }
    is_there(&store, "k", Version::Null, &small("null")).await;
    store.objects.put_legal_hold(&null, LegalHold::Off).await.unwrap();
    assert!(store.objects.delete(&null).await.unwrap().existed);
}

/// A clock that goes back protects longer and never shorter; one that starts before the bucket was made promises no
/// retention that is over when it is right again.
#[tokio::test]
async fn the_clock_goes_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = locking(model(dir.path())).await;
    let made = baleen_runtime::Clock::now(&*store.clock);
    let version = put_locked(
        &store,
        "k",
        &small("a"),
        retained(days(&store, RetentionMode::Compliance, 2)),
    )
    .await;
    store.clock.set(made.plus(DAY * 3));
    store.clock.set(made.plus(DAY));
    assert!(matches!(
        store.objects.delete(of("k", version)).await,
        Err(ObjectError::Locked)
    ));
    store.clock.set(Timestamp::EPOCH);
    assert!(matches!(
        store.objects.delete(of("k", version)).await,
        Err(ObjectError::Locked)
    ));
    let default = DefaultRetention::new(RetentionMode::Compliance, RetentionPeriod::Days(2)).unwrap();
    let lock = ObjectLock {
        default_retention: Some(default),
    };
    store.objects.set_object_lock(&bucket("bucket"), lock).await.unwrap();
    store.put("early", &small("a")).await.unwrap();
    let until = lock_of(&store, &at("early")).await.retention.unwrap().until;
    assert_eq!(until, made.plus(DAY * 2), "not in 1970");
    // To the nanosecond: held before, free at its end.
    let end = made.plus(DAY * 2);
    store.clock.set(Timestamp::from_nanos(end.as_nanos() - 1));
    assert!(matches!(
        store.objects.delete(of("k", version)).await,
        Err(ObjectError::Locked)
    ));
    store.clock.set(end);
    assert!(store.objects.delete(of("k", version)).await.unwrap().existed);
}

/// A version whose record cannot be read is not removed (peers' failure F14: unreadable was taken for unlocked).
#[tokio::test]
async fn a_damaged_record_is_not_taken_for_an_unlocked_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = locking(model(dir.path())).await;
    let version = put_locked(&store, "k", &small("a"), HELD).await;
    for table in [Table::Object, Table::Version] {
        let prefix = KeyWriter::new(table).finish();
        let row = store.meta.scan(Scan::prefix(&prefix)).await.unwrap().remove(0);
        for cut in 1..row.value.len() {
            let damaged = Request::new().put(row.key.to_vec(), row.value.slice(..cut));
            store.meta.commit(damaged).await.unwrap();
            let outcome = store.objects.delete(bypassing(of("k", version))).await;
            assert!(matches!(outcome, Err(ObjectError::Corrupt(_))), "{cut}: {outcome:?}");
            assert!(store.objects.delete_bucket(&bucket("bucket")).await.is_err());
            assert!(store.meta.get(&row.key).await.unwrap().is_some());
        }
        store
            .meta
            .commit(Request::new().put(row.key.to_vec(), row.value))
            .await
            .unwrap();
        is_there(&store, "k", version, &small("a")).await;
        // And again as a noncurrent one.
        store.objects.delete(&at("k")).await.unwrap();
    }
}

/// A lock and a deletion at once: one of them comes first, and the other sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lock_and_a_deletion_never_both_succeed() {
    let dir = tempfile::tempdir().unwrap();
    let store = locking(model(dir.path())).await;
    let (mut locked, mut deleted) = (0, 0);
    for round in 0..200 {
        let version = store.put("k", &pattern(5000, round)).await.unwrap().version.unwrap();
        if round % 2 == 0 {
            store.put("k", &small("over")).await.unwrap();
        }
        let (objects, other) = (store.objects.clone(), store.objects.clone());
        let lock = tokio::spawn(async move { objects.put_legal_hold(&of("k", version), LegalHold::On).await });
        let delete = tokio::spawn(async move { other.delete(of("k", version)).await });
        match (lock.await.unwrap(), delete.await.unwrap()) {
            (Ok(_), Err(ObjectError::Locked)) => {
                locked += 1;
                is_there(&store, "k", version, &pattern(5000, round)).await;
            }
            (Err(ObjectError::NoSuchVersion { .. }), Ok(_)) => deleted += 1,
            (lock, delete) => panic!("{lock:?}, {delete:?}"),
        }
    }
    assert_eq!(locked + deleted, 200);
}
