//! Folders of regions that are lost, set back, swapped or away while nobody works in them: told of, and brought in line.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_types::{Classify, FaultKind, causes};
use common::regions::{SIZES, assert_all, files, heal, lose_home, open, pass, put_all, refused, status, try_pass, two};
use common::{at, pattern};

#[tokio::test]
async fn home_lost_while_running_is_read_from_elsewhere_and_never_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), 1, &["west"]).await.with_bucket().await;
    put_all(&store).await;
    heal(&store).await;
    lose_home(&store);
    assert_all(&store).await;
    for key in ["100", "5000", "900000"] {
        assert_eq!(status(&store, key).await, ["west"], "{key}");
    }
    // What cannot be kept is refused, in segments too, whose files are still open.
    for size in [5000, 300_000] {
        for _ in 0..3 {
            let refused = store.put("new", &pattern(size, 77)).await.unwrap_err();
            assert_eq!(refused.kind(), FaultKind::Unavailable, "{refused}");
        }
    }
    drop(store);
    // With a new folder at the start everything comes back, and then home stands alone.
    let store = open(dir.path(), 2, &["west"]).await;
    assert_all(&store).await;
    store.put("new", &pattern(5000, 77)).await.unwrap();
    assert!(pass(&store, None).await.compared >= 4);
    drop(store);
    std::fs::remove_dir_all(dir.path().join("west")).unwrap();
    let store = open(dir.path(), 3, &["west"]).await;
    assert_all(&store).await;
    assert_eq!(store.get("new").await.unwrap(), pattern(5000, 77));
    assert_eq!(store.objects.reads_elsewhere(), 0);
    assert_eq!(status(&store, "5000").await, ["local"]);
    heal(&store).await;
    assert_eq!(status(&store, "5000").await, ["local", "west"]);
    store.assert_whole().await;
    for key in store.keys().await {
        store.objects.delete(&at(&key)).await.unwrap();
    }
    store.assert_empty_volume().await;
}

#[tokio::test]
async fn home_lost_with_no_other_region_never_mixes_old_and_new() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), 1, &[]).await.with_bucket().await;
    put_all(&store).await;
    drop(store);
    let home = dir.path().join("blob");
    std::fs::remove_dir_all(&home).unwrap();
    // It may come back, as a disk that is not mounted does, and nothing is written that would be lost then.
    for seed in 2..4 {
        let told = causes(&refused(dir.path(), seed, &[]).await);
        assert!(told.contains("is where the bodies of this store were"), "{told}");
        assert_eq!(files(&home), [] as [std::path::PathBuf; 0]);
    }
    std::fs::write(home.join("plain"), "").unwrap();
    let store = open(dir.path(), 4, &[]).await;
    for (key, bytes) in [("new", pattern(5000, 7)), ("newer", pattern(300_000, 8))] {
        store.put(key, &bytes).await.unwrap();
    }
    for size in SIZES {
        let key = size.to_string();
        if size > 4096 {
            assert_eq!(store.get(&key).await.unwrap_err().kind(), FaultKind::Corrupt);
        }
        store.objects.delete(&at(&key)).await.unwrap();
    }
    assert_eq!(store.get("new").await.unwrap(), pattern(5000, 7));
    assert_eq!(store.get("newer").await.unwrap(), pattern(300_000, 8));
    store.assert_whole().await;
}

#[tokio::test]
async fn a_region_lost_while_running_is_told_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    put_all(&store).await;
    heal(&store).await;
    let west = dir.path().join("west");
    std::fs::remove_dir_all(&west).unwrap();
    for key in ["100", "5000", "900000"] {
        assert_eq!(status(&store, key).await, ["local"], "{key}");
    }
    assert_all(&store).await;
    store.put("more", &pattern(5000, 5)).await.unwrap();
    // A file in its way.
    std::fs::write(&west, "x").unwrap();
    let (outcome, done) = try_pass(&store, Some("west")).await;
    assert_eq!((outcome.unwrap_err().kind(), done.left), (FaultKind::Unavailable, 1));
    store.put("even more", &pattern(5000, 6)).await.unwrap();
    std::fs::remove_file(&west).unwrap();
    assert_eq!(pass(&store, Some("west")).await.written, 6);
    assert_eq!(status(&store, "100").await, ["local", "west"]);
    lose_home(&store);
    assert_all(&store).await;
}

#[tokio::test]
async fn a_region_that_was_away_is_compared_when_it_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), 1, &[]).await.with_bucket().await;
    put_all(&store).await;
    let upload = store.begin("upload").await;
    store.put_part(&upload, 1, &pattern(300_000, 3)).await.unwrap();
    drop(store);
    // New to the store: what is there is copied, parts of uploads too.
    let store = open(dir.path(), 2, &["west"]).await;
    assert_eq!(status(&store, "100").await, ["local"]);
    let done = pass(&store, Some("west")).await;
    assert_eq!((done.compared, done.written), (5, 5));
    assert_eq!(status(&store, "900000").await, ["local", "west"]);
    assert_eq!(pass(&store, None).await.compared, 0, "home is what it was");
    drop(store);
    let store = open(dir.path(), 3, &["west"]).await;
    assert_eq!(pass(&store, Some("west")).await.compared, 0, "nothing has changed");
    drop(store);
    // Away: nobody notes what comes and goes.
    let store = open(dir.path(), 4, &[]).await;
    store.objects.delete(&at("900000")).await.unwrap();
    store.put("more", &pattern(5000, 5)).await.unwrap();
    assert_eq!(status(&store, "300000").await, ["local"]);
    drop(store);
    let store = open(dir.path(), 5, &["west"]).await;
    let done = pass(&store, Some("west")).await;
    assert_eq!((done.compared, done.written, done.removed), (5, 1, 1));
    assert_eq!(files(&dir.path().join("west")).len(), 5);
    assert_eq!(status(&store, "more").await, ["local", "west"]);
}

#[tokio::test]
async fn a_folder_of_another_store_or_region_is_refused() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(open(dir.path(), 1, &["west"]).await);
    drop(open(other.path(), 2, &["west", "east"]).await);
    std::fs::remove_dir_all(dir.path().join("west")).unwrap();
    std::fs::rename(other.path().join("west"), dir.path().join("west")).unwrap();
    refused(dir.path(), 3, &["west"]).await;
    std::fs::rename(other.path().join("east"), other.path().join("west")).unwrap();
    refused(other.path(), 4, &["west"]).await;
    // And with nothing in its place the region is new.
    std::fs::remove_dir_all(other.path().join("west")).unwrap();
    drop(open(other.path(), 5, &["west"]).await);
}

/// A home is neither damaged nor in use: it is said what it is, and nothing is made or changed in it.
#[tokio::test]
async fn a_home_that_is_set_as_a_region_is_refused_by_its_name() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (seed, dir) in [(1, dir.path()), (2, other.path())] {
        let store = open(dir, seed, &[]).await.with_bucket().await;
        put_all(&store).await;
    }
    let west = dir.path().join("west");
    let told = causes(&refused(dir.path(), 3, &["blob"]).await);
    assert!(told.contains("blob is the home of this store"), "{told}");
    std::os::unix::fs::symlink(dir.path().join("blob"), &west).unwrap();
    let told = causes(&refused(dir.path(), 4, &["west"]).await);
    assert!(told.contains("west is the home of this store"), "{told}");
    std::fs::remove_file(&west).unwrap();
    std::fs::rename(other.path().join("blob"), &west).unwrap();
    let (held, stamp) = (files(&west), std::fs::read(west.join("stamp")).unwrap());
    let told = causes(&refused(dir.path(), 5, &["west"]).await);
    assert!(told.contains("west is the home of another store"), "{told}");
    assert_eq!(
        (files(&west), std::fs::read(west.join("stamp")).unwrap()),
        (held, stamp)
    );
    std::fs::rename(&west, other.path().join("blob")).unwrap();
    let store = open(dir.path(), 6, &["west"]).await;
    heal(&store).await;
    assert_all(&store).await;
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(&west).unwrap().permissions().mode();
    assert_eq!(
        mode & 0o777,
        0o700,
        "a folder of copies is for its owner alone, as home is"
    );
}

/// To take it into use would be to remove all that is in it, from a store of one region as from one of many.
#[tokio::test]
async fn a_home_of_another_store_is_refused_and_left_as_it_is() {
    let one: &[&str] = &[];
    let many: &[&str] = &["west"];
    for (ours, theirs) in [(one, one), (one, many), (many, one), (many, many)] {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (seed, dir, regions) in [(1, dir.path(), ours), (2, other.path(), theirs)] {
            let store = open(dir, seed, regions).await.with_bucket().await;
            put_all(&store).await;
        }
        let (home, theirs) = (dir.path().join("blob"), other.path().join("blob"));
        std::fs::rename(&home, dir.path().join("away")).unwrap();
        std::fs::rename(&theirs, &home).unwrap();
        let held = files(&home);
        let stamp = std::fs::read(home.join("stamp")).unwrap();
        for (seed, text) in [(3, Some(&stamp[..])), (4, None), (5, Some(b"store"))] {
            match text {
                Some(text) => std::fs::write(home.join("stamp"), text).unwrap(),
                None => std::fs::remove_file(home.join("stamp")).unwrap(),
            }
            let told = causes(&refused(dir.path(), seed, ours).await);
            assert!(told.contains(&home.display().to_string()), "{told}");
            assert_eq!(told.contains("plain"), text != Some(&stamp[..]), "{told}");
            assert_eq!(files(&home), held, "{told}");
        }
        // A keyspace that is new knows none of it either.
        std::fs::rename(dir.path().join("meta"), dir.path().join("meta.away")).unwrap();
        if !ours.is_empty() {
            std::fs::remove_dir_all(dir.path().join("west")).unwrap();
        }
        refused(dir.path(), 6, ours).await;
        assert_eq!(files(&home), held);
        // Unless somebody says that it is meant.
        std::fs::write(home.join("plain"), "").unwrap();
        let store = open(dir.path(), 7, ours).await;
        assert!(!home.join("plain").exists());
        store.objects.sweep().await.unwrap();
        assert!(files(&home).len() < held.len());
    }
}

/// As a store that was copied from a backup is, whose home has no stamp yet.
#[tokio::test]
async fn a_home_without_a_stamp_is_taken_when_it_is_meant_and_nothing_of_it_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), 1, &[]).await.with_bucket().await;
    put_all(&store).await;
    drop(store);
    let home = dir.path().join("blob");
    std::fs::remove_file(home.join("stamp")).unwrap();
    std::fs::write(home.join("plain"), "").unwrap();
    let store = open(dir.path(), 2, &[]).await;
    store.objects.sweep().await.unwrap();
    assert_all(&store).await;
    store.assert_whole().await;
}

#[tokio::test]
async fn a_folder_set_back_to_an_earlier_state_is_compared() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), 1, &["west"]).await.with_bucket().await;
    heal(&store).await;
    let west = dir.path().join("west");
    let earlier = std::fs::read_to_string(west.join("stamp")).unwrap();
    put_all(&store).await;
    heal(&store).await;
    drop(store);
    drop(open(dir.path(), 2, &["west"]).await);
    for copy in files(&west) {
        std::fs::remove_file(copy).unwrap();
    }
    std::fs::write(west.join("stamp"), earlier).unwrap();
    let store = open(dir.path(), 3, &["west"]).await;
    assert_eq!(status(&store, "100").await, ["local"]);
    assert_eq!(pass(&store, Some("west")).await.written, 4);
}

#[tokio::test]
async fn a_folder_swapped_while_running_is_compared() {
    let dir = tempfile::tempdir().unwrap();
    let (west, away) = (dir.path().join("west"), dir.path().join("away"));
    let store = open(dir.path(), 1, &["west"]).await.with_bucket().await;
    heal(&store).await;
    drop(store);
    std::fs::rename(&west, &away).unwrap();
    let store = open(dir.path(), 2, &["west"]).await;
    put_all(&store).await;
    heal(&store).await;
    let now = dir.path().join("now");
    for (from, to) in [(&west, &now), (&away, &west)] {
        std::fs::rename(from, to).unwrap();
    }
    for key in ["100", "900000"] {
        assert_eq!(status(&store, key).await, ["local"], "{key}");
    }
    let done = pass(&store, Some("west")).await;
    assert_eq!((done.compared, done.written), (4, 4));
    assert_eq!(status(&store, "900000").await, ["local", "west"]);
    // At home too, which comes back with a restart alone.
    std::fs::write(store.dir.join("stamp"), "another\n").unwrap();
    assert_eq!(status(&store, "900000").await, ["west"]);
}
