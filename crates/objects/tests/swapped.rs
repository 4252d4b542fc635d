//! Folders of regions that are swapped while somebody works in them: what is done goes into the folder that was opened, and nothing is
//! said of another, or removed from it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_objects::{ObjectError, Reconciled};
use baleen_runtime::Shutdown;
use baleen_types::{Classify, FaultKind};
use common::regions::{SIZES, assert_all, files, heal, open, pass, put_all, refused, region, status, try_pass, two};
use common::tmpfs::{mount, on_tmpfs};
use common::{Store, at, pattern};
use parking_lot::Mutex;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A pass over `west` in which something is done when it tells of the first page.
async fn pass_with(store: &Store, swap: impl FnOnce() + Send) -> (Result<(), ObjectError>, Reconciled) {
    let (swap, done) = (Mutex::new(Some(swap)), Mutex::new(Reconciled::default()));
    let tell = |told: &Reconciled| {
        *done.lock() = *told;
        if let Some(swap) = swap.lock().take() {
            swap();
        }
    };
    let (west, stop) = (region("west"), Shutdown::new());
    let outcome = store.objects.reconcile(Some(&west), &stop, &tell).await;
    (outcome, done.into_inner())
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(copied.success());
}

fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        (path.strip_prefix(dir).unwrap().to_owned(), bytes)
    };
    files(dir).into_iter().map(read).collect()
}

/// More than one page of notes, and none that is short enough to be a copy of the keyspace's.
async fn put_many(store: &Store, seed: usize) {
    for n in 0..400 {
        store.put(&n.to_string(), &pattern(5000, n + seed)).await.unwrap();
    }
}

async fn assert_many(store: &Store, seed: usize) {
    for n in 0..400 {
        assert!(
            store.get(&n.to_string()).await.unwrap() == pattern(5000, n + seed),
            "{n}"
        );
    }
}

/// All of them can be read without home.
async fn assert_west_has_many(store: &Store, seed: usize) {
    let away = store.dir.with_extension("away");
    std::fs::rename(&store.dir, &away).unwrap();
    store.blobs.leave();
    assert_many(store, seed).await;
    std::fs::rename(&away, &store.dir).unwrap();
    store.blobs.come_back().unwrap();
}

/// With an empty folder, a copy of what it was, stamp and all, and nothing in its place.
#[tokio::test]
async fn a_copy_that_went_into_a_folder_that_was_moved_away_is_not_taken_for_one_here() {
    for case in ["empty", "copied", "nothing", "a file"] {
        let dir = tempfile::tempdir().unwrap();
        let (west, away) = (dir.path().join("west"), dir.path().join("away"));
        let store = two(dir.path()).await;
        pass(&store, Some("west")).await;
        put_many(&store, 0).await;
        let earlier = dir.path().join("earlier");
        copy(&west, &earlier);
        let (outcome, _) = pass_with(&store, || {
            std::fs::rename(&west, &away).unwrap();
            match case {
                "empty" => std::fs::create_dir(&west).unwrap(),
                "copied" => std::fs::rename(&earlier, &west).unwrap(),
                "a file" => std::fs::write(&west, "x").unwrap(),
                _ => {}
            }
        })
        .await;
        assert_eq!(outcome.unwrap_err().kind(), FaultKind::Unavailable, "{case}");
        if case != "a file" {
            let there = files(&west);
            assert_eq!(there, [] as [PathBuf; 0], "{case}");
        }
        assert_eq!(status(&store, "7").await, ["local"], "{case}");
        if case == "a file" {
            std::fs::remove_file(&west).unwrap();
        }
        // Whatever it is now, it is compared.
        let done = pass(&store, Some("west")).await;
        assert_eq!((done.compared, done.written), (400, 400), "{case}");
        assert_eq!(status(&store, "7").await, ["local", "west"], "{case}");
        assert_west_has_many(&store, 0).await;
    }
}

/// Its disk may have died, and a fresh one be in its place.
#[tokio::test]
async fn a_folder_that_cannot_be_read_is_let_go_of() {
    let dir = tempfile::tempdir().unwrap();
    let (west, away) = (dir.path().join("west"), dir.path().join("away"));
    let store = two(dir.path()).await;
    put_all(&store).await;
    heal(&store).await;
    std::fs::remove_file(west.join("stamp")).unwrap();
    std::fs::create_dir(west.join("stamp")).unwrap();
    for _ in 0..2 {
        let refused = try_pass(&store, Some("west")).await.0.unwrap_err();
        assert_eq!(refused.kind(), FaultKind::Unavailable);
        assert_eq!(status(&store, "5000").await, ["local"]);
    }
    std::fs::remove_dir(west.join("stamp")).unwrap();
    let done = pass(&store, Some("west")).await;
    assert_eq!((done.compared, done.written), (4, 0), "it is the same without a stamp");
    // Also in the middle of its use.
    std::fs::remove_file(west.join("stamp")).unwrap();
    std::fs::create_dir(west.join("stamp")).unwrap();
    std::fs::rename(&west, &away).unwrap();
    std::fs::create_dir(&west).unwrap();
    let done = pass(&store, Some("west")).await;
    assert_eq!((done.compared, done.written), (4, 4));
    assert_eq!(status(&store, "5000").await, ["local", "west"]);
}

#[tokio::test]
async fn a_folder_that_comes_back_as_it_was_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let (west, away) = (dir.path().join("west"), dir.path().join("away"));
    let store = two(dir.path()).await;
    pass(&store, Some("west")).await;
    put_many(&store, 0).await;
    let (outcome, done) = pass_with(&store, || std::fs::rename(&west, &away).unwrap()).await;
    assert!(outcome.is_err());
    let there = done.written;
    assert!(there > 0 && there < 400, "{done:?}");
    std::fs::rename(&away, &west).unwrap();
    let done = pass(&store, Some("west")).await;
    assert_eq!((done.compared, done.written), (0, 400 - there));
    assert_west_has_many(&store, 0).await;
}

/// Nothing is removed from what is in the place of the folder, be it that of another store, or an earlier one.
#[tokio::test]
async fn nothing_is_removed_from_a_folder_that_came_in_the_middle_of_a_pass() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (west, away) = (dir.path().join("west"), dir.path().join("away"));
    let foreign = open(other.path(), 9, &["west"]).await.with_bucket().await;
    put_many(&foreign, 77).await;
    heal(&foreign).await;
    drop(foreign);
    let store = two(dir.path()).await;
    put_many(&store, 0).await;
    heal(&store).await;
    let earlier = dir.path().join("earlier");
    for place in [&other.path().join("west"), &earlier] {
        if place == &earlier {
            copy(&west, &earlier);
        }
        // Some notes are of what is gone, and all that is there is looked at.
        for n in 0..400 {
            store.objects.delete(&at(&n.to_string())).await.unwrap();
        }
        store.put("more", &pattern(5000, 1)).await.unwrap();
        store.clock.advance(std::time::Duration::from_hours(7));
        let before = contents(place);
        assert!(before.len() >= 400, "{}", before.len());
        let (outcome, done) = pass_with(&store, || {
            std::fs::rename(&west, &away).unwrap();
            std::fs::rename(place, &west).unwrap();
        })
        .await;
        assert!(outcome.is_err());
        assert_eq!(done.removed, 0, "{done:?}");
        assert!(contents(&west) == before);
        if place != &earlier {
            // It stays refused.
            assert!(try_pass(&store, Some("west")).await.0.is_err());
            assert!(contents(&west) == before);
        }
        std::fs::rename(&west, place).unwrap();
        std::fs::rename(&away, &west).unwrap();
        let mut left = pass(&store, Some("west")).await.removed;
        left += pass(&store, Some("west")).await.removed;
        assert!(left >= 400, "{left}");
        assert_eq!(files(&west).len(), 1);
        put_many(&store, 0).await;
        heal(&store).await;
    }
}

/// A bind mount over it is a swap as well, and what is below comes back with its end.
#[test]
fn what_is_mounted_over_a_region_in_the_middle_of_a_pass_gets_nothing() {
    on_tmpfs(
        "what_is_mounted_over_a_region_in_the_middle_of_a_pass_gets_nothing",
        "true",
        async |dir| {
            let west = dir.join("west");
            let store = two(&dir).await;
            pass(&store, Some("west")).await;
            put_many(&store, 0).await;
            let over = || mount("mount", &["-t", "tmpfs", "-o", "size=64m", "tmpfs"], &west);
            let (outcome, _) = pass_with(&store, over).await;
            assert!(outcome.is_err());
            assert_eq!(std::fs::read_dir(&west).unwrap().count(), 0);
            assert_eq!(status(&store, "7").await, ["local"]);
            mount("umount", &["--lazy"], &west);
            assert_eq!(pass(&store, Some("west")).await.compared, 0, "it is what it was");
            assert_eq!(status(&store, "7").await, ["local", "west"]);
            assert_west_has_many(&store, 0).await;
        },
    );
}

/// It holds over a restart, until somebody says that it is meant; and another folder in the settings is another matter.
#[test]
fn a_region_that_was_a_mount_is_waited_for_after_a_restart_too() {
    on_tmpfs(
        "a_region_that_was_a_mount_is_waited_for_after_a_restart_too",
        r#"mkdir "$1/west" && mount -t tmpfs -o size=64m tmpfs "$1/west""#,
        async |dir| {
            let west = dir.join("west");
            let store = open(&dir, 1, &["west"]).await.with_bucket().await;
            put_all(&store).await;
            heal(&store).await;
            drop(store);
            mount("umount", &[], &west);
            for seed in 2..4 {
                let store = open(&dir, seed, &["west"]).await;
                let refused = try_pass(&store, Some("west")).await.0.unwrap_err();
                assert_eq!(refused.kind(), FaultKind::Unavailable);
                assert_eq!(status(&store, "5000").await, ["local"]);
                assert_eq!(std::fs::read_dir(&west).unwrap().count(), 0, "nothing is made below");
                assert_all(&store).await;
            }
            // Another region does not wait for it.
            let store = open(&dir, 4, &["west", "east"]).await;
            assert_eq!(pass(&store, Some("east")).await.written, 4);
            drop(store);
            std::fs::write(west.join("plain"), "").unwrap();
            let store = open(&dir, 5, &["west"]).await;
            assert_eq!(pass(&store, Some("west")).await.written, 4);
            assert!(!west.join("plain").exists(), "it is known by now");
            drop(store);
            assert_eq!(pass(&open(&dir, 6, &["west"]).await, Some("west")).await.written, 0);
        },
    );
}

/// As for other regions; the store does not start, for it would be filled from them.
#[test]
fn a_home_that_was_a_mount_is_not_made_below_after_a_restart() {
    on_tmpfs(
        "a_home_that_was_a_mount_is_not_made_below_after_a_restart",
        r#"mkdir "$1/blob" && mount -t tmpfs -o size=128m tmpfs "$1/blob""#,
        async |dir| {
            let home = dir.join("blob");
            let store = open(&dir, 1, &["west"]).await.with_bucket().await;
            put_all(&store).await;
            heal(&store).await;
            drop(store);
            mount("umount", &[], &home);
            for seed in 2..4 {
                let error = refused(&dir, seed, &["west"]).await;
                let told = baleen_types::causes(&error);
                assert!(told.contains("not mounted") && told.contains("plain"), "{told}");
                assert_eq!(files(&home), [] as [PathBuf; 0]);
            }
            std::fs::write(home.join("plain"), "").unwrap();
            let store = open(&dir, 4, &["west"]).await;
            assert_eq!(pass(&store, None).await.compared, SIZES.len() as u64 - 1);
            assert_all(&store).await;
            assert!(!home.join("plain").exists());
        },
    );
}

/// For as long as nobody has noticed it. Nothing is written into it, nothing removed from it, and nothing said to be kept that went into
/// the one that was moved away.
#[tokio::test]
async fn what_is_in_the_place_of_home_before_a_pass_notices_it_is_left_alone() {
    let other = tempfile::tempdir().unwrap();
    let foreign = open(other.path(), 9, &["west"]).await.with_bucket().await;
    put_all(&foreign).await;
    let foreign_home = foreign.dir.clone();
    drop(foreign);
    for case in ["foreign", "copied", "empty", "segments", "files"] {
        let dir = tempfile::tempdir().unwrap();
        let store = open(dir.path(), 1, &["west"]).await.with_bucket().await;
        put_all(&store).await;
        heal(&store).await;
        let (away, earlier) = (dir.path().join("away"), dir.path().join("earlier"));
        copy(if case == "foreign" { &foreign_home } else { &store.dir }, &earlier);
        // Or a folder in it is another one, in which all of the others may be written.
        let is_part = matches!(case, "segments" | "files");
        let (place, other) = if is_part {
            (store.dir.join(case), earlier.join(case))
        } else {
            (store.dir.clone(), earlier.clone())
        };
        std::fs::rename(&place, &away).unwrap();
        if case == "empty" {
            std::fs::create_dir(&place).unwrap();
        } else {
            std::fs::rename(&other, &place).unwrap();
        }
        let before = contents(&store.dir);
        // Also more than the segments have room for.
        for n in 0..12 {
            for size in [5000, 200_000, 300_000, 900_000] {
                if is_part && (size > 256 << 10) == (case == "segments") {
                    continue;
                }
                let refused = store.put(&format!("new{n}"), &pattern(size, 77)).await.expect_err(case);
                assert_eq!(refused.kind(), FaultKind::Unavailable, "{case} {size}: {refused}");
            }
        }
        assert_all(&store).await;
        for size in SIZES {
            store.objects.delete(&at(&size.to_string())).await.unwrap();
        }
        assert!(store.objects.sweep().await.is_err());
        if is_part {
            let is_left =
                |(path, bytes): &(PathBuf, Vec<u8>)| std::fs::read(store.dir.join(path)).is_ok_and(|now| now == *bytes);
            let in_part: Vec<_> = before.iter().filter(|(path, _)| path.starts_with(case)).collect();
            assert!(!in_part.is_empty() && in_part.into_iter().all(is_left), "{case}");
        } else {
            assert!(contents(&store.dir) == before, "{case}");
        }
        std::fs::rename(&place, dir.path().join("other")).unwrap();
        std::fs::rename(&away, &place).unwrap();
        heal(&store).await;
        put_all(&store).await;
        assert_all(&store).await;
        store.assert_whole().await;
    }
}
