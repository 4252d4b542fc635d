//! Renaming: one commit, no copy, every layout of a body, and the counters.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::Scan;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_objects::limits::RENAME_TOKEN_KEPT;
use baleen_objects::{
    BucketUsage, Checksum, ChecksumAlgorithm, CreateUpload, DeleteObject, Encrypt, Lock, ObjectError, ObjectHead,
    ObjectHeaders, PutObject, RenameObject, RenameToken, Selection, Tags, WriteCondition,
};
use baleen_types::{AccountId, Acl, ETag, Grant, Grantee, ObjectKey, Permission};
use bytes::Bytes;
use common::gated::{Point, gated};
use common::{MIB, Store, at, bucket, durable, model, on, pattern, put_of, small};
use std::time::Duration;

fn rename(from: &str, to: &str) -> RenameObject {
    RenameObject {
        from: at(from),
        to: ObjectKey::parse(to).unwrap(),
        meant: None,
        condition: WriteCondition::None,
        token: None,
    }
}

/// A renaming with a token of an account, and all that it asks for.
fn named(from: &str, to: &str, (number, token, asked): (u64, u8, u8)) -> RenameObject {
    RenameObject {
        token: Some(RenameToken {
            account: AccountId::from_entropy(number),
            token: [token; 32],
            asked: [asked; 32],
        }),
        ..rename(from, to)
    }
}

/// Sent twice at a time, a renaming is done for both: also when one has looked for it before the other did it, and finds no source.
#[tokio::test]
async fn a_renaming_that_its_twin_has_done_is_done() {
    for condition in [WriteCondition::None, WriteCondition::IfAbsent] {
        let dir = tempfile::tempdir().unwrap();
        let (meta, gates) = gated();
        let store = on(dir.path(), meta, 1).with_bucket().await;
        store.put("a", &pattern(10, 1)).await.unwrap();
        let asked = || RenameObject {
            condition: condition.clone(),
            ..named("a", "b", (1, 7, 1))
        };
        let mut looked = gates.stop_at(Point::Read);
        let (objects, twin) = (store.objects.clone(), asked());
        let late = tokio::spawn(async move { objects.rename(twin).await });
        looked.reached().await;
        store.objects.rename(asked()).await.unwrap();
        looked.go();
        late.await.unwrap().unwrap();
        assert_eq!(store.keys().await, ["b"]);
        let other = store.objects.rename(rename("a", "b")).await;
        assert!(matches!(other, Err(ObjectError::NoSuchKey(_))), "{other:?}");
    }
}

/// The same renaming, sent again since its answer was lost, is done: also after a restart, and whoever was first. It is the
/// commit of the renaming that remembers it.
#[tokio::test]
async fn a_renaming_is_known_again_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = durable(dir.path(), 1).with_bucket().await;
    store.put("a", &pattern(10, 1)).await.unwrap();
    let first = || named("a", "b", (1, 7, 1));
    // What is refused is not remembered.
    let refused = RenameObject {
        condition: WriteCondition::IfMatch(ETag::from_md5([0; 16])),
        ..first()
    };
    assert!(store.objects.rename(refused).await.is_err());
    assert!(!store.objects.is_renamed(&first().token.unwrap()).await.unwrap());
    let (one, other) = tokio::join!(store.objects.rename(first()), store.objects.rename(first()));
    one.unwrap();
    other.unwrap();
    drop(store);

    let store = durable(dir.path(), 2).recovered().await;
    store.objects.sweep().await.unwrap();
    assert!(store.objects.is_renamed(&first().token.unwrap()).await.unwrap());
    store.objects.rename(first()).await.unwrap();
    let other = store.objects.rename(named("b", "c", (1, 7, 2))).await;
    assert!(matches!(other, Err(ObjectError::RenameTokenMismatch)), "{other:?}");
    assert_eq!(store.keys().await, ["b"]);
    // Of another account it is another token; and so is one that has the same slot.
    assert!(
        !store
            .objects
            .is_renamed(&named("a", "b", (2, 7, 1)).token.unwrap())
            .await
            .unwrap()
    );
    let mut neighbour = named("b", "c", (1, 7, 1));
    neighbour.token.as_mut().unwrap().token[31] = 0;
    store.objects.rename(neighbour).await.unwrap();
    let gone = store.objects.rename(first()).await;
    assert!(matches!(gone, Err(ObjectError::NoSuchKey(_))), "{gone:?}");
    assert_eq!(store.keys().await, ["c"]);

    let of_slots = |store: &Store| {
        let scan = Scan::prefix(&KeyWriter::new(Table::RenameToken).finish());
        let meta = store.meta.clone();
        async move { meta.scan(scan).await.unwrap().len() }
    };
    assert_eq!(of_slots(&store).await, 1);
    store.clock.advance(RENAME_TOKEN_KEPT);
    assert!(!store.objects.is_renamed(&first().token.unwrap()).await.unwrap());
    store.clock.advance(Duration::from_secs(1));
    store.objects.sweep().await.unwrap();
    assert_eq!(of_slots(&store).await, 0);
}

async fn usage(store: &Store) -> BucketUsage {
    store.objects.bucket_usage(&bucket("bucket")).await.unwrap()
}

async fn head(store: &Store, key: &str) -> ObjectHead {
    store.objects.head(&at(key), Selection::Whole).await.unwrap().0
}

/// An object of more parts than its record takes, in pages of their own, with checksums of the parts.
async fn put_in_pages(store: &Store, key: &str) -> Bytes {
    let create = CreateUpload {
        initiator: None,
        at: at(key),
        headers: ObjectHeaders::default(),
        lock: Lock::default(),
        tags: Tags::default(),
        checksum_algorithm: Some(ChecksumAlgorithm::Crc32c),
        checksum_kind: None,
        acl: Acl::default(),
        encrypt: Encrypt::AsBucket,
    };
    let upload = store.objects.create_upload(create).await.unwrap().path;
    let (mut parts, mut all) = (Vec::new(), Vec::new());
    for part in 1..=17_u32 {
        let bytes = pattern(if part == 17 { 100 } else { 5 * MIB }, part as usize);
        parts.push(store.put_part(&upload, part, &bytes).await.unwrap());
        all.extend_from_slice(&bytes);
    }
    store.complete(&upload, &parts).await.unwrap();
    let kept = checksums(store, key).await;
    let sent: Vec<_> = parts.into_iter().map(|part| Some(part.checksum)).collect();
    assert_eq!(kept, sent);
    all.into()
}

async fn checksums(store: &Store, key: &str) -> Vec<Option<Checksum>> {
    let (_, parts) = store.objects.parts_of(&at(key).into(), None).await.unwrap();
    parts.into_iter().map(|part| part.checksum).collect()
}

#[tokio::test]
async fn bytes_of_every_layout_get_another_key() {
    let dir = tempfile::tempdir().unwrap();
    let store = durable(dir.path(), 1).with_bucket().await;
    let mut last = Bytes::new();
    for (size, old) in [
        (0, 10),
        (10, 5000),
        (5000, 300 << 10),
        (300 << 10, 0),
        (MIB, MIB),
        (7, 7),
    ] {
        let (bytes, replaced) = (pattern(size, 1), pattern(old, 2));
        store.put("to", &replaced).await.unwrap();
        store.put("from", &bytes).await.unwrap();
        store.objects.rename(rename("from", "to")).await.unwrap();
        assert_eq!(store.get("to").await.unwrap(), bytes, "{size} over {old}");
        assert!(matches!(store.get("from").await, Err(ObjectError::NoSuchKey(_))));
        let held = usage(&store).await;
        assert_eq!((held.objects, held.bytes), (1, size as u64), "{size} over {old}");
        last = bytes;
    }
    let pages = put_in_pages(&store, "pages").await;
    let of_parts = checksums(&store, "pages").await;
    assert!(of_parts.len() == 17 && of_parts.iter().all(Option::is_some));
    store.objects.rename(rename("pages", "a/../b")).await.unwrap();
    assert_eq!(store.get("a/../b").await.unwrap(), pages);
    assert_eq!(store.keys().await, ["a/../b", "to"]);
    drop(store);
    // After a restart the same, and nothing else is live.
    let store = durable(dir.path(), 2).recovered().await;
    store.objects.sweep().await.unwrap();
    assert_eq!(store.get("a/../b").await.unwrap(), pages);
    assert_eq!(checksums(&store, "a/../b").await, of_parts);
    assert_eq!(store.get("to").await.unwrap(), last);
    // Over pages, whose pieces are freed with it.
    store.objects.rename(rename("to", "a/../b")).await.unwrap();
    assert_eq!(store.get("a/../b").await.unwrap(), last);
    store.objects.delete(&at("a/../b")).await.unwrap();
    assert_eq!(usage(&store).await, BucketUsage::default());
    store.assert_empty_volume().await;
}

#[tokio::test]
async fn what_goes_along_and_what_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let tags = Tags::of_object([("colour".to_owned(), "red".to_owned())]).unwrap();
    let mut put = PutObject {
        tags: tags.clone(),
        acl: Acl::new(vec![Grant {
            to: Grantee::Everyone,
            permission: Permission::Read,
        }])
        .unwrap(),
        ..put_of("from", &small("data"))
    };
    put.headers.content_type = Some("text/plain".to_owned());
    store.objects.put(put).await.unwrap();
    let before = head(&store, "from").await;
    store.clock.advance(Duration::from_secs(60));
    store.objects.rename(rename("from", "to")).await.unwrap();
    let after = head(&store, "to").await;
    assert_eq!(
        (after.etag, after.headers, after.tags, after.checksum, after.size),
        (before.etag, before.headers, tags, before.checksum, before.size)
    );
    // Whoever may read the old key by its list was not let in to the new one.
    assert_eq!(after.acl, Acl::default());
    assert_eq!(after.modified, before.modified.plus(Duration::from_secs(60)));
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.put("from", &small("from")).await.unwrap();
    store.put("to", &small("to")).await.unwrap();
    let meant = head(&store, "from").await;
    store.clock.advance(Duration::from_secs(1));
    store.put("from", &small("from")).await.unwrap();
    let with = |condition| RenameObject {
        condition,
        ..rename("from", "to")
    };
    let other = ETag::parse("\"0123\"").unwrap();
    let absent = RenameObject {
        condition: WriteCondition::IfMatch(other.clone()),
        ..rename("from", "new")
    };
    let changed = RenameObject {
        meant: Some(Box::new(meant)),
        ..rename("from", "to")
    };
    type Check = fn(&ObjectError) -> bool;
    let rows: [(RenameObject, Check); 7] = [
        (rename("none", "to"), |error| matches!(error, ObjectError::NoSuchKey(_))),
        (rename("from", "from"), |error| {
            matches!(error, ObjectError::RenameOntoItself)
        }),
        (with(WriteCondition::IfAbsent), |error| {
            matches!(error, ObjectError::PreconditionFailed(_))
        }),
        (with(WriteCondition::IfMatch(other)), |error| {
            matches!(error, ObjectError::PreconditionFailed(_))
        }),
        (absent, |error| matches!(error, ObjectError::NoSuchKey(_))),
        // The same bytes at another time: another object.
        (changed, |error| matches!(error, ObjectError::Contended)),
        (rename("from", "to"), |error| {
            matches!(error, ObjectError::RenameNeedsNoVersions)
        }),
    ];
    let last = rows.len() - 1;
    for (row, (request, is_wanted)) in rows.into_iter().enumerate() {
        if row == last {
            let name = bucket("bucket");
            store.objects.set_versioning(&name, true).await.unwrap();
        }
        let refused = store.objects.rename(request).await.unwrap_err();
        assert!(is_wanted(&refused), "{row}: {refused:?}");
        assert_eq!(store.keys().await, ["from", "to"]);
        assert_eq!(store.get("from").await.unwrap(), small("from"));
        assert_eq!(store.get("to").await.unwrap(), small("to"));
    }
    let name = bucket("bucket");
    store.objects.set_versioning(&name, false).await.unwrap();
    let refused = store.objects.rename(rename("from", "to")).await;
    assert!(matches!(refused, Err(ObjectError::RenameNeedsNoVersions)));
}

/// However renamings, writes and deletions race, each byte is at one key or gone, and the counters are right.
#[tokio::test(flavor = "multi_thread")]
async fn races() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    for round in 0..30 {
        store.put("a", &pattern(9000, round)).await.unwrap();
        let spawn = |request| {
            let objects = store.objects.clone();
            tokio::spawn(async move { objects.rename(request).await })
        };
        let deletion = {
            let objects = store.objects.clone();
            tokio::spawn(async move { objects.delete(DeleteObject::from(&at("b"))).await })
        };
        let renames = [
            spawn(rename("a", "b")),
            spawn(rename("a", "c")),
            spawn(rename("b", "c")),
            spawn(rename("c", "a")),
        ];
        for outcome in futures::future::join_all(renames).await {
            let outcome = outcome.unwrap();
            let is_known = matches!(
                outcome,
                Ok(()) | Err(ObjectError::NoSuchKey(_) | ObjectError::Contended)
            );
            assert!(is_known, "{outcome:?}");
        }
        deletion.await.unwrap().unwrap();
        let keys = store.keys().await;
        let held = usage(&store).await;
        assert_eq!(
            (held.objects, held.bytes),
            (keys.len() as u64, 9000 * keys.len() as u64)
        );
        for key in &keys {
            store.get(key).await.unwrap();
        }
    }
    for key in store.keys().await {
        store.objects.delete(&at(&key)).await.unwrap();
    }
    store.assert_empty_volume().await;
}
