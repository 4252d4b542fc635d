//! What accounts have used is counted by every way in which objects come and go, and by nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_objects::{
    AccountUsage, CopyObject, CopyPart, Directive, ObjectError, ObjectHeaders, Purged, Selection, WriteCondition,
};
use baleen_runtime::Clock;
use baleen_types::{ByteRange, Timestamp};
use baleen_usage::{BillingQuery, Day, DayTransfer};
use common::{Store, account, at, bucket, copy_of, model, number, pattern, put_of, read, small};
use futures::StreamExt;
use std::time::Duration;

/// Uploaded, downloaded and deleted bytes of the account's only day.
type Transferred = (u64, u64, u64);

async fn transferred(store: &Store) -> Transferred {
    store.objects.usage().flush().await.unwrap();
    let today = Day::of(store.clock.now());
    let query = BillingQuery::new(today, today).unwrap();
    let report = store
        .objects
        .billing(account(1), Timestamp::EPOCH, query)
        .await
        .unwrap();
    let totals = store.objects.account_usage(account(1)).await.unwrap();
    let now = (report.space[0].used_bytes, report.objects[0].objects);
    assert_eq!(now, (totals.bytes, totals.objects), "today's row is what is there now");
    match report.transfers.get("local").map(Vec::as_slice) {
        None => (0, 0, 0),
        Some(
            [
                DayTransfer {
                    upload_bytes,
                    download_bytes,
                    delete_bytes,
                    ..
                },
            ],
        ) => (*upload_bytes, *download_bytes, *delete_bytes),
        Some(more) => panic!("{more:?}"),
    }
}

/// Uploaded and deleted objects of the last hour.
async fn objects(store: &Store) -> (u64, u64) {
    store.clock.advance(Duration::from_secs(120));
    let live = store.objects.usage().live(account(1)).await.unwrap();
    let sum = |of: fn(&baleen_usage::LiveMinute) -> u64| live.iter().map(of).sum();
    (sum(|m| m.uploaded_objects), sum(|m| m.deleted_objects))
}

fn copy(from: &str, to: &str, headers: Directive<ObjectHeaders>) -> CopyObject {
    CopyObject {
        headers,
        ..copy_of(at(from), to)
    }
}

#[tokio::test]
async fn every_way_in_and_out_is_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    // An inline body, one in a segment, one in a file of its own.
    for (size, seed) in [(900, 1), (30_000, 2), (400_000, 3)] {
        store.put(&format!("k{seed}"), &pattern(size, seed)).await.unwrap();
    }
    assert_eq!(transferred(&store).await, (430_900, 0, 0));
    store.put("empty", &small("")).await.unwrap();
    assert_eq!(objects(&store).await, (4, 0));
    // An overwrite removes what was there.
    store.put("k1", &pattern(100, 4)).await.unwrap();
    assert_eq!(transferred(&store).await, (431_000, 0, 900));
    // Deleting what is not there, and a put that is refused at its end, are nothing.
    assert!(!store.objects.delete(&at("nothing")).await.unwrap().existed);
    let mut refused = put_of("k1", &pattern(50, 5));
    refused.expect.md5 = Some([0; 16]);
    assert!(matches!(store.objects.put(refused).await, Err(ObjectError::BadDigest)));
    let mut refused = put_of("k1", &pattern(50, 5));
    refused.condition = WriteCondition::IfAbsent;
    assert!(matches!(
        store.objects.put(refused).await,
        Err(ObjectError::PreconditionFailed(_))
    ));
    assert_eq!(transferred(&store).await, (431_000, 0, 900));
    // A copy transfers nothing, but what it replaces goes; new headers alone move nothing at all.
    store.objects.copy(copy("k2", "k9", Directive::Copy)).await.unwrap();
    store.objects.copy(copy("k2", "k1", Directive::Copy)).await.unwrap();
    let headers = ObjectHeaders {
        content_type: Some("text/plain".into()),
        ..ObjectHeaders::default()
    };
    store
        .objects
        .copy(copy("k2", "k2", Directive::Replace(headers)))
        .await
        .unwrap();
    assert_eq!(transferred(&store).await, (431_000, 0, 1000));
    let keys = ["k1", "k2", "k3", "k9", "gone"].map(|key| at(key).into()).to_vec();
    store.objects.delete_many(&bucket("bucket"), keys).await.unwrap();
    assert_eq!(transferred(&store).await, (431_000, 0, 1000 + 3 * 30_000 + 400_000));
    assert_eq!(objects(&store).await, (5, 6));
    let left = store.objects.account_usage(account(1)).await.unwrap();
    let expected = AccountUsage {
        buckets: 1,
        objects: 1,
        bytes: 0,
    };
    assert_eq!(left, expected);
    assert_eq!(
        store.objects.account_usage(account(2)).await.unwrap(),
        AccountUsage::default()
    );
}

#[tokio::test]
async fn an_upload_in_parts_counts_when_it_is_completed_and_only_what_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.put("source", &pattern(70_000, 9)).await.unwrap();
    let upload = store.begin("parts").await;
    let five_mib = pattern(5 << 20, 1);
    let one = store.put_part(&upload, 1, &five_mib).await.unwrap();
    store.put_part(&upload, 2, &pattern(1000, 2)).await.unwrap();
    let two = store.put_part(&upload, 2, &pattern(10, 3)).await.unwrap();
    store.put_part(&upload, 3, &pattern(77, 4)).await.unwrap();
    assert_eq!(transferred(&store).await, (70_000, 0, 0));
    let copied = CopyPart {
        key: None,
        source_key: None,
        source_kept: None,
        upload: upload.clone(),
        part: number(2),
        source: at("source").into(),
        source_if_match: Vec::new(),
        range: Some(ByteRange::Between { first: 0, last: 9 }),
    };
    store.objects.copy_part(copied).await.unwrap();
    store.put_part(&upload, 2, &pattern(10, 3)).await.unwrap();
    let done = [one, two];
    for _ in 0..2 {
        // The second is the answer of the first once more.
        store.complete(&upload, &done).await.unwrap();
        assert_eq!(transferred(&store).await, (70_000 + (5 << 20) + 10, 0, 0));
    }
    let aborted = store.begin("aborted").await;
    store.put_part(&aborted, 1, &pattern(500, 6)).await.unwrap();
    store.objects.abort_upload(&aborted).await.unwrap();
    assert_eq!(transferred(&store).await.2, 0);
    store.objects.delete(&at("parts")).await.unwrap();
    assert_eq!(transferred(&store).await, (70_000 + (5 << 20) + 10, 0, (5 << 20) + 10));
}

#[tokio::test]
async fn a_download_is_what_a_reader_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    for (key, size) in [("inline", 900), ("segment", 30_000), ("file", 400_000)] {
        store.put(key, &pattern(size, 1)).await.unwrap();
        store.get(key).await.unwrap();
    }
    let downloaded = async || transferred(&store).await.1;
    assert_eq!(downloaded().await, 430_900);
    let range = Selection::Range(ByteRange::Between { first: 10, last: 19 });
    store.select("segment", range).await.unwrap();
    assert_eq!(downloaded().await, 430_910);
    // Looked at and not read; opened and not read; broken off after the first piece.
    store.objects.head(&at("file"), Selection::Whole).await.unwrap();
    drop(store.objects.open(&at("file"), Selection::Whole).await.unwrap());
    assert_eq!(downloaded().await, 430_910);
    let mut open = store.objects.open(&at("file"), Selection::Whole).await.unwrap();
    let piece = open.body.next().await.unwrap().unwrap().len() as u64;
    assert!(piece < 400_000);
    drop(open);
    assert_eq!(downloaded().await, 430_910 + piece);
    // A reader under way counts when it ends.
    let open = store.objects.open(&at("inline"), Selection::Whole).await.unwrap();
    assert_eq!(downloaded().await, 430_910 + piece);
    read(open.body).await.unwrap();
    assert_eq!(downloaded().await, 431_810 + piece);
}

#[tokio::test]
async fn a_purge_leaves_nothing_of_the_account_and_all_of_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.make_bucket("second").await;
    for n in 0..1003 {
        store.put(&format!("k{n}"), &small("x")).await.unwrap();
    }
    let upload = store.begin("unfinished").await;
    store.put_part(&upload, 1, &pattern(30_000, 1)).await.unwrap();
    let other = baleen_objects::CreateBucket {
        owner: account(2),
        name: bucket("foreign"),
        region: baleen_types::RegionName::parse("local").unwrap(),
        object_lock: false,
    };
    store.objects.create_bucket(other).await.unwrap();
    let purged = store.objects.purge_account(account(1)).await.unwrap();
    let expected = Purged {
        objects: 1003,
        buckets: 2,
        buckets_left: 0,
    };
    assert_eq!(purged, expected);
    assert_eq!(
        store.objects.purge_account(account(1)).await.unwrap(),
        Purged::default()
    );
    assert_eq!(
        store.objects.account_usage(account(1)).await.unwrap(),
        AccountUsage::default()
    );
    assert!(store.objects.head_bucket(&bucket("foreign")).await.is_ok());
    store.assert_empty_volume().await;
    // What it had used stays in the reports.
    let (uploaded, _, deleted) = transferred(&store).await;
    assert_eq!((uploaded, deleted), (1003, 1003));
}
