//! Flushes that fail in the middle of a pass: nothing is said to be there that may be in memory alone, at home as elsewhere.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::{Entry, Request, Scan};
use baleen_objects::{ObjectError, Reconciled};
use baleen_runtime::Shutdown;
use baleen_types::{Classify, FaultKind};
use common::regions::{files, heal, notes, open, pass, region, status, try_pass};
use common::{Store, pattern};
use parking_lot::Mutex;
use std::path::Path;
use std::time::Duration;

/// More than the 256 notes of one page, in segments and in files of their own.
const BODIES: usize = 300;

/// Those which are no longer in the first page.
const BEHIND: u64 = 44;

fn body(n: usize) -> bytes::Bytes {
    pattern(if n.is_multiple_of(20) { 300_000 } else { 5000 }, n)
}

/// A store with all bodies in both regions, and the notes there were of them.
async fn filled(dir: &Path) -> (Store, Vec<Entry>) {
    let store = open(dir, 1, &["west"]).await.with_bucket().await;
    heal(&store).await;
    for n in 0..BODIES {
        store.put(&n.to_string(), &body(n)).await.unwrap();
    }
    let notes = Scan::prefix(&KeyWriter::new(Table::CopyDue).finish());
    let notes = store.meta.scan(notes).await.unwrap();
    assert_eq!(notes.len(), BODIES);
    heal(&store).await;
    (store, notes)
}

/// Notes all once more.
async fn note(store: &Store, notes: &[Entry], name: Option<&str>) {
    let note = |request: Request, entry: &Entry| {
        let mut reader = KeyReader::new(&entry.key, Table::CopyDue).unwrap();
        reader.text().unwrap();
        let id: [u8; 16] = reader.fixed().unwrap();
        let key = KeyWriter::new(Table::CopyDue).text(name.unwrap_or_default()).fixed(&id);
        request.put(key.finish(), entry.value.clone())
    };
    let request = notes.iter().fold(Request::new(), note);
    store.meta.commit(request).await.unwrap();
}

/// A pass in which flushes fail when it tells of the first page.
async fn pass_that_fails(store: &Store, name: Option<&str>) -> (Result<(), ObjectError>, Reconciled) {
    let (name, done) = (name.map(region), Mutex::new(Reconciled::default()));
    let tell = |told: &Reconciled| {
        let before = std::mem::replace(&mut *done.lock(), *told);
        if before == Reconciled::default() {
            store.objects.fail_flushes(name.as_ref());
        }
    };
    let outcome = store.objects.reconcile(name.as_ref(), &Shutdown::new(), &tell).await;
    (outcome, done.into_inner())
}

async fn assert_all(store: &Store) {
    for n in 0..BODIES {
        assert!(store.get(&n.to_string()).await.unwrap() == body(n), "{n}");
    }
    store.assert_whole().await;
}

#[tokio::test]
async fn what_is_found_and_cannot_be_flushed_stays_noted_and_is_written_anew() {
    for name in [None, Some("west")] {
        let dir = tempfile::tempdir().unwrap();
        let (store, noted) = filled(dir.path()).await;
        note(&store, &noted, name).await;
        let (outcome, done) = pass_that_fails(&store, name).await;
        assert_eq!(outcome.unwrap_err().kind(), FaultKind::Unavailable, "{name:?}");
        let outcome = (done.found, done.written, done.failed, done.left);
        assert_eq!(outcome, (256, 0, BEHIND, BEHIND), "{name:?}");
        assert_all(&store).await;
        // It is right in memory, and nobody takes that for the disk.
        let done = pass(&store, name).await;
        assert_eq!((done.found, done.written), (0, BEHIND), "{name:?}");
        assert_eq!(status(&store, "7").await, ["local", "west"], "{name:?}");
        // Nor for as long as this process runs; a long copy has no name before it is there.
        note(&store, &noted, name).await;
        let done = pass(&store, name).await;
        let found = if name.is_none() { 0 } else { 15 };
        assert_eq!((done.found, done.written), (found, 300 - found), "{name:?}");
        drop(store);
        let store = open(dir.path(), 2, &["west"]).await;
        note(&store, &noted, name).await;
        let done = pass(&store, name).await;
        assert_eq!((done.found, done.written), (300, 0), "{name:?}");
        assert_all(&store).await;
    }
}

/// What is in a segment is written over, and a flush of it that failed says nothing of that.
#[tokio::test]
async fn what_cannot_be_flushed_where_it_is_restored_is_restored_again() {
    let dir = tempfile::tempdir().unwrap();
    let (store, noted) = filled(dir.path()).await;
    for path in files(&store.dir) {
        let bytes = usize::try_from(path.metadata().unwrap().len()).unwrap();
        std::os::unix::fs::FileExt::write_all_at(
            &std::fs::File::options().write(true).open(path).unwrap(),
            &vec![0; bytes],
            0,
        )
        .unwrap();
    }
    note(&store, &noted, None).await;
    let (outcome, done) = pass_that_fails(&store, None).await;
    outcome.unwrap();
    // Opened once more, as it is written anew.
    assert_eq!((done.written, done.failed, done.left), (300, 0, 0));
    note(&store, &noted, None).await;
    assert_eq!(pass(&store, None).await.written, 300);
    assert_all(&store).await;
}

#[tokio::test]
async fn a_region_is_not_whole_when_what_was_compared_cannot_be_flushed() {
    for name in [None, Some("west")] {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = filled(dir.path()).await;
        let folder = name.map_or_else(|| store.dir.clone(), |name| dir.path().join(name));
        std::fs::remove_file(folder.join("stamp")).unwrap();
        if name.is_none() {
            assert!(try_pass(&store, None).await.0.is_err());
            store.clock.advance(Duration::from_secs(6));
        }
        let (outcome, done) = pass_that_fails(&store, name).await;
        assert_eq!(outcome.unwrap_err().kind(), FaultKind::Unavailable, "{name:?}");
        assert_eq!((done.compared, done.left), (300, 0), "{name:?}");
        let other = if name.is_none() { "west" } else { "local" };
        assert_eq!(status(&store, "7").await, [other], "{name:?}");
        let done = pass(&store, name).await;
        let written = if name.is_none() { 300 } else { 285 };
        assert_eq!((done.compared, done.written), (300, written), "{name:?}");
        assert_eq!(status(&store, "7").await, ["local", "west"], "{name:?}");
        assert_eq!(notes(&store).await, 0);
        assert_all(&store).await;
    }
}
