//! The folder of home goes while the store runs: bodies are read from elsewhere, none is written to where nobody looks, and home
//! comes back without a restart.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_blob::{NewBlob, OwnerTag, Placement};
use baleen_meta::Meta;
use baleen_objects::{HomePlace, ObjectError};
use baleen_types::{Classify, FaultKind};
use common::regions::{SIZES, assert_all, files, heal, open, pass, put_all, status, try_pass};
use common::tmpfs::{mount, on_tmpfs};
use common::{Store, at, pattern, with_regions};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A store with all sizes in both regions.
async fn filled(dir: &Path) -> Store {
    filled_with(dir, 1).await
}

/// The same whose ids are drawn from a seed.
async fn filled_with(dir: &Path, seed: u64) -> Store {
    let store = open(dir, seed, &["west"]).await.with_bucket().await;
    put_all(&store).await;
    heal(&store).await;
    store
}

/// No body is taken, of any size that would go to the volume.
async fn assert_refuses(store: &Store) {
    for size in [5000, 200_000, 300_000] {
        let refused = store.put("new", &pattern(size, 77)).await.unwrap_err();
        assert_eq!(refused.kind(), FaultKind::Unavailable, "{size}: {refused}");
    }
    let missing = store.get("new").await.unwrap_err();
    assert!(matches!(missing, ObjectError::NoSuchKey(_)), "{missing}");
}

/// Everything that has to be there is at home, and new bodies are too.
async fn assert_home_has_all(store: &Store, west: &Path) {
    let elsewhere = store.objects.reads_elsewhere();
    for size in [5000, 200_000, 300_000] {
        store.put("new", &pattern(size, 77)).await.unwrap();
        assert!(store.get("new").await.unwrap() == pattern(size, 77), "{size}");
    }
    store.objects.delete(&at("new")).await.unwrap();
    heal(store).await;
    let away = west.with_extension("away");
    std::fs::rename(west, &away).unwrap();
    assert_all(store).await;
    assert_eq!(store.objects.reads_elsewhere(), elsewhere);
    std::fs::rename(away, west).unwrap();
    heal(store).await;
    assert_eq!(status(store, "900000").await, ["local", "west"]);
    store.assert_whole().await;
}

/// So long that another folder may take the place.
fn wait(store: &Store) {
    store.clock.advance(Duration::from_secs(6));
}

fn is_unavailable(outcome: Result<(), ObjectError>) -> bool {
    outcome.is_err_and(|error| error.kind() == FaultKind::Unavailable)
}

/// What is open is still there for who has it open, and for nobody else.
#[tokio::test]
async fn nothing_is_written_into_a_folder_that_was_moved_away_and_it_may_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let away = dir.path().join("away");
    assert_eq!(store.objects.home_place(), HomePlace::Kept);
    std::fs::rename(&store.dir, &away).unwrap();
    assert_refuses(&store).await;
    assert_eq!(store.objects.home_place(), HomePlace::Missed);
    for _ in 0..2 {
        assert_all(&store).await;
        assert_eq!(status(&store, "5000").await, ["west"]);
        assert!(is_unavailable(try_pass(&store, None).await.0));
        assert_eq!(store.objects.home_place(), HomePlace::Awaited);
    }
    assert!(!store.dir.exists(), "not so soon");
    let before = store.objects.reads_elsewhere();
    std::fs::rename(&away, &store.dir).unwrap();
    assert_eq!(store.objects.home_place(), HomePlace::Back);
    assert_eq!(pass(&store, None).await.compared, 0, "it is what it was");
    assert_eq!(store.objects.home_place(), HomePlace::Kept);
    assert_all(&store).await;
    assert_eq!(store.objects.reads_elsewhere(), before);
    assert_eq!(status(&store, "5000").await, ["local", "west"]);
    assert_home_has_all(&store, &dir.path().join("west")).await;
}

#[tokio::test]
async fn a_home_that_stays_away_is_made_anew_and_filled() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    std::fs::rename(&store.dir, dir.path().join("away")).unwrap();
    assert!(is_unavailable(try_pass(&store, None).await.0));
    wait(&store);
    assert_eq!(store.objects.home_place(), HomePlace::GivenUp);
    let done = pass(&store, None).await;
    assert_eq!((done.compared, done.written), (4, 4));
    assert_eq!(store.objects.home_place(), HomePlace::Kept);
    assert_eq!(status(&store, "5000").await, ["local", "west"]);
    assert_home_has_all(&store, &dir.path().join("west")).await;
    drop(store);
    // What is free is known again after a restart.
    let store = open(dir.path(), 2, &["west"]).await;
    assert_eq!(pass(&store, None).await.compared, 0);
    assert_all(&store).await;
    for key in store.keys().await {
        store.objects.delete(&at(&key)).await.unwrap();
    }
    store.assert_empty_volume().await;
}

/// Its bytes are in the folder that went, and no record may name them.
#[tokio::test]
async fn what_was_being_written_when_home_went_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    let mut writers = Vec::new();
    for (length, placement) in [
        (Some(5000), Placement::BySize),
        (Some(200_000), Placement::BySize),
        (None, Placement::OwnFile),
    ] {
        let owner = OwnerTag::default();
        let new = NewBlob {
            owner,
            length,
            placement,
        };
        let mut writer = store.blobs.writer(new).await.unwrap();
        let bytes = pattern(usize::try_from(length.unwrap_or(300_000)).unwrap(), 5);
        writer.write(bytes).await.unwrap();
        writers.push(writer);
    }
    std::fs::rename(&store.dir, dir.path().join("away")).unwrap();
    assert!(is_unavailable(try_pass(&store, None).await.0));
    wait(&store);
    pass(&store, None).await;
    for writer in writers {
        assert!(writer.finish().await.is_err());
    }
    assert_home_has_all(&store, &dir.path().join("west")).await;
}

#[tokio::test]
async fn what_is_nowhere_else_is_unavailable_while_home_is_away_and_not_called_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), 1, &[]).await.with_bucket().await;
    put_all(&store).await;
    let away = dir.path().join("away");
    std::fs::rename(&store.dir, &away).unwrap();
    store.blobs.leave();
    for size in &SIZES[1..] {
        let error = store.get(&size.to_string()).await.unwrap_err();
        assert_eq!(error.kind(), FaultKind::Unavailable, "{size}: {error}");
    }
    assert!(store.get("100").await.unwrap() == pattern(100, 0));
    std::fs::rename(&away, &store.dir).unwrap();
    store.blobs.come_back().unwrap();
    assert_all(&store).await;
}

#[tokio::test]
async fn what_is_no_home_of_this_store_is_left_alone() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = filled(dir.path()).await;
    let foreign = filled_with(other.path(), 9).await;
    let foreign_home = foreign.dir.clone();
    drop(foreign);
    std::fs::rename(&store.dir, dir.path().join("away")).unwrap();
    let contents = |dir: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        let read = |path: PathBuf| (path.clone(), std::fs::read(path).unwrap());
        files(dir).into_iter().map(read).collect()
    };
    // A file, a folder of something else, and the home of another store.
    std::fs::write(&store.dir, "a file").unwrap();
    for _ in 0..2 {
        assert!(is_unavailable(try_pass(&store, None).await.0));
        wait(&store);
    }
    std::fs::remove_file(&store.dir).unwrap();
    std::fs::create_dir(&store.dir).unwrap();
    std::fs::write(store.dir.join("format"), "something else\n").unwrap();
    assert!(try_pass(&store, None).await.0.is_err());
    assert_eq!(std::fs::read_dir(&store.dir).unwrap().count(), 2, "and a lock");
    std::fs::remove_dir_all(&store.dir).unwrap();
    std::fs::rename(foreign_home, &store.dir).unwrap();
    let before = contents(&store.dir);
    assert!(before.len() >= 3);
    for _ in 0..2 {
        assert!(try_pass(&store, None).await.0.is_err());
        assert!(store.objects.sweep().await.is_err());
        assert_all(&store).await;
        wait(&store);
    }
    assert!(contents(&store.dir) == before);
    std::fs::remove_dir_all(&store.dir).unwrap();
    pass(&store, None).await;
    assert_home_has_all(&store, &dir.path().join("west")).await;
}

#[tokio::test]
async fn an_earlier_home_in_the_place_of_the_one_that_went_is_compared() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), 1, &["west"]).await.with_bucket().await);
    let (home, earlier) = (dir.path().join("blob"), dir.path().join("earlier"));
    let copied = Command::new("cp").arg("-a").args([&home, &earlier]).status().unwrap();
    assert!(copied.success());
    let store = open(dir.path(), 2, &["west"]).await;
    put_all(&store).await;
    heal(&store).await;
    std::fs::rename(&home, dir.path().join("away")).unwrap();
    std::fs::rename(&earlier, &home).unwrap();
    assert!(is_unavailable(try_pass(&store, None).await.0));
    assert_refuses(&store).await;
    assert_all(&store).await;
    wait(&store);
    let done = pass(&store, None).await;
    assert_eq!((done.compared, done.written), (4, 4));
    assert_home_has_all(&store, &dir.path().join("west")).await;
}

#[tokio::test]
async fn a_segment_that_is_removed_is_made_again_and_handed_out_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path()).await;
    for path in files(&store.dir)
        .iter()
        .filter(|path| !path.starts_with(store.dir.join("files")))
    {
        std::fs::remove_file(path).unwrap();
    }
    // Who has it open still reads from it; who has not, elsewhere.
    store.blobs.leave();
    store.blobs.come_back().unwrap();
    assert_all(&store).await;
    assert_eq!(pass(&store, None).await.written, 2);
    assert_home_has_all(&store, &dir.path().join("west")).await;
    drop(store);
    let store = open(dir.path(), 2, &["west"]).await;
    assert_all(&store).await;
    store.assert_whole().await;
}

/// Home is a file system of its own.
#[test]
fn a_home_that_is_unmounted_does_not_fill_up_what_is_below() {
    on_tmpfs(
        "a_home_that_is_unmounted_does_not_fill_up_what_is_below",
        r#"mkdir "$1/blob" && mount -t tmpfs -o size=64m tmpfs "$1/blob""#,
        async |dir| unmounted(&dir).await,
    );
}

/// The other region is.
#[test]
fn a_region_that_is_unmounted_does_not_fill_up_what_is_below() {
    on_tmpfs(
        "a_region_that_is_unmounted_does_not_fill_up_what_is_below",
        r#"mkdir "$1/west" && mount -t tmpfs -o size=64m tmpfs "$1/west""#,
        async |dir| {
            let store = filled(&dir).await;
            let west = dir.join("west");
            mount("umount", &["--lazy"], &west);
            for _ in 0..2 {
                assert_all(&store).await;
                assert!(is_unavailable(try_pass(&store, Some("west")).await.0));
                assert_eq!(status(&store, "5000").await, ["local"]);
            }
            assert_eq!(std::fs::read_dir(&west).unwrap().count(), 0);
            mount("mount", &["-t", "tmpfs", "-o", "size=64m", "tmpfs"], &west);
            assert_eq!(pass(&store, Some("west")).await.written, 4);
            assert_eq!(status(&store, "5000").await, ["local", "west"]);
        },
    );
}

async fn unmounted(dir: &Path) {
    let store = with_regions(dir, Meta::open_model(), 1, &["west"]);
    let store = store.recovered().await.with_bucket().await;
    put_all(&store).await;
    heal(&store).await;
    mount("umount", &["--lazy"], &store.dir);
    assert_refuses(&store).await;
    for _ in 0..3 {
        assert_all(&store).await;
        assert!(is_unavailable(try_pass(&store, None).await.0));
        wait(&store);
    }
    assert_eq!(std::fs::read_dir(&store.dir).unwrap().count(), 0);
    mount("mount", &["-t", "tmpfs", "-o", "size=64m", "tmpfs"], &store.dir);
    pass(&store, None).await;
    assert_home_has_all(&store, &dir.join("west")).await;
}
