//! Tags of objects: every way in, and that those of a version never land on another. Their life with versions is in
//! `versions_model.rs`, their limits beside their code.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_objects::{
    BucketTagging, CopyObject, CreateUpload, Directive, ObjectError, ObjectHeaders, ObjectVersion, PutObject,
    Selection, Tags, Version,
};
use baleen_types::{Acl, Grant, Grantee, Permission};
use common::{Store, at, bucket, copy_of, model, pattern, put_of, small};

fn tags(pairs: &[(&str, &str)]) -> Tags {
    let pairs = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Tags::of_object(pairs).unwrap()
}

fn of(key: &str, version: Version) -> ObjectVersion {
    ObjectVersion {
        at: at(key),
        version: Some(version),
    }
}

async fn tags_of(store: &Store, of: impl Into<ObjectVersion>) -> Tags {
    store.objects.head(of, Selection::Whole).await.unwrap().0.tags
}

async fn put_tagged(store: &Store, key: &str, tags: Tags) {
    let put = PutObject {
        tags,
        ..put_of(key, &small(key))
    };
    store.objects.put(put).await.unwrap();
}

fn copy(from: &str, to: &str, headers: Directive<ObjectHeaders>, tags: Directive<Tags>) -> CopyObject {
    CopyObject {
        headers,
        tags,
        ..copy_of(at(from), to)
    }
}

#[tokio::test]
async fn they_come_with_a_put_an_upload_or_a_copy() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let (red, blue) = (tags(&[("colour", "red"), ("n", "")]), tags(&[("colour", "blue")]));
    put_tagged(&store, "put", red.clone()).await;
    assert_eq!(tags_of(&store, &at("put")).await, red);
    // Another object at the same key begins without.
    store.put("put", &small("again")).await.unwrap();
    assert_eq!(tags_of(&store, &at("put")).await, Tags::default());
    let upload = CreateUpload {
        initiator: None,
        encrypt: baleen_objects::Encrypt::AsBucket,
        at: at("upload"),
        headers: ObjectHeaders::default(),
        lock: baleen_objects::Lock::default(),
        tags: red.clone(),
        checksum_algorithm: None,
        checksum_kind: None,
        acl: baleen_types::Acl::default(),
    };
    let upload = store.objects.create_upload(upload).await.unwrap().path;
    let part = store.put_part(&upload, 1, &pattern(9000, 1)).await.unwrap();
    store.complete(&upload, &[part]).await.unwrap();
    assert_eq!(tags_of(&store, &at("upload")).await, red);
    let new_headers = || Directive::Replace(ObjectHeaders::default());
    for (to, headers, wanted, expected) in [
        ("kept", Directive::Copy, Directive::Copy, &red),
        ("kept-2", new_headers(), Directive::Copy, &red),
        ("replaced", Directive::Copy, Directive::Replace(blue.clone()), &blue),
        (
            "none",
            Directive::Copy,
            Directive::Replace(Tags::default()),
            &Tags::default(),
        ),
        // Onto itself, where only the record is written.
        ("upload", new_headers(), Directive::Copy, &red),
        ("upload", new_headers(), Directive::Replace(blue.clone()), &blue),
    ] {
        store.objects.copy(copy("upload", to, headers, wanted)).await.unwrap();
        assert_eq!(tags_of(&store, &at(to)).await, *expected, "{to}");
        assert_eq!(store.get(to).await.unwrap(), pattern(9000, 1));
    }
}

#[tokio::test]
async fn they_are_replaced_and_removed_without_touching_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    put_tagged(&store, "k", tags(&[("a", "1"), ("b", "2")])).await;
    let (before, _) = store.objects.head(&at("k"), Selection::Whole).await.unwrap();
    store.clock.advance(std::time::Duration::from_secs(60));
    for new in [tags(&[("c", "3")]), tags(&[("c", "3")]), Tags::default()] {
        assert_eq!(
            store.objects.put_tags(&at("k").into(), new.clone()).await.unwrap(),
            None
        );
        let (head, _) = store.objects.head(&at("k"), Selection::Whole).await.unwrap();
        assert_eq!(head.tags, new);
        let rest = baleen_objects::ObjectHead {
            tags: before.tags.clone(),
            ..head
        };
        assert_eq!(rest, before, "nothing else has changed, not even the time");
    }
    // Where others were seen than there are, nothing is replaced.
    let (red, blue) = (tags(&[("c", "red")]), tags(&[("c", "blue")]));
    for (seen, new, expected) in [
        (&blue, &red, None),
        (&Tags::default(), &red, Some(&red)),
        (&Tags::default(), &blue, None),
        (&blue, &red, None),
        (&blue, &Tags::default(), None),
        (&red, &blue, Some(&blue)),
        (&blue, &Tags::default(), Some(&Tags::default())),
    ] {
        let before = tags_of(&store, &at("k")).await;
        let replaced = store
            .objects
            .replace_tags(&at("k").into(), Some(seen), new.clone())
            .await;
        assert_eq!(replaced.is_ok(), expected.is_some(), "{seen:?} {new:?}");
        assert!(matches!(replaced, Ok(_) | Err(ObjectError::Contended)));
        assert_eq!(tags_of(&store, &at("k")).await, *expected.unwrap_or(&before));
    }
    let absent = store.objects.put_tags(&at("absent").into(), Tags::default()).await;
    assert!(matches!(absent, Err(ObjectError::NoSuchKey(_))));
    store.objects.delete(&at("k")).await.unwrap();
    store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
    store.assert_empty_volume().await;
}

/// Who decided by the tags and the list of an object gives no other object a list.
#[tokio::test]
async fn a_list_replaces_the_one_that_was_seen() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let red = tags(&[("c", "red")]);
    put_tagged(&store, "k", red.clone()).await;
    let grant = Grant {
        to: Grantee::Everyone,
        permission: Permission::Read,
    };
    let (none, public) = (Acl::default(), Acl::new(vec![grant]).unwrap());
    for (tags, seen, new, replaced) in [
        (&Tags::default(), &none, &public, false),
        (&red, &public, &none, false),
        (&red, &none, &public, true),
        (&red, &none, &none, false),
        (&red, &public, &none, true),
    ] {
        let (before, _) = store.objects.head(&at("k"), Selection::Whole).await.unwrap();
        let path = at("k").into();
        let answer = store.objects.replace_acl(&path, Some((tags, seen)), new).await;
        assert_eq!(answer.is_ok(), replaced, "{tags:?} {seen:?}");
        assert!(matches!(answer, Ok(_) | Err(ObjectError::Contended)));
        let (head, _) = store.objects.head(&at("k"), Selection::Whole).await.unwrap();
        assert_eq!(&head.acl, if replaced { new } else { &before.acl }, "{tags:?} {seen:?}");
    }
}

#[tokio::test]
async fn those_of_a_bucket_go_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    let name = bucket("bucket");
    let given = Tags::of_bucket([("k".to_owned(), "v".to_owned())]).unwrap();
    let record = BucketTagging::from(given.clone());
    store.objects.put_setting(&name, Some(&record)).await.unwrap();
    let read: Option<BucketTagging> = store.objects.setting(&name).await.unwrap();
    assert_eq!(read.map(Tags::from), Some(given));
    store.objects.delete_bucket(&name).await.unwrap();
    store.make_bucket("bucket").await;
    assert_eq!(store.objects.setting::<BucketTagging>(&name).await.unwrap(), None);
}

/// Versions move from table to table under the hands of who tags them: each worker writes versions, tags its own by their
/// names, and removes some, so that what is current changes all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn those_of_a_version_never_land_on_another() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.objects.set_versioning(&bucket("bucket"), true).await.unwrap();
    let mut tasks = Vec::new();
    for worker in 0..6 {
        let objects = store.objects.clone();
        tasks.push(tokio::spawn(async move {
            let mut mine: Vec<(Version, Tags)> = Vec::new();
            for round in 0..25 {
                let put = put_of("k", &pattern(5000, round));
                let version = objects.put(put).await.unwrap().version.unwrap();
                mine.push((version, Tags::default()));
                let last = mine.len() - 1;
                for nth in [last, (worker * 7 + round) % mine.len()] {
                    let (version, known) = &mut mine[nth];
                    let name = version.to_string();
                    let new = tags(&[("version", &name), ("round", &round.to_string())]);
                    let named = objects.put_tags(&of("k", *version), new.clone()).await.unwrap();
                    assert_eq!(named, Some(*version));
                    *known = new;
                }
                for (version, known) in &mine {
                    let (head, _) = objects.head(of("k", *version), Selection::Whole).await.unwrap();
                    assert_eq!(head.tags, *known, "{version}");
                }
                match (worker + round) % 3 {
                    // The newest of its own is often the current one.
                    0 => drop(objects.delete(of("k", mine.pop().unwrap().0)).await.unwrap()),
                    1 => {
                        let marker = objects.delete(&at("k")).await.unwrap().version.unwrap();
                        let gone = objects.put_tags(&of("k", marker), Tags::default()).await;
                        assert!(matches!(gone, Err(ObjectError::DeleteMarker { named: true, .. })));
                        objects.delete(of("k", marker)).await.unwrap();
                    }
                    _ => {}
                }
            }
            mine
        }));
    }
    let mut expected = Vec::new();
    for task in tasks {
        expected.extend(task.await.unwrap());
    }
    for (version, known) in &expected {
        assert_eq!(tags_of(&store, of("k", *version)).await, *known);
    }
    let usage = store.objects.bucket_usage(&bucket("bucket")).await.unwrap();
    assert_eq!(usage.objects, expected.len() as u64);
    for (version, _) in expected {
        assert!(store.objects.delete(of("k", version)).await.unwrap().existed);
        let gone = store.objects.put_tags(&of("k", version), Tags::default()).await;
        assert!(matches!(gone, Err(ObjectError::NoSuchVersion { .. })));
    }
    store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
    store.assert_empty_volume().await;
}

/// What is tagged without a name is whatever is current when it happens.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tagging_the_current_version_while_it_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let store = model(dir.path()).with_bucket().await;
    store.objects.set_versioning(&bucket("bucket"), true).await.unwrap();
    store.put("k", &small("0")).await.unwrap();
    let objects = store.objects.clone();
    let writer = tokio::spawn(async move {
        for round in 0..60 {
            objects.put(put_of("k", &pattern(10, round))).await.unwrap();
        }
    });
    let mut told = std::collections::BTreeMap::new();
    for round in 0..60 {
        let new = tags(&[("round", &round.to_string())]);
        let version = store
            .objects
            .put_tags(&at("k").into(), new.clone())
            .await
            .unwrap()
            .unwrap();
        told.insert(version.to_string(), (version, new));
    }
    writer.await.unwrap();
    for (version, new) in told.into_values() {
        assert_eq!(tags_of(&store, of("k", version)).await, new);
    }
}
