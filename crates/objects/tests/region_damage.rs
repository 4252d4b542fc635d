//! Damage in one region: read round, told of, and healed from where the bytes are what was written.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_objects::Selection;
use baleen_types::{ByteRange, Classify, FaultKind};
use bytes::Bytes;
use common::regions::{assert_all, files, flip, heal, lose_home, notes, pass, put_all, status, try_pass, two};
use common::{Store, at, pattern};
use std::path::{Path, PathBuf};

/// As [`two`], with a body of several units, and its file in each.
async fn two_with_a_body(dir: &Path) -> (Store, Bytes, [PathBuf; 2]) {
    let store = two(dir).await;
    let bytes = pattern(900_000, 1);
    store.put("key", &bytes).await.unwrap();
    heal(&store).await;
    let files = [store.own_files().remove(0), files(&dir.join("west")).remove(0)];
    (store, bytes, files)
}

#[tokio::test]
async fn flipped_bits_are_read_from_elsewhere_and_healed() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    put_all(&store).await;
    heal(&store).await;
    let good: Vec<_> = files(&store.dir)
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    let mut seen = 0;
    for (path, good) in files(&store.dir).iter().zip(&good) {
        // Headers, blocks and checksums alike.
        for place in (0..good.len().min(700_000)).step_by(30_011) {
            flip(path, place as u64);
            assert_all(&store).await;
            let written = pass(&store, None).await.written;
            if written == 0 {
                // Nobody's: what is free in a segment.
                flip(path, place as u64);
            }
            seen += written;
            assert!(std::fs::read(path).unwrap() == *good, "{} at {place}", path.display());
        }
    }
    assert!(seen > 20, "{seen}");
    assert!(store.objects.reads_elsewhere() >= seen);
    store.assert_whole().await;
    assert_eq!(status(&store, "900000").await, ["local", "west"]);
}

#[tokio::test]
async fn a_flipped_bit_is_not_called_there_until_it_is_healed() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    put_all(&store).await;
    heal(&store).await;
    let [own] = &store.own_files()[..1] else { unreachable!() };
    flip(own, 100_000);
    let key = if own.metadata().unwrap().len() < 500_000 {
        "300000"
    } else {
        "900000"
    };
    store.get(key).await.unwrap();
    assert_eq!(status(&store, key).await, ["west"]);
    pass(&store, None).await;
    assert_eq!(status(&store, key).await, ["local", "west"]);
}

#[tokio::test]
async fn blocks_come_from_wherever_each_is_whole_and_no_other_bytes_ever() {
    let dir = tempfile::tempdir().unwrap();
    let (store, bytes, [home, west]) = two_with_a_body(dir.path()).await;
    // Units of four blocks: the first and the third are damaged at home, the second in the west.
    flip(&home, 1000);
    flip(&home, 600_000);
    flip(&west, 300_000);
    assert!(store.get("key").await.unwrap() == bytes);
    let ranged = Selection::Range(ByteRange::Between {
        first: 250_000,
        last: 650_000,
    });
    assert!(store.select("key", ranged).await.unwrap() == bytes.slice(250_000..650_001));
    pass(&store, None).await;
    assert!(std::fs::read(&home).unwrap() != std::fs::read(&west).unwrap());
    assert_eq!(
        store.objects.reads_elsewhere(),
        3,
        "twice for the whole, and once for the range"
    );
    // The same block in both: an error, for as long as it is so, and the task tells.
    flip(&home, 300_000);
    let error = store.get("key").await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Corrupt);
    let (outcome, done) = try_pass(&store, None).await;
    assert_eq!(outcome.unwrap_err().kind(), FaultKind::Corrupt);
    assert_eq!((done.failed, done.left), (1, 1));
    assert_eq!(status(&store, "key").await, ["west"], "nobody has read it there yet");
    flip(&west, 300_000);
    assert!(store.get("key").await.unwrap() == bytes);
    pass(&store, None).await;
    assert_eq!(std::fs::read(home).unwrap(), std::fs::read(west).unwrap());
}

/// As a sector that is gone: the file system gives an error, and no bytes. It is damage as any other.
#[tokio::test]
async fn what_the_file_system_cannot_read_is_damage_and_keeps_nothing_else_from_being_done() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    let west = dir.path().join("west");
    store.put("gone", &pattern(900_000, 1)).await.unwrap();
    heal(&store).await;
    assert_eq!(files(&west).len(), 1);
    let before = store.own_files();
    store.put("unread", &pattern(900_000, 2)).await.unwrap();
    let unread = store
        .own_files()
        .into_iter()
        .find(|path| !before.contains(path))
        .unwrap();
    std::fs::remove_file(&unread).unwrap();
    std::fs::create_dir(&unread).unwrap();
    let error = store.get("unread").await.unwrap_err();
    assert_eq!(error.kind(), FaultKind::Corrupt);
    // It cannot be copied; the copy of what was deleted goes nevertheless.
    store.objects.delete(&at("gone")).await.unwrap();
    let (outcome, done) = try_pass(&store, Some("west")).await;
    assert_eq!(outcome.unwrap_err().kind(), FaultKind::Corrupt);
    assert_eq!((done.removed, done.failed), (1, 1), "{done:?}");
    assert!(files(&west).is_empty());
}

#[tokio::test]
async fn copies_that_are_cut_swapped_or_no_files_are_not_believed_and_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    put_all(&store).await;
    heal(&store).await;
    let west = dir.path().join("west");
    let copies = files(&west);
    let [cut, swapped, folder, empty] = &copies[..] else {
        panic!("{copies:?}")
    };
    let bytes = std::fs::read(cut).unwrap();
    std::fs::write(cut, &bytes[..bytes.len() - 1]).unwrap();
    std::fs::write(swapped, std::fs::read(folder).unwrap()).unwrap();
    std::fs::remove_file(folder).unwrap();
    std::fs::create_dir(folder).unwrap();
    std::fs::write(empty, "").unwrap();
    for key in ["5000", "200000", "300000", "900000"] {
        assert_eq!(status(&store, key).await, ["local"], "{key}");
    }
    // Without its stamp the folder is not what it was, and is compared.
    std::fs::remove_file(west.join("stamp")).unwrap();
    let (outcome, done) = try_pass(&store, Some("west")).await;
    assert_eq!(
        outcome.unwrap_err().kind(),
        FaultKind::Unavailable,
        "the folder is in the way"
    );
    assert_eq!((done.written, done.failed, done.left), (3, 1, 1));
    std::fs::remove_dir(folder).unwrap();
    pass(&store, Some("west")).await;
    lose_home(&store);
    assert_all(&store).await;
}

#[tokio::test]
async fn sealed_bodies_are_read_from_elsewhere_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    let bytes = pattern(300_000, 1);
    let mut request = common::put_of("key", &bytes);
    request.encrypt = baleen_objects::Encrypt::Managed;
    store.objects.put(request).await.unwrap();
    heal(&store).await;
    lose_home(&store);
    assert!(store.get("key").await.unwrap() == bytes);
    let tail: Bytes = store
        .select("key", Selection::Range(ByteRange::From { first: 230_000 }))
        .await
        .unwrap();
    assert!(tail == bytes.slice(230_000..));
}

#[tokio::test]
async fn a_scrub_finds_what_nobody_has_read_and_has_it_healed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _, [home, west]) = two_with_a_body(dir.path()).await;
    let good = std::fs::read(&home).unwrap();
    for (damaged, region, damages, healable, words) in [
        (vec![], None, 0, 0, ""),
        (vec![&home], None, 0, 1, "what is lost of it is in another region"),
        (
            vec![&west],
            Some("west"),
            0,
            1,
            "its copy in the region west is to be written anew",
        ),
        (vec![&home, &west], None, 1, 1, "stored bytes are damaged"),
    ] {
        for path in &damaged {
            flip(path, 500_000);
        }
        let found = store.scrub().await;
        assert_eq!((found.damages, found.healable), (damages, healable), "{found:?}");
        assert!(
            found.told.iter().any(|told| told.what.contains(words)) || words.is_empty(),
            "{found:?}"
        );
        if damages > 0 {
            // What is whole nowhere comes back from neither.
            assert!(try_pass(&store, Some("west")).await.0.is_err());
            break;
        }
        assert_eq!(notes(&store).await as u64, healable);
        pass(&store, region).await;
        for path in [&home, &west] {
            assert!(std::fs::read(path).unwrap() == good);
        }
        store.assert_whole().await;
    }
    // Gone altogether, and before anybody asked.
    flip(&home, 500_000);
    std::fs::remove_file(&west).unwrap();
    assert_eq!(store.scrub().await.healable, 0, "it is noted already");
    pass(&store, Some("west")).await;
    std::fs::remove_file(&west).unwrap();
    assert_eq!(store.scrub().await.healable, 1);
    pass(&store, Some("west")).await;
    store.assert_whole().await;
}
