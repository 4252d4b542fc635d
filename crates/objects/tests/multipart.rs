//! Multipart uploads as clients drive them, with their races and repetitions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::Scan;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_objects::{
    BucketUsage, Checksum, ChecksumAlgorithm, ChecksumKind, CompleteUpload, CompletedPart, CopyPart, CreateUpload,
    Expect, ListParts, ListUploads, ObjectError, ObjectHeaders, PutPart, Selection, Tags, UploadMarker, WriteCondition,
    limits,
};
use baleen_types::{ByteRange, ETag};
use bytes::Bytes;
use common::{MIB, Store, at, bucket, complete_of, durable, listed, model, number, pattern, small};
use std::sync::Arc;

/// Five MiB and a little, different for each seed and quick to make.
fn big(seed: u8) -> Bytes {
    let mut bytes = vec![seed; 5 * MIB + usize::from(seed)];
    bytes[..8].copy_from_slice(&[seed, 0, 1, 2, 3, 4, 5, 6]);
    bytes.into()
}

#[tokio::test]
async fn an_object_of_parts() {
    let dir = tempfile::tempdir().unwrap();
    let store = durable(dir.path(), 1).with_bucket().await;
    let upload = store.begin("k").await;
    let (a, b, tail) = (big(1), big(2), small("tail"));
    let last = store.put_part(&upload, 9, &tail).await.unwrap();
    let first = store.put_part(&upload, 1, &a).await.unwrap();
    store.put_part(&upload, 4, &small("replaced")).await.unwrap();
    let middle = store.put_part(&upload, 4, &b).await.unwrap();
    store.put_part(&upload, 5, &pattern(200_000, 5)).await.unwrap();
    assert!(matches!(store.get("k").await, Err(ObjectError::NoSuchKey(_))));
    let parts = [first, middle, last];
    let stored = store.complete(&upload, &parts).await.unwrap();
    let whole: Bytes = [&a[..], &b, &tail].concat().into();
    assert_eq!(store.get("k").await.unwrap(), whole);
    assert_eq!(
        (stored.size, stored.etag.as_str().ends_with("-3")),
        (whole.len() as u64, true)
    );
    let usage = store.objects.bucket_usage(&bucket("bucket")).await.unwrap();
    assert_eq!(
        usage,
        BucketUsage {
            objects: 1,
            bytes: whole.len() as u64,
            ..BucketUsage::default()
        }
    );
    for (part, bytes) in [(1, &a), (4, &b), (9, &tail)] {
        assert_eq!(store.select("k", Selection::Part(number(part))).await.unwrap(), bytes);
    }
    let none = store.select("k", Selection::Part(number(5))).await;
    assert!(matches!(none, Err(ObjectError::InvalidPartNumber { .. })));
    let border = a.len() as u64;
    let across = ByteRange::Between {
        first: border - 3,
        last: border + 2,
    };
    assert_eq!(
        store.select("k", Selection::Range(across)).await.unwrap(),
        whole[a.len() - 3..a.len() + 3]
    );
    // The answer was lost and the client repeats: the same answer; another list is no repetition.
    assert_eq!(store.complete(&upload, &parts).await.unwrap(), stored);
    assert!(matches!(
        store.complete(&upload, &parts[..2]).await,
        Err(ObjectError::NoSuchUpload(_))
    ));
    // An abort that comes late does not touch the object (F16), nor does a part.
    assert!(matches!(
        store.objects.abort_upload(&upload).await,
        Err(ObjectError::NoSuchUpload(_))
    ));
    assert!(matches!(
        store.put_part(&upload, 1, &tail).await,
        Err(ObjectError::NoSuchUpload(_))
    ));
    assert_eq!(store.get("k").await.unwrap(), whole);
    store
        .clock
        .advance(limits::COMPLETED_UPLOAD_KEPT + std::time::Duration::from_secs(1));
    store.objects.sweep().await.unwrap();
    assert!(matches!(
        store.complete(&upload, &parts).await,
        Err(ObjectError::NoSuchUpload(_))
    ));
    assert_eq!(store.get("k").await.unwrap(), whole);
    store.objects.delete(&at("k")).await.unwrap();
    store.assert_empty_volume().await;
}

#[tokio::test]
async fn more_parts_than_a_record_takes() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let upload = store.begin("k").await;
    let mut parts = Vec::new();
    let mut whole = Vec::new();
    for n in 1..=20u8 {
        let bytes = big(n);
        parts.push(store.put_part(&upload, u32::from(n), &bytes).await.unwrap());
        whole.extend_from_slice(&bytes);
    }
    store.complete(&upload, &parts).await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), whole);
    assert_eq!(store.select("k", Selection::Part(number(20))).await.unwrap(), big(20));
    let tail = Selection::Range(ByteRange::Suffix { bytes: 6 << 20 });
    assert_eq!(store.select("k", tail).await.unwrap(), whole[whole.len() - 6 * MIB..]);
    store.put("k", &small("short")).await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), small("short"));
    store.assert_empty_volume().await;
    assert_eq!(store.objects.sweep().await.unwrap().garbage_collected, 0);
}

#[tokio::test]
async fn aborts_and_refused_completions() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.put("k", &small("old")).await.unwrap();
    let upload = store.begin("k").await;
    let one = store.put_part(&upload, 1, &pattern(300_000, 1)).await.unwrap();
    let two = store.put_part(&upload, 2, &small("2")).await.unwrap();
    let complete = |parts: Vec<CompletedPart>| CompleteUpload {
        parts,
        ..complete_of(&upload, &[])
    };
    let wrong = CompletedPart {
        etag: ETag::from_md5([0; 16]),
        ..listed(&two)
    };
    for request in [
        complete(vec![]),
        complete(vec![listed(&two), listed(&one)]),
        complete(vec![listed(&one), listed(&two)]),
        complete(vec![wrong]),
        CompleteUpload {
            condition: WriteCondition::IfAbsent,
            ..complete(vec![listed(&one)])
        },
    ] {
        assert!(
            store.objects.complete_upload(request.clone()).await.is_err(),
            "{request:?}"
        );
        assert_eq!(store.get("k").await.unwrap(), small("old"));
    }
    let other = baleen_objects::UploadPath {
        at: at("another"),
        upload: upload.upload,
    };
    assert!(matches!(
        store.complete(&other, &[one]).await,
        Err(ObjectError::NoSuchUpload(_))
    ));
    assert!(matches!(
        store.objects.abort_upload(&other).await,
        Err(ObjectError::NoSuchUpload(_))
    ));
    store.objects.abort_upload(&upload).await.unwrap();
    assert!(matches!(
        store.objects.abort_upload(&upload).await,
        Err(ObjectError::NoSuchUpload(_))
    ));
    store.assert_empty_volume().await;
    assert_eq!(store.get("k").await.unwrap(), small("old"));
}

#[tokio::test]
async fn checksums_of_uploads() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let create = |algorithm, kind| CreateUpload {
        initiator: None,
        encrypt: baleen_objects::Encrypt::AsBucket,
        at: at("k"),
        headers: ObjectHeaders::default(),
        lock: baleen_objects::Lock::default(),
        tags: Tags::default(),
        checksum_algorithm: algorithm,
        checksum_kind: kind,
        acl: baleen_types::Acl::default(),
    };
    let sha = create(Some(ChecksumAlgorithm::Sha256), Some(ChecksumKind::FullObject));
    assert!(matches!(
        store.objects.create_upload(sha).await,
        Err(ObjectError::ChecksumNotAllowed(_))
    ));
    let bytes = small("Hello world\n123\n");
    let crc32 = Checksum::parse(ChecksumAlgorithm::Crc32, "uWvPlg==").unwrap();
    let part_of = |path, checksum| PutPart {
        key: None,
        upload: path,
        part: number(1),
        body: common::body(&bytes),
        length: None,
        expect: Expect {
            checksum,
            ..Expect::default()
        },
    };
    let upload = store
        .objects
        .create_upload(create(Some(ChecksumAlgorithm::Crc32c), None))
        .await
        .unwrap();
    assert_eq!(
        (upload.checksum_kind, upload.checksum_chosen),
        (ChecksumKind::Composite, true)
    );
    let foreign = store
        .objects
        .put_part(part_of(upload.path.clone(), Some(crc32.clone())))
        .await;
    assert!(matches!(foreign, Err(ObjectError::ChecksumNotAllowed(_))));
    // Without a chosen algorithm, a client may send what it likes; the object gets the usual one over all bytes.
    let upload = store.objects.create_upload(create(None, None)).await.unwrap();
    assert_eq!(
        (upload.checksum_kind, upload.checksum_chosen),
        (ChecksumKind::FullObject, false)
    );
    let part = store
        .objects
        .put_part(part_of(upload.path.clone(), Some(crc32.clone())))
        .await
        .unwrap();
    let line = CompletedPart {
        checksum: Some(crc32),
        ..listed(&part)
    };
    let request = CompleteUpload {
        parts: vec![line],
        size: Some(16),
        ..complete_of(&upload.path, &[])
    };
    let stored = store.objects.complete_upload(request).await.unwrap();
    let checksum = stored.checksum.unwrap();
    assert_eq!((checksum.kind, checksum.parts), (ChecksumKind::FullObject, None));
    assert_eq!(checksum.checksum, part.checksum);
}

#[tokio::test]
async fn parts_are_copied() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let source = pattern(300_000, 1);
    store.put("source", &source).await.unwrap();
    let upload = store.begin("k").await;
    let copy = |range| CopyPart {
        key: None,
        source_key: None,
        source_kept: None,
        source: at("source").into(),
        range,
        source_if_match: Vec::new(),
        upload: upload.clone(),
        part: number(1),
    };
    let range = |first, last| Some(ByteRange::Between { first, last });
    let outside = store.objects.copy_part(copy(range(0, 300_000))).await;
    assert!(matches!(outside, Err(ObjectError::InvalidRange { size: 300_000 })));
    store.objects.copy_part(copy(None)).await.unwrap();
    let part = store.objects.copy_part(copy(range(100, 299_999))).await.unwrap();
    store.complete(&upload, &[part]).await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), source[100..]);
}

#[tokio::test]
async fn parts_and_uploads_are_listed_page_by_page() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let upload = store.begin("a").await;
    for part in [7, 1, 3, 10_000] {
        store.put_part(&upload, part, &small("x")).await.unwrap();
    }
    for size in 1..=5 {
        let mut seen = Vec::new();
        let mut after = 0;
        loop {
            let request = ListParts {
                upload: upload.clone(),
                after,
                max_parts: size,
            };
            let page = store.objects.list_parts(request).await.unwrap();
            assert!(page.parts.len() <= size);
            seen.extend(page.parts.iter().map(|part| part.number.get()));
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!(seen, [1, 3, 7, 10_000], "{size}");
    }
    for key in ["a", "a\0", "a/b", "a/c", "b/c", "a"] {
        store.clock.advance(std::time::Duration::from_millis(5));
        store.begin(key).await;
    }
    for (prefix, delimiter, want) in [
        ("", "", "a a a a\0 a/b a/c b/c"),
        ("a", "", "a a a a\0 a/b a/c"),
        ("", "/", "a a a a\0 [a/] [b/]"),
        ("a/", "/", "a/b a/c"),
        ("c", "", ""),
    ] {
        for size in 1..=7 {
            assert_eq!(
                list_uploads(&store, prefix, delimiter, size).await,
                want,
                "{prefix:?} {delimiter:?} {size}"
            );
        }
    }
}

/// All pages of a bucket's uploads: keys, then common prefixes in brackets.
async fn list_uploads(store: &Store, prefix: &str, delimiter: &str, size: usize) -> String {
    let (mut keys, mut prefixes, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    let mut after: Option<UploadMarker> = None;
    loop {
        let request = ListUploads {
            bucket: bucket("bucket"),
            prefix: prefix.into(),
            delimiter: delimiter.into(),
            after,
            max_uploads: size,
        };
        let page = store.objects.list_uploads(request).await.unwrap();
        assert!(page.uploads.len() + page.common_prefixes.len() <= size);
        keys.extend(page.uploads.iter().map(|upload| upload.path.at.key.as_str().to_owned()));
        ids.extend(
            page.uploads
                .iter()
                .map(|upload| (upload.path.at.key.clone(), upload.initiated)),
        );
        prefixes.extend(page.common_prefixes.iter().map(|prefix| format!("[{prefix}]")));
        after = page.next;
        if after.is_none() {
            assert!(ids.is_sorted(), "by key, then by begin");
            keys.extend(prefixes);
            return keys.join(" ");
        }
    }
}

/// Parts are written again and again while the upload is completed and aborted: what comes out is one of the states
/// that some order of the calls gives, and no byte is left (F17).
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn races_of_one_upload() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(model(dir.path()).with_bucket().await);
    for round in 0..12usize {
        let upload = store.begin("k").await;
        let first = store.put_part(&upload, 1, &pattern(100_000, round)).await.unwrap();
        let writer = {
            let (store, upload) = (store.clone(), upload.clone());
            tokio::spawn(async move {
                for seed in 0..6 {
                    match store.put_part(&upload, 1, &pattern(100_000, 100 + seed)).await {
                        Ok(_) | Err(ObjectError::NoSuchUpload(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        };
        let ender = {
            let (store, upload) = (store.clone(), upload.clone());
            tokio::spawn(async move {
                match round % 3 {
                    0 => drop(store.objects.abort_upload(&upload).await),
                    1 => tokio::task::yield_now().await,
                    _ => {}
                }
            })
        };
        let completed = store.complete(&upload, &[first]).await;
        writer.await.unwrap();
        ender.await.unwrap();
        match completed {
            Ok(_) => assert_eq!(store.get("k").await.unwrap(), pattern(100_000, round)),
            Err(ObjectError::InvalidPart { .. } | ObjectError::NoSuchUpload(_)) => {}
            Err(error) => panic!("{error}"),
        }
        drop(store.objects.abort_upload(&upload).await);
        store.objects.delete(&at("k")).await.unwrap();
        store.assert_empty_volume().await;
    }
}

/// Unfinished uploads of all buckets, of which nobody is told any more when their bucket is gone.
async fn uploads_left(store: &Store) -> usize {
    let uploads = KeyWriter::new(Table::Upload).finish();
    store.meta.scan(Scan::prefix(&uploads).keys_only()).await.unwrap().len()
}

#[tokio::test]
async fn the_deletion_of_a_bucket_leaves_many_uploads_to_the_sweep() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let most = limits::UPLOADS_ABORTED_WITH_BUCKET_MAX;
    for n in 0..most + 5 {
        let upload = store.begin(&format!("{n:03}")).await;
        store.put_part(&upload, 1, &pattern(5000, n)).await.unwrap();
    }
    store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
    assert_eq!(uploads_left(&store).await, 5);
    store.objects.sweep().await.unwrap();
    assert_eq!(uploads_left(&store).await, 0);
    assert_eq!(store.objects.sweep().await.unwrap().garbage_collected, 0);
    store.assert_empty_volume().await;
}
