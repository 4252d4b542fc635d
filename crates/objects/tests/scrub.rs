//! Damage of every kind that there is, and whether a scrub names it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Request, Scan};
use baleen_objects::limits::DAMAGES_KEPT_MAX;
use baleen_objects::{Scrub, ScrubProgress, ToldDamage};
use baleen_runtime::Clock as _;
use common::{MIB, Store, bucket, durable, model, pattern};
use std::num::NonZeroU64;
use std::time::Duration;

/// Bodies of every layout: none, in the keyspace, in a segment, in a file of their own.
const SIZES: [usize; 4] = [0, 100, 100_000, 900_000];

async fn filled(dir: &std::path::Path) -> Store {
    let store = model(dir).with_bucket().await;
    for (seed, size) in SIZES.into_iter().enumerate() {
        store.put(&format!("of {size}"), &pattern(size, seed)).await.unwrap();
    }
    store.objects.set_versioning(&bucket("bucket"), true).await.unwrap();
    for (seed, size) in SIZES.into_iter().enumerate() {
        store
            .put(&format!("of {size}"), &pattern(size, seed + 10))
            .await
            .unwrap();
    }
    store.objects.delete(&common::at("of 100")).await.unwrap();
    let upload = store.begin("unfinished").await;
    store.put_part(&upload, 1, &pattern(6 * MIB, 1)).await.unwrap();
    store.put_part(&upload, 7, &pattern(5 * MIB, 2)).await.unwrap();
    store
}

#[tokio::test]
async fn what_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    assert_eq!(store.objects.last_scrub().await.unwrap(), None);
    let (found, progress) = (store.scrub().await, ScrubProgress::default());
    assert_eq!((found.damages, found.buckets, found.objects, found.parts), (0, 1, 8, 2));
    let bytes = 2 * (100 + 100_000 + 900_000) + 11 * MIB as u64;
    assert_eq!((found.bodies, found.bytes), (8, bytes));
    let rows_alone = store.objects.scrub(Scrub::default(), &progress).await.unwrap();
    assert_eq!((rows_alone.damages, rows_alone.bodies, progress.bytes()), (0, 0, 0));
    assert_eq!(progress.bytes_in_all(), bytes);
    let last = store.objects.last_scrub().await.unwrap().unwrap();
    assert_eq!((last.ended, last.damages), (store.clock.now(), 0));
}

/// What a scrub found is told by name until one finds nothing, whoever asks and however often the store is opened.
#[tokio::test]
async fn what_the_last_one_found_stays_told_until_one_finds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = durable(dir.path(), 1).with_bucket().await;
    let long = "k".repeat(1024);
    for n in 0..30 {
        store
            .put(&format!("{n:02}{}", &long[2..]), &pattern(300_000, n))
            .await
            .unwrap();
    }
    assert_eq!(store.objects.told_damage().await.unwrap(), ToldDamage::default());
    for goes_on in [false, true] {
        let files: Vec<_> = store
            .own_files()
            .into_iter()
            .map(|path| (std::fs::read(&path).unwrap(), path))
            .collect();
        for (bytes, path) in &files {
            let mut bad = bytes.clone();
            bad[100_000] ^= 1;
            std::fs::write(path, bad).unwrap();
        }
        let scrub = Scrub {
            bodies: true,
            goes_on,
            ..Scrub::default()
        };
        let found = store.objects.scrub(scrub, &ScrubProgress::default()).await.unwrap();
        assert_eq!(found.damages, 30);
        // What only the records say of each other changes nothing of it.
        store
            .objects
            .scrub(Scrub::default(), &ScrubProgress::default())
            .await
            .unwrap();
        let told = store.objects.told_damage().await.unwrap();
        assert_eq!(
            (told.is_by_hand, told.damages.len()),
            (!goes_on, DAMAGES_KEPT_MAX),
            "it fits into a row"
        );
        assert_eq!(told.damages, found.told[..DAMAGES_KEPT_MAX]);
        assert!(told.damages[0].of.starts_with("bucket/0") && !told.damages[0].is_healable);
        for (bytes, path) in files {
            std::fs::write(path, bytes).unwrap();
        }
        assert_eq!(store.scrub().await.damages, 0);
        assert_eq!(store.objects.told_damage().await.unwrap(), ToldDamage::default());
    }
}

/// Each flipped bit is told, and of which object.
#[tokio::test]
async fn flipped_bits() {
    let dir = tempfile::tempdir().unwrap();
    let store = durable(dir.path(), 1).with_bucket().await;
    for (seed, size) in SIZES.into_iter().enumerate() {
        store.put(&format!("of {size}"), &pattern(size, seed)).await.unwrap();
    }
    let segments = std::fs::read_dir(store.dir.join("segments")).unwrap();
    let places = segments.map(|entry| (entry.unwrap().path(), "bucket/of 100000 (version null)", 100_000));
    let files = store.own_files().into_iter();
    let mut seen = 0;
    for (path, of, length) in places.chain(files.map(|path| (path, "bucket/of 900000 (version null)", 900_000))) {
        let good = std::fs::read(&path).unwrap();
        for at in (0..length).step_by(60_013) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            std::fs::write(&path, bad).unwrap();
            let found = store.scrub().await;
            let told: Vec<_> = found.told.iter().map(|damage| damage.of.as_str()).collect();
            assert_eq!((found.damages, &told[..]), (1, &[of][..]), "byte {at}: {found:?}");
            assert_eq!(found.bodies, 2, "the others are read");
            seen += 1;
        }
        // A segment is held open, so that its bytes would stay.
        if length == 900_000 {
            std::fs::remove_file(&path).unwrap();
            assert_eq!(store.scrub().await.damages, 1, "a file that is gone");
        }
        std::fs::write(&path, good).unwrap();
    }
    assert!(seen > 15, "{seen}");
    store.assert_whole().await;
}

/// Each row that is lost or made up is told.
#[tokio::test]
async fn rows_that_do_not_agree() {
    for (table, what) in [
        (Table::Object, "have no owner, or two"),
        (Table::Version, "have no owner, or two"),
        (Table::DeleteMarker, "Markers"),
        (Table::Part, "have no owner, or two"),
        (Table::Extent, "is gone"),
        (Table::InlineBody, "is gone"),
        (Table::Counter, "its counter of"),
        (Table::Bucket, "it is in no bucket"),
        (Table::BucketByOwner, "its owner's list of buckets lacks it"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = filled(dir.path()).await;
        let rows = store
            .meta
            .scan(Scan::prefix(&KeyWriter::new(table).finish()))
            .await
            .unwrap();
        // Of objects without bytes only the counters would tell.
        let row = rows.iter().max_by_key(|row| row.value.len()).unwrap();
        store
            .meta
            .commit(Request::new().delete(row.key.to_vec()))
            .await
            .unwrap();
        let found = store.scrub().await;
        assert!(
            found.told.iter().any(|damage| damage.what.contains(what)),
            "{table:?}: {found:?}"
        );
        // What is damaged is told, and keeps nobody from looking at the rest.
        store
            .meta
            .commit(Request::new().put(row.key.to_vec(), b"\xff\xff".to_vec()))
            .await
            .unwrap();
        let found = store.scrub().await;
        // In the list of an owner's buckets the row is all.
        assert!(found.damages > 0 || matches!(table, Table::BucketByOwner), "{table:?}");
        store
            .meta
            .commit(Request::new().put(row.key.to_vec(), row.value.clone()))
            .await
            .unwrap();
        store.assert_whole().await;
    }
}

/// What is deleted and overwritten while a scrub looks at it is no damage.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_store_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let objects = store.objects.clone();
    let writer = tokio::spawn(async move {
        for round in 0..60 {
            for key in ["a", "b", "c"] {
                let body = pattern([100, 50_000, 300_000][round % 3], round);
                objects.put(common::put_of(key, &body)).await.unwrap();
            }
            objects.delete(&common::at("b")).await.unwrap();
        }
    });
    while !writer.is_finished() {
        store.assert_whole().await;
    }
    writer.await.unwrap();
    store.assert_whole().await;
}

/// A scrub that leaves the disk to others takes as long as it was told to, on the store's clock, also within one body.
#[tokio::test]
async fn its_pace() {
    const RATE: u64 = 100_000;
    /// What is read at once.
    const BLOCK: u64 = 64 << 10;
    /// What two rows count.
    const ROWS: u64 = 8192;
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.put("long", &pattern(500_000, 1)).await.unwrap();
    store.put("short", &pattern(100, 2)).await.unwrap();
    let pace = Scrub {
        bodies: true,
        bytes_per_second: NonZeroU64::new(RATE),
        goes_on: false,
    };
    let progress = ScrubProgress::default();
    let mut scrub = std::pin::pin!(store.objects.scrub(pace, &progress));
    for second in 0..=5 {
        // Ends when nothing but the clock is waited for.
        let waits = tokio::time::timeout(Duration::from_millis(300), scrub.as_mut()).await;
        assert!(waits.is_err(), "second {second}");
        let read = progress.bytes();
        assert!(
            (second * RATE - ROWS.min(second * RATE)..=second * RATE + BLOCK).contains(&read),
            "second {second}: {read}"
        );
        store.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(scrub.await.unwrap().bodies, 2);
}

/// Damage in a long object, whose pieces are in pages, is told of that object and keeps nobody from looking at the rest.
#[tokio::test]
async fn long_objects() {
    const OF: &str = "bucket/a long one (version null)";
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let upload = store.begin("a long one").await;
    let mut parts = Vec::new();
    for number in 1..=17 {
        parts.push(store.put_part(&upload, number, &pattern(5 * MIB, 3)).await.unwrap());
    }
    store.complete(&upload, &parts).await.unwrap();
    store.put("behind it", &pattern(100_000, 1)).await.unwrap();
    let whole = store.scrub().await;
    assert_eq!((whole.damages, whole.objects, whole.bodies), (0, 2, 18));
    for (table, bodies) in [(Table::ExtentPage, 1), (Table::Extent, 17)] {
        let rows = store
            .meta
            .scan(Scan::prefix(&KeyWriter::new(table).finish()))
            .await
            .unwrap();
        // A file's mark is behind those of segments.
        let row = rows.last().unwrap();
        for value in [None, Some(b"\xff\xff".to_vec())] {
            let request = match value.clone() {
                None => Request::new().delete(row.key.to_vec()),
                Some(value) => Request::new().put(row.key.to_vec(), value),
            };
            store.meta.commit(request).await.unwrap();
            let found = store.scrub().await;
            assert!(
                found.told.iter().any(|damage| damage.of == OF),
                "{table:?} {value:?}: {found:?}"
            );
            assert!(found.bodies >= bodies, "{table:?} {value:?}: {found:?}");
        }
        let back = Request::new().put(row.key.to_vec(), row.value.clone());
        store.meta.commit(back).await.unwrap();
        store.assert_whole().await;
    }
}
