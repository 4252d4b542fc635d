//! Encryption at rest: what is said to be encrypted is, what comes back is what was stored, and to nobody else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_keyring::{KeyFile, Keyring};
use baleen_meta::{Meta, Request, Scan};
use baleen_objects::{
    BucketEncryption, CopyObject, CopyPart, CreateUpload, CustomerKey, DefaultKeys, Directive, Encrypt, Encrypted,
    KmsEncrypt, ObjectError, ObjectHeaders, ObjectVersion, PutObject, PutPart, SEALED, Selection, Tags,
};
use baleen_runtime::SeededEntropy;
use baleen_types::{ByteRange, ETag};
use bytes::Bytes;
use common::{MIB, Store, at, body, bucket, copy_of, listed, model, number, pattern, put_of, read};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

/// Bytes of a body in one sealed block.
const BLOCK: usize = (64 << 10) - 16;

fn customer(n: u8) -> CustomerKey {
    CustomerKey::new(Zeroizing::new([n; 32]))
}

/// How a test writes and reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Plain,
    Managed,
    ByDefault,
    Named,
    Customer,
}

impl Mode {
    const ALL: [Self; 5] = [Self::Plain, Self::Managed, Self::ByDefault, Self::Named, Self::Customer];

    fn encrypt(self) -> Encrypt {
        match self {
            Self::Plain | Self::ByDefault => Encrypt::AsBucket,
            Self::Managed => Encrypt::Managed,
            Self::Named => Encrypt::Kms(KmsEncrypt::default()),
            Self::Customer => Encrypt::Customer(customer(1)),
        }
    }

    fn key(self) -> Option<CustomerKey> {
        (self == Self::Customer).then(|| customer(1))
    }

    fn hides_md5(self) -> bool {
        matches!(self, Self::Named | Self::Customer)
    }

    fn is_said_by(self, encrypted: &Encrypted) -> bool {
        match self {
            Self::Plain => *encrypted == Encrypted::No,
            Self::Managed | Self::ByDefault => *encrypted == Encrypted::Managed,
            Self::Named => matches!(encrypted, Encrypted::Kms(_)),
            Self::Customer => matches!(encrypted, Encrypted::Customer(_)),
        }
    }
}

async fn store_of(dir: &std::path::Path, mode: Mode) -> Store {
    let store = model(dir).with_bucket().await;
    if mode == Mode::ByDefault {
        set_default(&store).await;
    }
    store
}

async fn set_default(store: &Store) {
    let default = BucketEncryption {
        keys: DefaultKeys::Managed,
        bucket_key: false,
    };
    store
        .objects
        .put_setting(&bucket("bucket"), Some(&default))
        .await
        .unwrap();
}

/// All that is stored: rows, segments, files.
async fn stored_bytes(store: &Store) -> Vec<Bytes> {
    let mut all: Vec<Bytes> = store
        .meta
        .scan(Scan::prefix(&[]).limit(10_000))
        .await
        .unwrap()
        .into_iter()
        .map(|entry| entry.value)
        .collect();
    let segments = std::fs::read_dir(store.dir.join("segments")).unwrap();
    let files = segments.map(|entry| entry.unwrap().path()).chain(store.own_files());
    all.extend(files.map(|path| Bytes::from(std::fs::read(path).unwrap())));
    all
}

/// Whether any of eight places of a body can be found in what is stored.
fn is_found(stored: &[Bytes], body: &Bytes) -> bool {
    let room = body.len().saturating_sub(16);
    (0..8).map(|eighth| room * eighth / 7).any(|from| {
        let needle = &body[from..(from + 16).min(body.len())];
        stored.iter().any(|bytes| holds(bytes, needle))
    })
}

fn holds(haystack: &[u8], needle: &[u8]) -> bool {
    // Unoptimised tests look at some MiB: by the first byte, which is found fast, then the rest.
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|byte| *byte == needle[0]) {
        if rest[at..].starts_with(needle) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

fn sizes() -> Vec<usize> {
    let mut sizes = vec![1, 16, 100, 4095, 4096, 4097];
    for blocks in [1, 2, 4] {
        sizes.extend([blocks * BLOCK - 1, blocks * BLOCK, blocks * BLOCK + 1]);
    }
    // Around a block of the volume, the end of a segment's bodies, and where bodies of unknown length leave memory.
    sizes.extend([65_535, 65_536, 65_537, (256 << 10) - 65, 256 << 10, (256 << 10) + 1]);
    sizes
}

/// F15: sizes around every border × mode × how the length is known × range; and the bytes on the disk.
#[tokio::test]
async fn what_is_said_to_be_encrypted_is_and_comes_back_in_every_range() {
    for mode in Mode::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = store_of(folder.path(), mode).await;
        for size in sizes() {
            let bytes = pattern(size, size);
            for length in [Some(size as u64), None] {
                let key = format!("{size}/{}", length.is_some());
                let put = PutObject {
                    length,
                    encrypt: mode.encrypt(),
                    ..put_of(&key, &bytes)
                };
                let stored = store.objects.put(put).await.unwrap();
                assert!(mode.is_said_by(&stored.encrypted), "{mode:?}");
                let is_md5 = stored.etag == ETag::from_md5(Md5::digest(&bytes).into());
                assert_eq!(is_md5, !mode.hides_md5());
                check_ranges(&store, mode, &key, &bytes).await;
            }
            let found = size >= 16 && is_found(&stored_bytes(&store).await, &bytes);
            assert_eq!(found, size >= 16 && mode == Mode::Plain, "{mode:?} {size}");
        }
        let all: Vec<ObjectVersion> = store.keys().await.iter().map(|key| at(key).into()).collect();
        for of in all {
            store.objects.delete(of).await.unwrap();
        }
        store.assert_empty_volume().await;
    }
}

async fn check_ranges(store: &Store, mode: Mode, key: &str, bytes: &Bytes) {
    let size = bytes.len() as u64;
    let block = BLOCK as u64;
    let mut ranges = vec![(0, size - 1), (0, 0), (size - 1, size - 1), (size / 2, size - 1)];
    for border in [block, 65_536, 2 * block, 4 * block] {
        ranges.extend([(border - 1, border), (border, border), (border - 1, border - 1)]);
    }
    ranges.push((1, 2 * block));
    for (first, last) in ranges {
        if last >= size || first > last {
            continue;
        }
        let selection = Selection::Range(ByteRange::Between { first, last });
        let open = store
            .objects
            .open_with(&at(key), selection, mode.key().as_ref())
            .await
            .unwrap();
        assert!(mode.is_said_by(&open.head.encrypted));
        let expected = bytes.slice(usize::try_from(first).unwrap()..=usize::try_from(last).unwrap());
        assert!(
            read(open.body).await.unwrap() == expected,
            "{mode:?} {key} {first}-{last}"
        );
    }
}

#[tokio::test]
async fn parts_are_kept_as_their_upload_says() {
    for mode in Mode::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = store_of(folder.path(), mode).await;
        let create = CreateUpload {
            initiator: None,
            at: at("k"),
            headers: ObjectHeaders::default(),
            lock: baleen_objects::Lock::default(),
            tags: Tags::default(),
            checksum_algorithm: None,
            checksum_kind: None,
            acl: baleen_types::Acl::default(),
            encrypt: mode.encrypt(),
        };
        let upload = store.objects.create_upload(create).await.unwrap();
        assert!(mode.is_said_by(&upload.encrypted));
        let put = |part: u32, bytes: &Bytes, key: Option<CustomerKey>| {
            store.objects.put_part(PutPart {
                upload: upload.path.clone(),
                part: number(part),
                body: body(bytes),
                length: Some(bytes.len() as u64),
                expect: baleen_objects::Expect::default(),
                key,
            })
        };
        let bodies = [pattern(5 * MIB, 1), pattern(5 * MIB + BLOCK, 2), pattern(100, 3)];
        let wrong = put(1, &bodies[0], Some(customer(2))).await;
        assert!(matches!(wrong, Err(ObjectError::PartKeyWrong)), "{mode:?}");
        let missing = put(2, &bodies[0], None).await;
        match mode {
            Mode::Customer => assert!(matches!(missing, Err(ObjectError::PartKeyMissing))),
            _ => drop(missing.unwrap()),
        }
        let mut parts = Vec::new();
        for (part, bytes) in (1..).zip(&bodies) {
            // Twice, as clients do that try again; the second one counts.
            drop(put(part, bytes, mode.key()).await.unwrap());
            let put = put(part, bytes, mode.key()).await.unwrap();
            assert!(mode.is_said_by(&put.encrypted));
            assert_eq!(put.etag == ETag::from_md5(Md5::digest(bytes).into()), !mode.hides_md5());
            parts.push(put);
        }
        let mut complete = common::complete_of(&upload.path, &parts);
        complete.key = Some(customer(2));
        let wrong = store.objects.complete_upload(complete).await;
        assert!(matches!(wrong, Err(ObjectError::PartKeyWrong)), "{mode:?}");
        for _ in 0..2 {
            let complete = common::complete_of(&upload.path, &parts);
            let stored = store.objects.complete_upload(complete).await.unwrap();
            assert!(mode.is_said_by(&stored.encrypted));
        }
        let whole: Bytes = bodies.concat().into();
        let open = store
            .objects
            .open_with(&at("k"), Selection::Whole, mode.key().as_ref())
            .await
            .unwrap();
        assert!(read(open.body).await.unwrap() == whole);
        let second = Selection::Part(number(2));
        let open = store
            .objects
            .open_with(&at("k"), second, mode.key().as_ref())
            .await
            .unwrap();
        assert!(read(open.body).await.unwrap() == bodies[1]);
        let border = 5 * MIB as u64;
        let over = Selection::Range(ByteRange::Between {
            first: border - 1,
            last: border + BLOCK as u64,
        });
        let open = store
            .objects
            .open_with(&at("k"), over, mode.key().as_ref())
            .await
            .unwrap();
        assert!(read(open.body).await.unwrap() == whole.slice(5 * MIB - 1..=5 * MIB + BLOCK));
        assert_eq!(is_found(&stored_bytes(&store).await, &bodies[1]), mode == Mode::Plain);

        // A part of what is stored, into another upload.
        let to = store.begin("copy").await;
        let copy = |source_key| CopyPart {
            source: at("k").into(),
            range: Some(ByteRange::Between { first: 1, last: 70_000 }),
            source_if_match: Vec::new(),
            source_key,
            source_kept: None,
            key: None,
            upload: to.clone(),
            part: number(1),
        };
        if mode == Mode::Customer {
            let missing = store.objects.copy_part(copy(None)).await;
            assert!(matches!(missing, Err(ObjectError::KeyMissing)));
        }
        let part = store.objects.copy_part(copy(mode.key())).await.unwrap();
        store.complete(&to, std::slice::from_ref(&part)).await.unwrap();
        assert_eq!(listed(&part).number, number(1));
        assert!(store.get("copy").await.unwrap() == whole.slice(1..=70_000));
        store.objects.delete(at("k")).await.unwrap();
        store.objects.delete(at("copy")).await.unwrap();
        store.assert_empty_volume().await;
    }
}

#[tokio::test]
async fn copies_are_kept_as_they_are_asked_for_and_never_as_their_source() {
    for from in Mode::ALL {
        for to in Mode::ALL {
            for versions in [false, true] {
                for size in [100, 70_000, 300_000] {
                    check_copy(from, to, versions, size).await;
                }
            }
        }
    }
}

async fn check_copy(from: Mode, to: Mode, versions: bool, size: usize) {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), from).await;
    if versions {
        store.objects.set_versioning(&bucket("bucket"), true).await.unwrap();
    }
    let bytes = pattern(size, 1);
    let put = PutObject {
        encrypt: from.encrypt(),
        ..put_of("from", &bytes)
    };
    store.objects.put(put).await.unwrap();
    match to {
        Mode::ByDefault => set_default(&store).await,
        Mode::Plain => {
            let none = None::<&BucketEncryption>;
            store.objects.put_setting(&bucket("bucket"), none).await.unwrap();
        }
        Mode::Managed | Mode::Named | Mode::Customer => {}
    }
    for (key, headers) in [
        ("to", Directive::Copy),
        ("from", Directive::Replace(ObjectHeaders::default())),
    ] {
        let copy = CopyObject {
            headers,
            source_key: from.key(),
            encrypt: to.encrypt(),
            ..copy_of(at("from"), key)
        };
        let without = CopyObject {
            source_key: None,
            ..copy.clone()
        };
        if from == Mode::Customer {
            assert!(matches!(
                store.objects.copy(without).await,
                Err(ObjectError::KeyMissing)
            ));
        }
        let stored = store.objects.copy(copy).await.unwrap();
        assert!(to.is_said_by(&stored.encrypted), "{from:?} {to:?} {key}");
        check_ranges(&store, to, key, &bytes).await;
    }
    // Space that was given back keeps its bytes until others take it.
    if !versions && from != Mode::Plain {
        assert_eq!(
            is_found(&stored_bytes(&store).await, &bytes),
            to == Mode::Plain,
            "{from:?} {to:?}"
        );
    }
}

/// A copy onto itself is allowed if it changes the encryption, though it changes nothing else (AWS, CopyObject).
#[tokio::test]
async fn a_copy_onto_itself_may_change_the_encryption_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), Mode::Plain).await;
    store.put("k", &pattern(5000, 1)).await.unwrap();
    let copy = |encrypt| CopyObject {
        encrypt,
        ..copy_of(at("k"), "k")
    };
    for as_bucket in [Encrypt::AsBucket, Encrypt::AsFound(None)] {
        let same = store.objects.copy(copy(as_bucket)).await;
        assert!(matches!(same, Err(ObjectError::CopyOntoItself)));
    }
    store.objects.copy(copy(Encrypt::Managed)).await.unwrap();
    check_ranges(&store, Mode::Managed, "k", &pattern(5000, 1)).await;
}

/// Who has not the key is told so, and nothing else: not even where the object ends.
#[tokio::test]
async fn without_the_key_nothing_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), Mode::Customer).await;
    let bytes = pattern(5000, 1);
    for (key, encrypt) in [
        ("customer", Mode::Customer.encrypt()),
        ("managed", Encrypt::Managed),
        ("plain", Encrypt::AsBucket),
    ] {
        let put = PutObject {
            encrypt,
            ..put_of(key, &bytes)
        };
        store.objects.put(put).await.unwrap();
    }
    let beyond = Selection::Range(ByteRange::From { first: 9999 });
    for (object, key, expected) in [
        ("customer", Some(customer(1)), "ok"),
        ("customer", Some(customer(2)), "KeyWrong"),
        ("customer", None, "KeyMissing"),
        ("managed", Some(customer(1)), "KeyNotApplicable"),
        ("plain", Some(customer(1)), "KeyNotApplicable"),
        ("managed", None, "ok"),
        ("plain", None, "ok"),
    ] {
        for selection in [Selection::Whole, beyond, Selection::Part(number(7))] {
            let opened = store
                .objects
                .open_with(&at(object), selection, key.as_ref())
                .await
                .map(drop);
            let head = store
                .objects
                .head_with(&at(object), selection, key.as_ref())
                .await
                .map(drop);
            for outcome in [opened, head] {
                let told = match (&outcome, selection) {
                    (Ok(()), Selection::Whole)
                    | (Err(ObjectError::InvalidRange { .. } | ObjectError::InvalidPartNumber { .. }), _) => "ok",
                    (Ok(()), _) => "served",
                    (Err(ObjectError::KeyWrong), _) => "KeyWrong",
                    (Err(ObjectError::KeyMissing), _) => "KeyMissing",
                    (Err(ObjectError::KeyNotApplicable), _) => "KeyNotApplicable",
                    (Err(error), _) => panic!("{error:?}"),
                };
                assert_eq!(told, expected, "{object} {selection:?}");
            }
        }
    }
    let shown = format!("{:?} {:?}", customer(7), Mode::Customer.encrypt());
    assert_eq!(shown, "CustomerKey(hidden) Customer(CustomerKey(hidden))");
}

/// Bytes that whoever has the disk puts in another's place are an error, never another's bytes.
#[tokio::test]
async fn bodies_that_changed_places_do_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), Mode::Managed).await;
    for (key, seed) in [("a", 1), ("b", 2)] {
        let put = PutObject {
            encrypt: Encrypt::Managed,
            ..put_of(key, &pattern(1000, seed))
        };
        store.objects.put(put).await.unwrap();
    }
    let rows = store.meta.scan(Scan::prefix(b"I").limit(10)).await.unwrap();
    let [a, b] = <[_; 2]>::try_from(rows).unwrap();
    let swap = Request::new()
        .put(a.key.to_vec(), b.value.clone())
        .put(b.key.to_vec(), a.value.clone());
    assert!(store.meta.commit(swap).await.unwrap().is_committed());
    for key in ["a", "b"] {
        let refused = store.get(key).await;
        assert!(matches!(refused, Err(ObjectError::Corrupt(_))), "{key}");
    }
    // And a key row that is gone, or another bucket's.
    let keys = store.meta.scan(Scan::prefix(b"8").limit(10)).await.unwrap();
    let [row] = <[_; 1]>::try_from(keys).unwrap();
    let gone = Request::new().delete(row.key.to_vec());
    assert!(store.meta.commit(gone).await.unwrap().is_committed());
    assert!(matches!(store.get("a").await, Err(ObjectError::Corrupt(_))));
}

#[tokio::test]
async fn a_bucket_has_one_key_which_goes_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), Mode::Plain).await;
    let rows = async || store.meta.scan(Scan::prefix(b"8").limit(10)).await.unwrap().len();
    store.put("plain", &pattern(10, 1)).await.unwrap();
    assert_eq!(rows().await, 0, "it is made when it is needed");
    let bytes = pattern(1000, 1);
    let puts = (0..16).map(|n| {
        store.objects.put(PutObject {
            encrypt: Encrypt::Managed,
            ..put_of(&format!("k{n}"), &bytes)
        })
    });
    for put in futures::future::join_all(puts).await {
        put.unwrap();
    }
    assert_eq!(rows().await, 1);
    for key in store.keys().await {
        assert!(store.get(&key).await.is_ok());
        store.objects.delete(at(&key)).await.unwrap();
    }
    store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
    assert_eq!(rows().await, 0);
}

/// F15: bodies are sealed under the lost key, and another one in its place would hide that.
#[tokio::test]
async fn a_lost_key_of_a_bucket_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), Mode::ByDefault).await;
    let managed = |key: &str| PutObject {
        encrypt: Encrypt::Managed,
        ..put_of(key, &pattern(1000, 1))
    };
    store.objects.put(managed("a")).await.unwrap();
    let upload = store.begin("parts").await;
    let row = store.meta.scan(Scan::prefix(b"8")).await.unwrap().remove(0);
    let everything = async || store.meta.scan(Scan::prefix(&[])).await.unwrap();
    let whole = everything().await;
    let lose = Request::new().delete(row.key.to_vec());
    assert!(store.meta.commit(lose).await.unwrap().is_committed());
    let lost = everything().await;
    let more = CreateUpload {
        initiator: None,
        at: at("more"),
        headers: ObjectHeaders::default(),
        lock: baleen_objects::Lock::default(),
        tags: Tags::default(),
        checksum_algorithm: None,
        checksum_kind: None,
        acl: baleen_types::Acl::default(),
        encrypt: Encrypt::Managed,
    };
    for refused in [
        store.objects.put(managed("b")).await.map(drop),
        store.objects.put(managed("a")).await.map(drop),
        store.put("by default", &pattern(100, 1)).await.map(drop),
        store.put("long", &pattern(500_000, 1)).await.map(drop),
        store.put_part(&upload, 1, &pattern(100, 1)).await.map(drop),
        store.objects.create_upload(more).await.map(drop),
        store.get("a").await.map(drop),
    ] {
        assert!(matches!(refused, Err(ObjectError::Corrupt(_))), "{refused:?}");
    }
    assert_eq!(everything().await, lost, "nothing was changed");
    let restore = Request::new().put(row.key.to_vec(), row.value);
    assert!(store.meta.commit(restore).await.unwrap().is_committed());
    assert_eq!(everything().await, whole);
    assert!(store.get("a").await.unwrap() == pattern(1000, 1));
}

/// A store of an earlier release has keys, and buckets that do not say so.
#[tokio::test]
async fn a_bucket_from_before_is_marked_when_its_key_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), Mode::Plain).await;
    let managed = || PutObject {
        encrypt: Encrypt::Managed,
        ..put_of("a", &pattern(1000, 1))
    };
    store.objects.put(managed()).await.unwrap();
    let stored = async || store.meta.scan(Scan::prefix(b"B")).await.unwrap().remove(0);
    let marked = stored().await;
    // Of version 2, which ends where the mark is.
    let mut before = marked.value[..marked.value.len() - 1].to_vec();
    before[0] = 2;
    let put = Request::new().put(marked.key.to_vec(), before);
    assert!(store.meta.commit(put).await.unwrap().is_committed());
    assert!(store.get("a").await.unwrap() == pattern(1000, 1));
    let writes = (0..8).map(|_| store.objects.put(managed()));
    for written in futures::future::join_all(writes).await {
        written.unwrap();
    }
    assert_eq!(stored().await, marked);
    assert_eq!(store.meta.scan(Scan::prefix(b"8")).await.unwrap().len(), 1);
}

/// A change of the master key seals one key for each bucket anew, however many objects are in it.
#[tokio::test]
async fn a_change_of_the_master_key_touches_no_object() {
    let folder = tempfile::tempdir().unwrap();
    let meta = Meta::open_model();
    let clock = baleen_runtime::ManualClock::new(baleen_types::Timestamp::from_secs(1_700_000_000));
    let keyring = Keyring::open(baleen_keyring::Parts {
        meta: meta.clone(),
        file: KeyFile::at(folder.path().join("master.key")),
        kinds: SEALED.to_vec(),
        clock,
        entropy: SeededEntropy::new(7),
    })
    .await
    .unwrap();
    let store = common::with_sealer(folder.path(), meta, keyring.sealer().clone())
        .with_bucket()
        .await;
    let bytes = pattern(1000, 1);
    for n in 0..50 {
        let put = PutObject {
            encrypt: Encrypt::Managed,
            ..put_of(&format!("k{n}"), &bytes)
        };
        store.objects.put(put).await.unwrap();
    }
    let objects = async || store.meta.scan(Scan::prefix(b"O").limit(100)).await.unwrap();
    let before = objects().await;
    let status = keyring.rotate(|_| {}).await.unwrap();
    let kind = &status.sealed.kinds[0];
    assert_eq!((kind.name, kind.records, kind.resealed), ("bucket keys", 1, 1));
    keyring.retire(|_| {}).await.unwrap();
    assert_eq!(objects().await, before);
    assert!(store.get("k7").await.unwrap() == bytes);
}

/// Who may use which key was decided before: nothing that comes meanwhile takes the place of what it was decided about.
#[tokio::test]
async fn what_was_decided_about_is_what_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), Mode::Plain).await;
    let put = |key: &str, encrypt| PutObject {
        encrypt,
        ..put_of(key, &Bytes::from_static(b"data"))
    };
    // A default is set after it was looked at, and taken away.
    let named = BucketEncryption {
        keys: DefaultKeys::Kms(None),
        bucket_key: false,
    };
    assert_eq!(named.key().unwrap().text, "aws/s3");
    store
        .objects
        .put_setting(&bucket("bucket"), Some(&named))
        .await
        .unwrap();
    let stored = store.objects.put(put("plain", Encrypt::AsFound(None))).await.unwrap();
    assert_eq!(stored.encrypted, Encrypted::No);
    let none = None::<&BucketEncryption>;
    store.objects.put_setting(&bucket("bucket"), none).await.unwrap();
    let stored = store.objects.put(put("named", Encrypt::AsFound(Some(named)))).await;
    let kept = stored.unwrap().encrypted;
    assert_eq!(kept.named_key().unwrap().as_str(), "aws/s3");
    // The source of a copy is replaced.
    for (source, decided, is_done) in [
        ("plain", Encrypted::No, true),
        ("plain", kept.clone(), false),
        ("named", kept.clone(), true),
        ("named", Encrypted::No, false),
        ("named", Encrypted::Managed, false),
    ] {
        let copy = CopyObject {
            source_kept: Some(decided),
            ..copy_of(at(source), "to")
        };
        let done = store.objects.copy(copy).await;
        assert!(
            matches!((&done, is_done), (Ok(_), true) | (Err(ObjectError::Contended), false)),
            "{source}: {done:?}"
        );
    }
}
