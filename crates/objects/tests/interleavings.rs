//! Orders of events which a busy store meets once in a while, each tried on purpose.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_objects::ObjectError;
use common::gated::{Point, gated};
use common::{at, bucket, on, small};

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
