//! Objects and buckets: what is put is got, what is refused changes nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_objects::*;
use baleen_types::{ByteRange, Classify, ETag, FaultKind};
use bytes::Bytes;
use common::*;
use futures::StreamExt;
use std::sync::Arc;

/// Sizes around every border: inline, block, segment, unit of reading, file of its own.
const SIZES: [usize; 13] = [
    0, 1, 4095, 4096, 4097, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, 600_000, 2_000_000,
];

#[tokio::test]
async fn what_is_put_is_got() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    for (seed, size) in SIZES.into_iter().enumerate() {
        let bytes = pattern(size, seed);
        for length in [Some(size as u64), None] {
            let put = PutObject {
                length,
                ..put_of("k", &bytes)
            };
            let stored = store.objects.put(put).await.unwrap();
            assert_eq!(stored.size, size as u64);
            let checksum = stored.checksum.unwrap();
            assert_eq!(checksum.checksum.algorithm(), ChecksumAlgorithm::Crc64Nvme);
            assert_eq!(store.get("k").await.unwrap(), bytes, "{size}");
            let (head, _) = store.objects.head(&at("k"), Selection::Whole).await.unwrap();
            assert_eq!((head.size, &head.etag, head.parts), (size as u64, &stored.etag, None));
            for (first, last) in [(0u64, 0u64), (1, 5000), (4096, 70_000), (size as u64 / 2, u64::MAX)] {
                let range = Selection::Range(ByteRange::Between { first, last });
                let got = store.select("k", range).await;
                if first >= size as u64 {
                    assert!(matches!(got, Err(ObjectError::InvalidRange { .. })));
                } else {
                    let end = size.min(usize::try_from(last.saturating_add(1)).unwrap());
                    assert_eq!(
                        got.unwrap(),
                        bytes[usize::try_from(first).unwrap()..end],
                        "{size} {first} {last}"
                    );
                }
            }
            let usage = store.objects.bucket_usage(&bucket("bucket")).await.unwrap();
            assert_eq!(
                usage,
                BucketUsage {
                    objects: 1,
                    bytes: size as u64,
                    ..BucketUsage::default()
                }
            );
        }
    }
    assert_eq!(
        store
            .objects
            .put(put_of("e", &Bytes::new()))
            .await
            .unwrap()
            .etag
            .as_str(),
        "d41d8cd98f00b204e9800998ecf8427e"
    );
    assert!(store.objects.delete(&at("k")).await.unwrap().existed);
    assert!(!store.objects.delete(&at("k")).await.unwrap().existed);
    assert!(matches!(store.get("k").await, Err(ObjectError::NoSuchKey(_))));
    store.assert_empty_volume().await;
}

#[tokio::test]
async fn buckets() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let region = baleen_types::RegionName::parse("eu-1").unwrap();
    let create = |owner, name| CreateBucket {
        owner: account(owner),
        name: bucket(name),
        region: region.clone(),
        object_lock: false,
    };
    let make = |owner, name| store.objects.create_bucket(create(owner, name));
    assert!(matches!(
        make(1, "bucket").await,
        Err(ObjectError::BucketAlreadyOwnedByYou(_))
    ));
    assert!(matches!(
        make(2, "bucket").await,
        Err(ObjectError::BucketAlreadyExists(_))
    ));
    let made = make(2, "second").await.unwrap();
    assert_eq!(store.objects.head_bucket(&bucket("second")).await.unwrap(), made);
    make(1, "another").await.unwrap();
    let names = |list: Vec<Bucket>| list.into_iter().map(|b| b.name.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(
        names(store.objects.list_buckets(account(1)).await.unwrap()),
        ["another", "bucket"]
    );
    assert_eq!(store.objects.list_buckets(account(2)).await.unwrap(), [made]);
    assert_eq!(store.objects.list_buckets(account(3)).await.unwrap(), []);
    store.put("a", &pattern(5000, 1)).await.unwrap();
    assert!(matches!(
        store.objects.delete_bucket(&bucket("bucket")).await,
        Err(ObjectError::BucketNotEmpty(_))
    ));
    store.objects.delete(&at("a")).await.unwrap();
    let upload = store.begin("half").await;
    store.put_part(&upload, 1, &pattern(100_000, 1)).await.unwrap();
    store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
    assert!(matches!(store.get("a").await, Err(ObjectError::NoSuchBucket(_))));
    assert!(matches!(
        store.objects.delete_bucket(&bucket("bucket")).await,
        Err(ObjectError::NoSuchBucket(_))
    ));
    store.assert_empty_volume().await;
    // The names of the buckets of captures are their account's before they are made.
    let kept = captures_bucket(account(1));
    assert_eq!(kept.as_str(), format!("baleen-captures-{}", account(1)));
    assert!(matches!(
        make(2, kept.as_str()).await,
        Err(ObjectError::BucketAlreadyExists(_))
    ));
    make(1, kept.as_str()).await.unwrap();
    make(2, "baleen-captures-of-mine").await.unwrap();
    // A bucket of the same name is another bucket.
    make(2, "bucket").await.unwrap();
    assert!(matches!(
        store.put_part(&upload, 2, &small("x")).await,
        Err(ObjectError::NoSuchUpload(_))
    ));
    assert_eq!(store.keys().await, [""; 0]);
}

#[tokio::test]
async fn a_bucket_deleted_during_a_put_does_not_get_the_object() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let (sender, receiver) = futures::channel::oneshot::channel::<()>();
    let last = futures::stream::once(async move {
        receiver.await.unwrap();
        Ok(pattern(5000, 2))
    });
    let put = PutObject {
        body: Box::pin(body(&pattern(5000, 1)).chain(last)),
        length: None,
        ..put_of("k", &Bytes::new())
    };
    let (outcome, ()) = futures::join!(store.objects.put(put), async {
        store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
        store.make_bucket("bucket").await;
        sender.send(()).unwrap();
    });
    assert!(matches!(outcome, Err(ObjectError::NoSuchBucket(_))), "{outcome:?}");
    assert_eq!(store.keys().await, [""; 0]);
    store.assert_empty_volume().await;
}

#[tokio::test]
async fn a_refused_put_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    for size in [100, 50_000, 500_000] {
        let (old, new) = (pattern(size, 1), pattern(size, 2));
        store.put("k", &old).await.unwrap();
        let md5 = |bytes: &Bytes| {
            use md5::Digest as _;
            Some(md5::Md5::digest(bytes).into())
        };
        let n = size as u64;
        let broken = |kind| -> Body {
            let error = BodyError::new(kind, "the line broke");
            Box::pin(body(&new.slice(..size / 2)).chain(futures::stream::iter([Err(error)])))
        };
        let wrong = Checksum::parse(
            ChecksumAlgorithm::Sha256,
            "uzbBRoYAgN7yiuoYiZFk6kfOPcFad8E8uxFLXfuKVsA=",
        )
        .unwrap();
        let late = |checksum: Option<Checksum>, algorithm| Expect {
            late: Some(Box::new(move || Ok(checksum))),
            checksum_algorithm: algorithm,
            ..Expect::default()
        };
        let long = "x".repeat(2100);
        let too_much = ObjectHeaders {
            user: [("a".to_owned(), long)].into(),
            ..Default::default()
        };
        let put = || put_of("k", &new);
        let cases: Vec<(&str, PutObject, FaultKind)> = vec![
            (
                "short",
                PutObject {
                    length: Some(n + 1),
                    ..put()
                },
                FaultKind::Invalid,
            ),
            (
                "long",
                PutObject {
                    length: Some(n - 1),
                    ..put()
                },
                FaultKind::Invalid,
            ),
            (
                "md5",
                PutObject {
                    expect: Expect {
                        md5: md5(&old),
                        ..Expect::default()
                    },
                    ..put()
                },
                FaultKind::Invalid,
            ),
            (
                "checksum",
                PutObject {
                    expect: Expect {
                        checksum: Some(wrong.clone()),
                        ..Expect::default()
                    },
                    ..put()
                },
                FaultKind::Invalid,
            ),
            (
                "trailer",
                PutObject {
                    expect: late(Some(wrong.clone()), Some(ChecksumAlgorithm::Sha256)),
                    ..put()
                },
                FaultKind::Invalid,
            ),
            (
                "trailer not announced",
                PutObject {
                    expect: late(Some(wrong.clone()), None),
                    ..put()
                },
                FaultKind::Invalid,
            ),
            (
                "broken",
                PutObject {
                    body: broken(FaultKind::Invalid),
                    ..put()
                },
                FaultKind::Invalid,
            ),
            (
                "broken, length unknown",
                PutObject {
                    body: broken(FaultKind::Unavailable),
                    length: None,
                    ..put()
                },
                FaultKind::Unavailable,
            ),
            (
                "if absent",
                PutObject {
                    condition: WriteCondition::IfAbsent,
                    ..put()
                },
                FaultKind::Precondition,
            ),
            (
                "if match",
                PutObject {
                    condition: WriteCondition::IfMatch(ETag::from_md5([0; 16])),
                    ..put()
                },
                FaultKind::Precondition,
            ),
            (
                "metadata",
                PutObject {
                    headers: too_much,
                    ..put()
                },
                FaultKind::TooLarge,
            ),
            (
                "too large",
                PutObject {
                    length: Some(limits::PUT_BYTES_MAX + 1),
                    ..put()
                },
                FaultKind::TooLarge,
            ),
        ];
        for (what, request, kind) in cases {
            let error = store.objects.put(request).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{what}: {error}");
            assert_eq!(store.get("k").await.unwrap(), old, "{what}");
        }
        // And what is right passes.
        let expect = Expect {
            md5: md5(&new),
            checksum_algorithm: Some(ChecksumAlgorithm::Sha1),
            ..Expect::default()
        };
        let etag = store.objects.put(PutObject { expect, ..put() }).await.unwrap().etag;
        store
            .objects
            .put(PutObject {
                condition: WriteCondition::IfMatch(etag),
                ..put()
            })
            .await
            .unwrap();
        assert!(matches!(
            store
                .objects
                .put(PutObject {
                    condition: WriteCondition::IfMatch(ETag::from_md5([0; 16])),
                    ..put_of("none", &new)
                })
                .await,
            Err(ObjectError::NoSuchKey(_))
        ));
        store.objects.delete(&at("k")).await.unwrap();
        store
            .objects
            .put(PutObject {
                condition: WriteCondition::IfAbsent,
                ..put()
            })
            .await
            .unwrap();
        assert_eq!(store.get("k").await.unwrap(), new);
        store.objects.delete(&at("k")).await.unwrap();
        store.assert_empty_volume().await;
    }
}

#[tokio::test]
async fn a_dropped_put_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    for size in [2000, 100_000, 1_000_000] {
        let endless: Body = Box::pin(body(&pattern(size, 1)).chain(futures::stream::pending()));
        let put = store.objects.put(PutObject {
            body: endless,
            length: Some(size as u64 + 1),
            ..put_of("k", &Bytes::new())
        });
        tokio::time::timeout(std::time::Duration::from_millis(50), put)
            .await
            .unwrap_err();
        store.assert_empty_volume().await;
        assert_eq!(store.keys().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_reader_sees_one_version_whatever_happens_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    for size in [3000, 200_000, 2_000_000] {
        let old = pattern(size, 1);
        store.put("k", &old).await.unwrap();
        let open = store.objects.open(&at("k"), Selection::Whole).await.unwrap();
        store.put("k", &pattern(size, 2)).await.unwrap();
        store.objects.delete(&at("k")).await.unwrap();
        store.put("other", &pattern(size, 3)).await.unwrap();
        assert_eq!(read(open.body).await.unwrap(), old);
        store.objects.delete(&at("other")).await.unwrap();
    }
    store.assert_empty_volume().await;
}

#[tokio::test]
async fn headers_and_checksums_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let headers = ObjectHeaders {
        content_type: Some("application/vnd.tcpdump.pcap".into()),
        cache_control: Some("no-store".into()),
        content_disposition: Some("attachment".into()),
        content_encoding: Some("gzip".into()),
        content_language: Some("cy".into()),
        expires: Some("Thu, 01 Dec 1994 16:00:00 GMT".into()),
        user: [
            ("x-amz-meta-like".to_owned(), "inner".to_owned()),
            ("etag".to_owned(), "faked".to_owned()),
        ]
        .into(),
    };
    let bytes = small("Hello world\n123\n");
    for (algorithm, base64) in [
        (ChecksumAlgorithm::Crc32, "uWvPlg=="),
        (ChecksumAlgorithm::Crc32c, "Cy8XOQ=="),
        (ChecksumAlgorithm::Sha1, "LupGMeUw441P/33BhJlOZVSBpVg="),
        (
            ChecksumAlgorithm::Sha256,
            "uzbBRoYAgN7yiuoYiZFk6kfOPcFad8E8uxFLXfuKVsA=",
        ),
    ] {
        let checksum = Checksum::parse(algorithm, base64).unwrap();
        let expect = Expect {
            checksum: Some(checksum.clone()),
            ..Expect::default()
        };
        let put = PutObject {
            headers: headers.clone(),
            expect,
            ..put_of("k", &bytes)
        };
        assert_eq!(
            store.objects.put(put).await.unwrap().checksum.unwrap().to_text(),
            base64
        );
        let (head, _) = store.objects.head(&at("k"), Selection::Whole).await.unwrap();
        assert_eq!(head.headers, headers);
        assert_eq!(head.checksum.unwrap(), StoredChecksum::full(checksum));
        assert_ne!(head.etag.as_str(), "faked");
    }
}

#[tokio::test]
async fn copies() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let named = |text: &str| ObjectHeaders {
        content_type: Some(text.into()),
        ..Default::default()
    };
    for size in [10, 100_000, 600_000] {
        let bytes = pattern(size, 1);
        store
            .objects
            .put(PutObject {
                headers: named("old"),
                ..put_of("a", &bytes)
            })
            .await
            .unwrap();
        let copy = |to: &str, headers| CopyObject {
            headers,
            ..copy_of(at("a"), to)
        };
        store.objects.copy(copy("b", Directive::Copy)).await.unwrap();
        store
            .objects
            .copy(copy("c", Directive::Replace(named("new"))))
            .await
            .unwrap();
        assert!(matches!(
            store.objects.copy(copy("a", Directive::Copy)).await,
            Err(ObjectError::CopyOntoItself)
        ));
        let other = CopyObject {
            source_if_match: vec![ETag::from_md5([0; 16])],
            ..copy("d", Directive::Copy)
        };
        assert!(matches!(
            store.objects.copy(other).await,
            Err(ObjectError::PreconditionFailed(_))
        ));
        store.clock.advance(std::time::Duration::from_secs(1));
        let restated = store
            .objects
            .copy(copy("a", Directive::Replace(named("restated"))))
            .await
            .unwrap();
        let sha = CopyObject {
            checksum_algorithm: Some(ChecksumAlgorithm::Sha256),
            ..copy("a", Directive::Replace(named("sha")))
        };
        for (key, content_type) in [("a", "restated"), ("b", "old"), ("c", "new")] {
            let (head, _) = store.objects.head(&at(key), Selection::Whole).await.unwrap();
            assert_eq!(head.headers.content_type.as_deref(), Some(content_type));
            assert_eq!(head.etag, restated.etag);
            assert_eq!(store.get(key).await.unwrap(), bytes);
        }
        let again = store.objects.copy(sha).await.unwrap();
        assert_eq!(again.checksum.unwrap().checksum.algorithm(), ChecksumAlgorithm::Sha256);
        assert_eq!(store.get("a").await.unwrap(), bytes);
        for key in ["a", "b", "c"] {
            store.objects.delete(&at(key)).await.unwrap();
        }
        store.assert_empty_volume().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_of_one_key_leave_one_whole_object() {
    let dir = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(model(dir.path()).with_bucket().await);
    let writers = (0..16usize).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for round in 0..10 {
                if (writer + round) % 5 == 0 {
                    store.objects.delete(&at("k")).await.unwrap();
                } else {
                    store.put("k", &pattern(10_000 * (writer % 4), writer)).await.unwrap();
                }
                match store.get("k").await {
                    Ok(bytes) => assert!((0..16).any(|seed| bytes == pattern(bytes.len(), seed))),
                    Err(error) => assert!(matches!(error, ObjectError::NoSuchKey(_)), "{error}"),
                }
            }
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer.unwrap();
    }
    let winners = (0..20).map(|_| {
        store.objects.put(PutObject {
            condition: WriteCondition::IfAbsent,
            ..put_of("one", &small("x"))
        })
    });
    let winners = futures::future::join_all(winners).await;
    assert_eq!(winners.iter().filter(|w| w.is_ok()).count(), 1);
    let keys = ["k", "one"].map(|k| at(k).into()).into();
    store.objects.delete_many(&bucket("bucket"), keys).await.unwrap();
    assert_eq!(
        store.objects.bucket_usage(&bucket("bucket")).await.unwrap(),
        BucketUsage::default()
    );
    store.assert_empty_volume().await;
}

#[tokio::test]
async fn at_the_quota_a_bucket_of_ones_own_is_still_told_from_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    for n in 1..limits::BUCKETS_PER_ACCOUNT_MAX {
        store.make_bucket(&format!("bucket-{n}")).await;
    }
    let create = |name: &str, owner| {
        let region = baleen_types::RegionName::parse("local").unwrap();
        let name = bucket(name);
        store.objects.create_bucket(CreateBucket {
            owner,
            name,
            region,
            object_lock: false,
        })
    };
    assert!(matches!(
        create("bucket", account(1)).await,
        Err(ObjectError::BucketAlreadyOwnedByYou(_))
    ));
    create("of-another", account(2)).await.unwrap();
    assert!(matches!(
        create("of-another", account(1)).await,
        Err(ObjectError::BucketAlreadyExists(_))
    ));
    assert!(matches!(
        create("one-more", account(1)).await,
        Err(ObjectError::TooManyBuckets { .. })
    ));
}

/// Many that are made at once are no more together than an account may have, though each counts before it is made; and who goes away
/// while his is made leaves it counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn buckets_that_are_made_at_once_are_no_more_than_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path());
    let create = |n: usize| {
        let objects = Arc::clone(&store.objects);
        async move {
            objects
                .create_bucket(CreateBucket {
                    owner: account(1),
                    name: bucket(&format!("b{n:04}")),
                    region: baleen_types::RegionName::parse("local").unwrap(),
                    object_lock: false,
                })
                .await
        }
    };
    for n in 0..limits::BUCKETS_PER_ACCOUNT_MAX - 10 {
        create(n).await.unwrap();
    }
    let mut tasks = Vec::new();
    for n in limits::BUCKETS_PER_ACCOUNT_MAX..limits::BUCKETS_PER_ACCOUNT_MAX + 100 {
        let task = tokio::spawn(create(n));
        if n % 3 == 0 {
            task.abort();
        }
        tasks.push(task);
    }
    for task in tasks {
        if let Ok(outcome) = task.await {
            assert!(
                matches!(outcome, Ok(_) | Err(ObjectError::TooManyBuckets { .. })),
                "{outcome:?}"
            );
        }
    }
    let made = store.objects.list_buckets(account(1)).await.unwrap().len();
    assert_eq!(made, limits::BUCKETS_PER_ACCOUNT_MAX);
}

#[tokio::test]
async fn keys_are_names_and_never_paths() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let longest = "ü".repeat(512);
    let mut keys = [
        "a",
        "a/b",
        "a/",
        "a//b",
        "../../etc/passwd",
        "/abs",
        "..",
        ".",
        "\0",
        "a\0b",
        "日本",
        "%2e%2e",
        " ",
        "\u{10ffff}",
        &longest,
    ];
    for key in keys {
        store.put(key, &pattern(5000, key.len())).await.unwrap();
    }
    for key in keys {
        assert_eq!(store.get(key).await.unwrap(), pattern(5000, key.len()), "{key:?}");
    }
    keys.sort_unstable();
    assert_eq!(store.keys().await, keys);
    assert!(!dir.path().join("etc").exists());
}
