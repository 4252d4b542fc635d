//! Damage of what is sealed, and of what hangs together: whether a scrub names it; and that a scrub which was cut goes on.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Entry, Request, Scan};
use baleen_objects::{
    CreateUpload, CustomerKey, Encrypt, KmsEncrypt, ObjectHeaders, PutObject, PutPart, Scrub, ScrubProgress, Scrubbed,
    Tags,
};
use baleen_runtime::Clock as _;
use common::{MIB, Store, at, body, bucket, model, number, pattern, put_of};
use std::num::NonZeroU64;
use std::time::Duration;
use zeroize::Zeroizing;

async fn rows(store: &Store, table: Table) -> Vec<Entry> {
    let all = Scan::prefix(&KeyWriter::new(table).finish());
    store.meta.scan(all).await.unwrap()
}

async fn put_row(store: &Store, key: &[u8], value: Option<Vec<u8>>) {
    let request = match value {
        None => Request::new().delete(key.to_vec()),
        Some(value) => Request::new().put(key.to_vec(), value),
    };
    assert!(store.meta.commit(request).await.unwrap().is_committed());
}

fn named(found: &Scrubbed, of: &str, what: &str) -> bool {
    let is_it = |damage: &&baleen_objects::Damage| damage.of.contains(of) && damage.what.contains(what);
    found.told.iter().any(|damage| is_it(&damage))
}

/// Bodies of each layout under each kind of key, and an upload with parts.
async fn sealed(dir: &std::path::Path) -> Store {
    let store = model(dir).with_bucket().await;
    for size in [0, 100, 100_000, 900_000] {
        for (name, encrypt) in [
            ("managed", Encrypt::Managed),
            ("named", Encrypt::Kms(KmsEncrypt::default())),
            ("customer", Encrypt::Customer(CustomerKey::new(Zeroizing::new([7; 32])))),
            ("plain", Encrypt::AsBucket),
        ] {
            let put = PutObject {
                encrypt,
                ..put_of(&format!("{name} {size}"), &pattern(size, size))
            };
            store.objects.put(put).await.unwrap();
        }
    }
    let begun = CreateUpload {
        initiator: None,
        at: at("unfinished"),
        headers: ObjectHeaders::default(),
        lock: baleen_objects::Lock::default(),
        tags: Tags::default(),
        checksum_algorithm: None,
        checksum_kind: None,
        acl: baleen_types::Acl::default(),
        encrypt: Encrypt::Managed,
    };
    let upload = store.objects.create_upload(begun).await.unwrap().path;
    for part in [1, 7] {
        let bytes = pattern(5 * MIB, 1);
        let put = PutPart {
            upload: upload.clone(),
            part: number(part),
            body: body(&bytes),
            length: None,
            expect: baleen_objects::Expect::default(),
            key: None,
        };
        store.objects.put_part(put).await.unwrap();
    }
    store.assert_whole().await;
    store
}

/// A key that is lost, or does not open: told of itself, and of each object and upload that nobody can read any more.
#[tokio::test]
async fn keys_that_are_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = sealed(dir.path()).await;
    for (table, key, objects, affected) in [
        (Table::BucketKey, "bucket", "bucket/managed", 5),
        (Table::EncryptionKey, "encryption key aws/s3", "bucket/named", 4),
    ] {
        let row = rows(&store, table).await.remove(0);
        let mut flipped = row.value.to_vec();
        *flipped.last_mut().unwrap() ^= 1;
        for value in [None, Some(flipped), Some(b"\xff".to_vec())] {
            put_row(&store, &row.key, value.clone()).await;
            let found = store.scrub().await;
            assert!(
                named(&found, key, "cannot be opened") || named(&found, key, "stored encryption key"),
                "{table:?} {value:?}: {found:?}"
            );
            let lost = found
                .told
                .iter()
                .filter(|damage| damage.what.contains("key") && damage.of.starts_with(objects));
            assert_eq!(lost.count(), 4, "{table:?} {value:?}: {found:?}");
            assert_eq!(found.damages, affected + 1, "{table:?} {value:?}: {found:?}");
        }
        put_row(&store, &row.key, Some(row.value.to_vec())).await;
        store.assert_whole().await;
    }
    // What is said to be there and never was.
    let mut mark = rows(&store, Table::EncryptionKeyName).await.remove(0).key.to_vec();
    mark.extend_from_slice(b"-more");
    put_row(&store, &mark, Some(Vec::new())).await;
    assert!(named(&store.scrub().await, "encryption key aws/s3-more", "it is gone"));
}

/// Bytes that pass their checksum and are not what was sealed: of inline bodies both can be written anew.
#[tokio::test]
async fn bodies_that_do_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let store = sealed(dir.path()).await;
    let inline = rows(&store, Table::InlineBody).await;
    let mut seen = 0;
    for row in &inline {
        let mut value = row.value.to_vec();
        let last = value.len() - 1;
        value[last] ^= 1;
        let sum = crc_fast::crc32_iscsi(&value[5..]);
        value[1..5].copy_from_slice(&sum.to_be_bytes());
        put_row(&store, &row.key, Some(value)).await;
        let found = store.scrub().await;
        // Neither what is not sealed nor what a customer has the key of can be told.
        let is_told = named(&found, "bucket/", "does not open under its key");
        assert_eq!(found.damages, u64::from(is_told), "{found:?}");
        seen += found.damages;
        put_row(&store, &row.key, Some(row.value.to_vec())).await;
    }
    assert_eq!((seen, inline.len()), (2, 4));
    // Another bucket's key in the place of this one: it opens, and opens nothing.
    store.make_bucket("other").await;
    let put = PutObject {
        encrypt: Encrypt::Managed,
        ..put_of("k", &pattern(10, 1))
    };
    let put = PutObject {
        at: baleen_types::ObjectPath {
            bucket: bucket("other"),
            ..put.at.clone()
        },
        ..put
    };
    store.objects.put(put).await.unwrap();
    store.assert_whole().await;
    // Salts: a record that says it is sealed, over bodies that are not, and the other way round.
    for name in ["plain 100", "managed 100", "named 100000", "customer 900000"] {
        let other = if name.starts_with("plain") {
            "managed 100"
        } else {
            "plain 100"
        };
        let all = rows(&store, Table::Object).await;
        let of = |name: &str| {
            all.iter()
                .find(|row| row.key.ends_with(name.as_bytes()))
                .unwrap()
                .clone()
        };
        let (row, other) = (of(name), of(other));
        put_row(&store, &row.key, Some(mixed(&row.value, &other.value))).await;
        let found = store.scrub().await;
        assert!(
            named(&found, &format!("bucket/{name} "), "differ about encryption"),
            "{name}: {found:?}"
        );
        put_row(&store, &row.key, Some(row.value.to_vec())).await;
    }
}

/// The record with the body of the other: what stands behind how it is encrypted. Both end with one piece in them.
fn mixed(record: &[u8], other: &[u8]) -> Vec<u8> {
    // `Pieces`, one of them, and its part number.
    let body = |value: &[u8]| value.windows(3).rposition(|bytes| bytes == [0, 1, 1]).unwrap();
    [&record[..body(record)], &other[body(other)..]].concat()
}

/// A store with each state that a key can be in.
async fn versioned(dir: &std::path::Path) -> Store {
    let store = model(dir).with_bucket().await;
    store.put("a", &pattern(10, 1)).await.unwrap();
    store.put("b", &pattern(10, 1)).await.unwrap();
    store.objects.set_versioning(&bucket("bucket"), true).await.unwrap();
    store.put("a", &pattern(10, 2)).await.unwrap();
    store.put("a", &pattern(10, 3)).await.unwrap();
    store.objects.delete(&at("b")).await.unwrap();
    store.assert_whole().await;
    store
}

/// Rows that are lost where others hang from them.
#[tokio::test]
async fn versions_that_do_not_hang_together() {
    for (table, of, what) in [
        (Table::NullVersion, "(version null)", "is not found by that name"),
        (Table::Object, "bucket/a", "no version of its key is current"),
        (Table::DeleteMarker, "bucket/b", "no version of its key is current"),
        (Table::Version, "(version null)", "is said to be it is gone"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = versioned(dir.path()).await;
        // The last of a key is its oldest version.
        let row = rows(&store, table).await.pop().unwrap();
        put_row(&store, &row.key, None).await;
        let found = store.scrub().await;
        assert!(named(&found, of, what), "{table:?}: {found:?}");
        put_row(&store, &row.key, Some(row.value.to_vec())).await;
        store.assert_whole().await;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = versioned(dir.path()).await;
    let pointers = rows(&store, Table::NullVersion).await;
    let versions = rows(&store, Table::Version).await;
    // The pointer of `a` at its other noncurrent version, which is not the null one; the newest comes first.
    let id: Vec<u8> = versions[0].key[versions[0].key.len() - 16..]
        .iter()
        .map(|byte| !byte)
        .collect();
    put_row(&store, &pointers[0].key, Some([&[1], &id[..]].concat())).await;
    let found = store.scrub().await;
    assert!(named(&found, "bucket/a", "is another one"), "{found:?}");
    // A pointer where the null version is current.
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.put("a", &pattern(10, 1)).await.unwrap();
    let mut key = rows(&store, Table::Object).await.remove(0).key.to_vec();
    key[0] = Table::NullVersion as u8;
    put_row(&store, &key, Some([1; 17].to_vec())).await;
    let found = store.scrub().await;
    assert!(named(&found, "bucket/a", "a noncurrent one is said to be"), "{found:?}");
}

#[tokio::test]
async fn uploads_that_are_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = sealed(dir.path()).await;
    let upload = rows(&store, Table::Upload).await.remove(0);
    put_row(&store, &upload.key, None).await;
    let found = store.scrub().await;
    assert!(named(&found, "upload ", "it has parts, and is not there"), "{found:?}");
    assert_eq!(found.damages, 1, "it is told once");
    let mut foreign = upload.key.to_vec();
    foreign[1] ^= 1;
    put_row(&store, &foreign, Some(upload.value.to_vec())).await;
    let found = store.scrub().await;
    assert!(
        named(&found, "an upload to unfinished", "it is in no bucket"),
        "{found:?}"
    );
}

/// A restart goes on where the last look was cut, and tells what that one has found.
#[tokio::test]
async fn a_scrub_that_was_cut_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    for n in 0..600 {
        store.put(&format!("k{n:03}"), &pattern(1000, n)).await.unwrap();
    }
    let mut bodies = rows(&store, Table::InlineBody).await;
    bodies.retain(|row| row.value.ends_with(&pattern(1000, 0)));
    let first = bodies.remove(0);
    let mut flipped = first.value.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    put_row(&store, &first.key, Some(flipped)).await;
    // A page of 256 rows takes 65 seconds at this pace.
    let pace = Scrub {
        bodies: true,
        bytes_per_second: NonZeroU64::new(20_000),
        goes_on: true,
    };
    let begun = store.clock.now();
    {
        let progress = ScrubProgress::default();
        let mut scrub = std::pin::pin!(store.objects.scrub(pace, &progress));
        while progress.bytes() < 300_000 {
            let waits = tokio::time::timeout(Duration::from_millis(20), scrub.as_mut()).await;
            assert!(waits.is_err());
            store.clock.advance(Duration::from_secs(70));
        }
        // Cut, as by a kill.
    }
    assert_eq!(store.objects.last_scrub().await.unwrap(), None);
    assert_eq!(store.objects.scrub_begun().await.unwrap(), Some(begun));
    let fast = Scrub {
        bytes_per_second: None,
        ..pace
    };
    // What was looked at is not looked at again.
    put_row(&store, &first.key, Some(first.value.to_vec())).await;
    let progress = ScrubProgress::default();
    let found = store.objects.scrub(fast, &progress).await.unwrap();
    assert_eq!((found.damages, found.objects, found.bodies), (1, 600, 599), "{found:?}");
    assert!(found.told.is_empty(), "it was told by the one that was cut: {found:?}");
    let last = store.objects.last_scrub().await.unwrap().unwrap();
    assert_eq!((last.damages, last.ended), (1, store.clock.now()));
    assert_eq!(store.objects.scrub_begun().await.unwrap(), None);
    // One that is not to go on looks at all, and so does one behind a note that cannot be read.
    let note = KeyWriter::new(Table::System).tail("objects/scrub");
    put_row(&store, &note, Some(b"\xff".to_vec())).await;
    for scrub in [fast, Scrub { goes_on: false, ..fast }] {
        let found = store.objects.scrub(scrub, &ScrubProgress::default()).await.unwrap();
        assert_eq!((found.damages, found.bodies), (0, 600));
    }
}
