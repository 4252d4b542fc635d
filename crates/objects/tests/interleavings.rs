//! Orders of events which a busy store meets once in a while, each tried on purpose.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_blob::{NewBlob, OwnerTag, Placement};
use baleen_objects::{ObjectError, Selection};
use common::gated::{Point, gated};
use common::{MIB, at, bucket, complete_of, on, pattern, put_of, read, small};

#[tokio::test]
async fn a_bucket_which_was_emptied_and_filled_meanwhile_is_not_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let (meta, gates) = gated();
    let store = on(dir.path(), meta, 1).with_bucket().await;
    store.put("old", &small("1")).await.unwrap();
    let mut before_the_look = gates.stop_at(Point::Snapshot);
    let objects = store.objects.clone();
    let deletion = tokio::spawn(async move { objects.delete_bucket(&bucket("bucket")).await });
    before_the_look.reached().await;
    store.objects.delete(&at("old")).await.unwrap();
    let mut after_the_look = gates.stop_at(Point::Scanned);
    before_the_look.go();
    after_the_look.reached().await;
    // The count is again what it was when the deletion began.
    store.put("new", &small("2")).await.unwrap();
    after_the_look.go();
    assert!(matches!(deletion.await.unwrap(), Err(ObjectError::BucketNotEmpty(_))));
    assert_eq!(store.get("new").await.unwrap(), small("2"));
}

/// The length of the bodies below: each takes a range of a segment, and each fits where another was.
const LENGTH: usize = 30_000;

#[tokio::test]
async fn what_is_read_while_it_is_deleted_after_a_restart_is_freed_once() {
    let dir = tempfile::tempdir().unwrap();
    let (meta, _) = gated();
    let store = on(dir.path(), meta.clone(), 1).with_bucket().await;
    store.put("old", &pattern(LENGTH, 1)).await.unwrap();
    drop(store);
    let store = on(dir.path(), meta, 2).recovered().await;
    let reading = store.objects.open(&at("old"), Selection::Whole).await.unwrap();
    store.objects.delete(&at("old")).await.unwrap();
    store.objects.sweep().await.unwrap();
    store.put("new", &pattern(LENGTH, 2)).await.unwrap();
    assert_eq!(read(reading.body).await.unwrap(), pattern(LENGTH, 1));
    store.put("newer", &pattern(LENGTH, 3)).await.unwrap();
    assert_eq!(store.get("new").await.unwrap(), pattern(LENGTH, 2));
    assert_eq!(store.get("newer").await.unwrap(), pattern(LENGTH, 3));
    for key in ["new", "newer"] {
        store.objects.delete(&at(key)).await.unwrap();
    }
    store.assert_empty_volume().await;
}

#[tokio::test]
async fn what_a_sweep_sees_deleted_before_it_is_released_is_freed_once() {
    let dir = tempfile::tempdir().unwrap();
    let (meta, gates) = gated();
    let store = on(dir.path(), meta.clone(), 1).with_bucket().await;
    store.put("old", &pattern(LENGTH, 1)).await.unwrap();
    drop(store);
    let store = on(dir.path(), meta, 2).recovered().await;
    let mut deleted = gates.stop_at(Point::Committed);
    let objects = store.objects.clone();
    let deletion = tokio::spawn(async move { objects.delete(&at("old")).await });
    deleted.reached().await;
    // The sweep and the put go as far as they can while the deletion's commit is not answered.
    let objects = store.objects.clone();
    let sweep = tokio::spawn(async move { objects.sweep().await });
    while !store.blobs.segments_to_adopt().is_empty() {
        tokio::task::yield_now().await;
    }
    let free = store.blobs.usage().unwrap().segment_bytes_free;
    let objects = store.objects.clone();
    let put = tokio::spawn(async move { objects.put(put_of("new", &pattern(LENGTH, 2))).await });
    while store.blobs.usage().unwrap().segment_bytes_free == free {
        tokio::task::yield_now().await;
    }
    deleted.go();
    assert!(deletion.await.unwrap().unwrap().existed);
    sweep.await.unwrap().unwrap();
    put.await.unwrap().unwrap();
    store.put("newer", &pattern(LENGTH, 3)).await.unwrap();
    assert_eq!(store.get("new").await.unwrap(), pattern(LENGTH, 2));
    assert_eq!(store.get("newer").await.unwrap(), pattern(LENGTH, 3));
    for key in ["new", "newer"] {
        store.objects.delete(&at(key)).await.unwrap();
    }
    store.assert_empty_volume().await;
}

#[tokio::test]
async fn a_batch_of_deletions_keeps_to_the_bucket_it_began_with() {
    let dir = tempfile::tempdir().unwrap();
    let (meta, gates) = gated();
    let store = on(dir.path(), meta, 1).with_bucket().await;
    let mut opened = gates.stop_at(Point::Read);
    let objects = store.objects.clone();
    let batch = tokio::spawn(async move { objects.delete_many(&bucket("bucket"), vec![at("k").into()]).await });
    opened.reached().await;
    store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
    store.make_bucket("bucket").await;
    store.put("k", &small("of the next bucket")).await.unwrap();
    opened.go();
    let outcomes = batch.await.unwrap().unwrap();
    assert!(
        matches!(outcomes[..], [Err(ObjectError::NoSuchBucket(_))]),
        "{outcomes:?}"
    );
    assert_eq!(store.get("k").await.unwrap(), small("of the next bucket"));
}

#[tokio::test]
async fn a_sweep_that_breaks_off_leaves_the_doubtful_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let (meta, gates) = gated();
    let store = on(dir.path(), meta, 1).with_bucket().await;
    let new = NewBlob {
        owner: OwnerTag::default(),
        length: Some(LENGTH as u64),
        placement: Placement::BySize,
    };
    let mut writer = store.blobs.writer(new).await.unwrap();
    writer.write(pattern(LENGTH, 1)).await.unwrap();
    // A commit was about to be sent, and nobody heard of it again.
    drop(writer.finish().await.unwrap().submit());
    let mut looking = gates.stop_at(Point::Committed);
    let objects = store.objects.clone();
    let sweep = tokio::spawn(async move { objects.sweep().await });
    looking.reached().await;
    sweep.abort();
    assert!(sweep.await.unwrap_err().is_cancelled());
    looking.go();
    store.objects.sweep().await.unwrap();
    store.assert_empty_volume().await;
}

/// The object is in the commit; what follows it, and its answer, are lost by a kill. A late abort, which took the object with it in
/// other stores, finds no upload then.
#[test]
fn a_kill_behind_the_commit_of_a_completion_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let before = runtime();
    let (gates, stopped, upload, parts) = before.block_on(async {
        let (meta, gates) = gated();
        let store = on(dir.path(), meta, 1).with_bucket().await;
        let upload = store.begin("k").await;
        let first = store.put_part(&upload, 1, &pattern(5 * MIB, 1)).await.unwrap();
        store.put_part(&upload, 2, &pattern(LENGTH, 2)).await.unwrap();
        let last = store.put_part(&upload, 3, &pattern(LENGTH, 3)).await.unwrap();
        let parts = [first, last];
        let mut committed = gates.stop_at(Point::Committed);
        let (objects, request) = (store.objects.clone(), complete_of(&upload, &parts));
        tokio::spawn(async move { objects.complete_upload(request).await });
        committed.reached().await;
        (gates, committed, upload, parts)
    });
    // The kill: nobody is there to hear that it was committed, and nothing that was under way goes on.
    stopped.go();
    drop(before);
    runtime().block_on(async {
        let store = on(dir.path(), gates.open(), 2).recovered().await;
        let whole = [pattern(5 * MIB, 1), pattern(LENGTH, 3)].concat();
        assert_eq!(store.get("k").await.unwrap(), whole);
        let late = store.objects.abort_upload(&upload).await;
        assert!(matches!(late, Err(ObjectError::NoSuchUpload(_))), "{late:?}");
        let late = store.put_part(&upload, 1, &small("late")).await;
        assert!(matches!(late, Err(ObjectError::NoSuchUpload(_))), "{late:?}");
        store.objects.sweep().await.unwrap();
        // What takes the place of the part that was not listed takes nothing else's.
        store.put("new", &pattern(LENGTH, 4)).await.unwrap();
        assert_eq!(store.get("k").await.unwrap(), whole);
        // The client repeats what it had no answer to.
        assert_eq!(store.complete(&upload, &parts).await.unwrap().size, whole.len() as u64);
        assert_eq!(store.get("k").await.unwrap(), whole);
        assert_eq!(store.get("new").await.unwrap(), pattern(LENGTH, 4));
        for key in ["k", "new"] {
            store.objects.delete(&at(key)).await.unwrap();
        }
        store.assert_empty_volume().await;
    });
}
