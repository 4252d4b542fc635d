//! Compaction: everything is what it was, in less space, whoever reads and writes meanwhile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::Meta;
use baleen_objects::{
    Compact, CompactProgress, Compacted, CreateBucket, Encrypt, LegalHold, Lock, ObjectError, ObjectVersion, PutObject,
    Reconciled, Selection,
};
use baleen_runtime::Shutdown;
use baleen_types::RegionName;
use bytes::Bytes;
use common::gated::{Point, gated};
use common::{MIB, Store, account, at, bucket, complete_of, model, on, pattern, put_of, read, with_regions};
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// Eight of these go into a segment, with room for a small one.
const LENGTH: usize = 120_000;

/// Moves whatever can be moved.
const ALL: Compact = Compact {
    bytes_per_second: None,
    free_percent_max: 0,
};

async fn compact(store: &Store) -> Compacted {
    // As if nothing had been written lately.
    store.blobs.taken();
    store.objects.compact(ALL, &CompactProgress::default()).await.unwrap()
}

/// Bytes that the segments take of the disk.
fn disk_bytes(store: &Store) -> u64 {
    let files = std::fs::read_dir(store.dir.join("segments")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().blocks() * 512).sum()
}

/// What lives in segments, their rounding to pages included.
fn live_bytes(store: &Store) -> u64 {
    let usage = store.blobs.usage().unwrap();
    usage.segment_bytes - usage.segment_bytes_free
}

/// Waits for files that are removed in the background.
async fn assert_compact(store: &Store) {
    let most = live_bytes(store) * 105 / 100;
    for _ in 0..5000 {
        if disk_bytes(store) <= most {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("{} bytes on disk, at most {most} are wanted", disk_bytes(store));
}

/// Puts eight bodies, of which the first is `kept` and the others go: a segment with one survivor.
async fn sparse_segment(store: &Store, kept: &str) {
    store.put(kept, &pattern(LENGTH, 1)).await.unwrap();
    for n in 0..7 {
        store.put(&format!("filler-{n}"), &pattern(LENGTH, n)).await.unwrap();
    }
    for n in 0..7 {
        store.objects.delete(&at(&format!("filler-{n}"))).await.unwrap();
    }
}

/// While everything is held for a backup nothing becomes free: moving would take room on a disk that may have none.
#[tokio::test]
async fn nothing_is_moved_while_everything_is_held() {
    for is_held in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = model(dir.path()).with_bucket().await;
        for n in 0..24 {
            store.put(&n.to_string(), &pattern(LENGTH, n)).await.unwrap();
        }
        for n in (0..24).filter(|n| n % 8 > 0) {
            store.objects.delete(&at(&n.to_string())).await.unwrap();
        }
        let _hold = is_held.then(|| store.blobs.hold());
        assert_eq!(compact(&store).await.moved > 0, !is_held);
    }
}

#[tokio::test]
async fn what_lives_in_sparse_segments_is_moved_whatever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path());
    store
        .objects
        .create_bucket(CreateBucket {
            owner: account(1),
            name: bucket("bucket"),
            region: RegionName::parse("local").unwrap(),
            object_lock: true,
        })
        .await
        .unwrap();
    let mut versions: Vec<(String, ObjectVersion, Bytes)> = Vec::new();
    for n in 0..60 {
        // Two of three go, as versions of which a newer one is current, so that both tables have survivors.
        let key = format!("k{}", n / 2);
        let bytes = pattern(LENGTH + n, n);
        let put = PutObject {
            encrypt: if n % 5 == 0 {
                Encrypt::Managed
            } else {
                Encrypt::AsBucket
            },
            lock: Lock {
                legal_hold: (n % 6 == 0).then_some(LegalHold::On),
                ..Lock::default()
            },
            ..put_of(&key, &bytes)
        };
        let version = store.objects.put(put).await.unwrap().version;
        versions.push((key.clone(), ObjectVersion { at: at(&key), version }, bytes));
    }
    // A part of an open upload, and an upload of more pieces than a record takes.
    let open = store.begin("open").await;
    let part = store.put_part(&open, 1, &pattern(200_000, 99)).await.unwrap();
    let paged = store.begin("paged").await;
    let mut parts = Vec::new();
    let mut whole = Vec::new();
    for number in 1..=17 {
        let bytes = pattern(if number == 17 { 100_000 } else { 5 * MIB }, number as usize);
        parts.push(store.put_part(&paged, number, &bytes).await.unwrap());
        whole.extend_from_slice(&bytes);
    }
    store.complete(&paged, &parts).await.unwrap();
    let whole = Bytes::from(whole);
    let (kept, gone): (Vec<_>, Vec<_>) = versions.into_iter().enumerate().partition(|(n, _)| n % 3 == 0);
    for (_, (_, version, _)) in gone {
        store.objects.delete(version).await.unwrap();
    }

    let before = store.blobs.usage().unwrap();
    let done = compact(&store).await;
    assert!(done.moved > 10 && done.segments > 3, "{done:?}");
    assert_eq!(done.damaged, 0);
    assert!(store.blobs.usage().unwrap().segment_bytes < before.segment_bytes);
    assert_compact(&store).await;
    for (n, (key, version, bytes)) in &kept {
        let open = store.objects.open(version.clone(), Selection::Whole).await.unwrap();
        assert_eq!(read(open.body).await.unwrap(), bytes, "{n} {key}");
    }
    assert!(store.get("paged").await.unwrap() == whole);
    assert_eq!(store.complete(&open, &[part]).await.unwrap().size, 200_000);
    assert_eq!(store.get("open").await.unwrap(), pattern(200_000, 99));
    store.assert_whole().await;
    // Nothing is left to do.
    let again = compact(&store).await;
    assert_eq!((again.moved, again.segments), (0, 0));
}

#[tokio::test]
async fn a_busy_store_keeps_what_its_writers_took_and_is_not_moved_about() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.put("full", &pattern(LENGTH, 1)).await.unwrap();
    for _ in 0..3 {
        sparse_segment(&store, "kept").await;
    }
    let before = store.blobs.usage().unwrap();
    let done = store.objects.compact(ALL, &CompactProgress::default()).await.unwrap();
    assert_eq!(done, Compacted::default());
    assert_eq!(store.blobs.usage().unwrap().segment_bytes, before.segment_bytes);
    // Quiet since: all goes back.
    let done = store.objects.compact(ALL, &CompactProgress::default()).await.unwrap();
    assert!(done.returned_bytes > 0);
    assert_compact(&store).await;
    store.assert_whole().await;
}

#[tokio::test]
async fn what_is_read_stays_until_it_was_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    sparse_segment(&store, "kept").await;
    sparse_segment(&store, "other").await;
    let reading = store.objects.open(&at("kept"), Selection::Whole).await.unwrap();
    let other = store.objects.open(&at("other"), Selection::Whole).await.unwrap();
    compact(&store).await;
    for n in 0..8 {
        store.put(&format!("new-{n}"), &pattern(LENGTH, 20 + n)).await.unwrap();
    }
    assert_eq!(read(reading.body).await.unwrap(), pattern(LENGTH, 1));
    assert_eq!(read(other.body).await.unwrap(), pattern(LENGTH, 1));
    compact(&store).await;
    assert_compact(&store).await;
    assert_eq!(store.get("kept").await.unwrap(), pattern(LENGTH, 1));
    store.assert_whole().await;
}

#[tokio::test]
async fn a_damaged_body_stays_and_keeps_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    sparse_segment(&store, "damaged").await;
    sparse_segment(&store, "kept").await;
    let segments = store.dir.join("segments");
    let first = segments.join(format!("{:016x}", 0));
    let mut bytes = std::fs::read(&first).unwrap();
    bytes[70_000] ^= 1;
    std::fs::write(&first, bytes).unwrap();
    let done = compact(&store).await;
    assert!(done.damaged <= 1, "{done:?}");
    assert!(matches!(store.get("damaged").await, Err(ObjectError::Body(_))));
    assert_eq!(store.get("kept").await.unwrap(), pattern(LENGTH, 1));
    assert_compact(&store).await;
    assert_eq!(store.scrub().await.damages, 1);
}

#[tokio::test]
async fn a_damaged_body_that_is_in_another_region_is_healed_without_being_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_regions(dir.path(), Meta::open_model(), 1, &["west"])
        .recovered()
        .await
        .with_bucket()
        .await;
    sparse_segment(&store, "damaged").await;
    sparse_segment(&store, "kept").await;
    let west = RegionName::parse("west").unwrap();
    let pass = async |region| {
        let objects = &store.objects;
        let written = AtomicU64::new(0);
        let tell = |done: &Reconciled| written.store(done.written, Ordering::Relaxed);
        objects.reconcile(region, &Shutdown::new(), &tell).await.unwrap();
        written.into_inner()
    };
    pass(Some(&west)).await;
    for segment in std::fs::read_dir(store.dir.join("segments")).unwrap() {
        let path = segment.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[70_000] ^= 1;
        std::fs::write(&path, bytes).unwrap();
    }
    let done = compact(&store).await;
    assert!(done.damaged > 0, "{done:?}");
    assert_eq!(pass(None).await, done.damaged);
    assert_eq!(store.objects.reads_elsewhere(), 0);
}

/// Stops a compaction behind its look at the row, when it has copied nothing, lets `meanwhile` happen, and goes on.
async fn at_the_look(store: &Store, gates: &common::gated::Gates, meanwhile: impl AsyncFnOnce()) -> Compacted {
    store.blobs.taken();
    let mut look = gates.stop_at(Point::Read);
    let objects = store.objects.clone();
    let compaction = tokio::spawn(async move { objects.compact(ALL, &CompactProgress::default()).await });
    look.reached().await;
    meanwhile().await;
    look.go();
    compaction.await.unwrap().unwrap()
}

#[tokio::test]
async fn who_writes_while_a_body_is_moved_wins() {
    for what in ["overwritten", "deleted", "tagged", "untouched"] {
        let dir = tempfile::tempdir().unwrap();
        let (meta, gates) = gated();
        let store = on(dir.path(), meta, 1).with_bucket().await;
        sparse_segment(&store, "kept").await;
        sparse_segment(&store, "other").await;
        let new = pattern(LENGTH, 50);
        at_the_look(&store, &gates, async || match what {
            "overwritten" => drop(store.put("kept", &new).await.unwrap()),
            "deleted" => drop(store.objects.delete(&at("kept")).await.unwrap()),
            "tagged" => {
                let tags = baleen_objects::Tags::of_object([("a".to_owned(), "b".to_owned())]).unwrap();
                store.objects.put_tags(&(&at("kept")).into(), tags).await.unwrap();
            }
            _ => {}
        })
        .await;
        match what {
            "overwritten" => assert_eq!(store.get("kept").await.unwrap(), new),
            "deleted" => assert!(matches!(store.get("kept").await, Err(ObjectError::NoSuchKey(_)))),
            _ => assert_eq!(store.get("kept").await.unwrap(), pattern(LENGTH, 1)),
        }
        assert_eq!(store.get("other").await.unwrap(), pattern(LENGTH, 1));
        store.assert_whole().await;
        for key in ["kept", "other"] {
            store.objects.delete(&at(key)).await.unwrap();
        }
        store.assert_empty_volume().await;
    }
}

#[tokio::test]
async fn an_upload_ends_as_it_should_while_its_parts_are_moved() {
    for complete in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (meta, gates) = gated();
        let store = on(dir.path(), meta, 1).with_bucket().await;
        let upload = store.begin("k").await;
        let part = store.put_part(&upload, 1, &pattern(LENGTH, 1)).await.unwrap();
        for n in 0..7 {
            store.put(&format!("filler-{n}"), &pattern(LENGTH, n)).await.unwrap();
        }
        sparse_segment(&store, "other").await;
        for n in 0..7 {
            store.objects.delete(&at(&format!("filler-{n}"))).await.unwrap();
        }
        // The upload was read with its parts; now they are moved.
        let mut read = gates.stop_at(Point::Scanned);
        let (objects, request) = (store.objects.clone(), complete_of(&upload, &[part]));
        let path = upload.clone();
        let ending = tokio::spawn(async move {
            if complete {
                objects.complete_upload(request).await.map(drop)
            } else {
                objects.abort_upload(&path).await
            }
        });
        read.reached().await;
        compact(&store).await;
        read.go();
        ending.await.unwrap().unwrap();
        if complete {
            assert_eq!(store.get("k").await.unwrap(), pattern(LENGTH, 1));
            store.objects.delete(&at("k")).await.unwrap();
        }
        store.objects.delete(&at("other")).await.unwrap();
        store.assert_empty_volume().await;
    }
}

/// An object whose last piece is in a segment and named by a page.
async fn put_in_pages(store: &Store) -> Bytes {
    let upload = store.begin("paged").await;
    let (mut parts, mut whole) = (Vec::new(), Vec::new());
    for number in 1..=17 {
        let bytes = pattern(if number == 17 { LENGTH } else { 5 * MIB }, number as usize);
        parts.push(store.put_part(&upload, number, &bytes).await.unwrap());
        whole.extend_from_slice(&bytes);
    }
    store.complete(&upload, &parts).await.unwrap();
    whole.into()
}

#[tokio::test]
async fn pages_change_under_readers_and_collectors() {
    let dir = tempfile::tempdir().unwrap();
    let (meta, gates) = gated();
    let store = on(dir.path(), meta, 1).with_bucket().await;
    let whole = put_in_pages(&store).await;
    for n in 0..7 {
        store.put(&format!("filler-{n}"), &pattern(LENGTH, n)).await.unwrap();
    }
    sparse_segment(&store, "other").await;
    for n in 0..7 {
        store.objects.delete(&at(&format!("filler-{n}"))).await.unwrap();
    }
    // The reader has the record and the page; what the page names is moved, and others are written there. The bucket is known.
    let mut record_read = gates.stop_at(Point::Read);
    let objects = store.objects.clone();
    let reading = tokio::spawn(async move { objects.open(&at("paged"), Selection::Whole).await });
    record_read.reached().await;
    let mut page_read = gates.stop_at(Point::Read);
    record_read.go();
    page_read.reached().await;
    compact(&store).await;
    for n in 0..8 {
        store.put(&format!("new-{n}"), &pattern(LENGTH, 30 + n)).await.unwrap();
    }
    page_read.go();
    let open = reading.await.unwrap().unwrap();
    assert!(read(open.body).await.unwrap() == whole);
    store.assert_whole().await;

    // A collector has read the page of a dead object; its piece is moved before the page goes.
    for n in 0..8 {
        store.objects.delete(&at(&format!("new-{n}"))).await.unwrap();
    }
    let mut scanned = gates.stop_at(Point::Scanned);
    let objects = store.objects.clone();
    let deletion = tokio::spawn(async move { objects.delete(&at("paged")).await });
    scanned.reached().await;
    sparse_segment(&store, "more").await;
    compact(&store).await;
    scanned.go();
    deletion.await.unwrap().unwrap();
    for key in ["other", "more"] {
        store.objects.delete(&at(key)).await.unwrap();
    }
    store.objects.sweep().await.unwrap();
    store.assert_empty_volume().await;
}
