//! A store with regions: what is damaged at home is in the backup from another, and what is damaged everywhere is named.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_backup::{Backup, Made, Parts, Progress};
use baleen_blob::Blobs;
use baleen_meta::{FjallSettings, Meta};
use baleen_objects::{Encrypt, RegionFolder, copies_of_unserved};
use baleen_runtime::{ManualClock, SeededEntropy, Shutdown};
use baleen_types::{RegionName, Timestamp};
use common::{Store, VOLUME, make, open, open_in, options, pattern, restored};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SIZES: [usize; 3] = [50_000, 400_000, 3_000_000];

fn west(dir: &Path) -> RegionFolder {
    RegionFolder {
        name: RegionName::parse("west").unwrap(),
        folder: dir.join("west"),
    }
}

/// The files of a folder below `files` that hold bodies of a length.
fn files(folder: &Path, length: usize) -> Vec<PathBuf> {
    let folders = std::fs::read_dir(folder.join("files")).unwrap();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let files = files.map(|file| file.unwrap().path());
    let is_of = |path: &PathBuf| {
        let bytes = path.metadata().unwrap().len();
        (length as u64..length as u64 * 11 / 10).contains(&bytes)
    };
    files.filter(is_of).collect()
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

/// Has everything copied, or healed.
async fn pass(store: &Store, region: Option<&RegionName>) {
    store
        .objects
        .reconcile(region, &Shutdown::new(), &|_| {})
        .await
        .unwrap();
}

/// As the command makes one, of a store that nobody serves; with the regions that are not looked at.
async fn make_unserved(dir: &Path, set: &[RegionFolder], to: &Path) -> (Made, Vec<String>) {
    let meta = Meta::open_fjall(&dir.join("store/meta"), FjallSettings::default()).unwrap();
    let entropy = SeededEntropy::new(77);
    let blobs = Blobs::open(&dir.join("store/blobs"), VOLUME, entropy.clone()).unwrap();
    let (copies, unlooked) = copies_of_unserved(&meta, &blobs, set).await.unwrap();
    let backup = Backup::new(Parts {
        meta,
        blobs,
        elsewhere: Arc::new(move || copies.clone()),
        clock: ManualClock::new(Timestamp::from_secs(1_800_000_000)),
        entropy,
        release: "test".to_owned(),
    });
    let made = backup.make(&options(to), &Progress::default()).await.unwrap();
    let unlooked = unlooked
        .into_iter()
        .map(|unlooked| format!("{}: {}", unlooked.region, unlooked.why));
    (made, unlooked.collect())
}

async fn filled(dir: &Path) -> Store {
    let store = open_in(&dir.join("store"), 1, vec![west(dir)])
        .await
        .with_bucket()
        .await;
    for size in SIZES {
        store
            .put(&format!("of {size}"), &pattern(size, size), Encrypt::AsBucket)
            .await;
    }
    pass(&store, Some(&west(dir).name)).await;
    store
}

async fn assert_restored(dir: &Path, backups: &Path) {
    let to = dir.join("restored");
    assert_eq!(restored(backups, &to).await.unwrap().extents, SIZES.len() as u64);
    let store = open(&to, 9).await;
    for size in SIZES {
        assert!(store.get(&format!("of {size}")).await == pattern(size, size), "{size}");
    }
}

#[tokio::test]
async fn what_is_damaged_at_home_is_read_from_another_region() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let store = filled(dir).await;
    let (home, backups) = (dir.join("store/blobs"), dir.join("backups"));
    let [file] = &files(&home, 3_000_000)[..] else {
        unreachable!()
    };
    let [copy] = &files(&dir.join("west"), 3_000_000)[..] else {
        unreachable!()
    };
    // Damaged here and there, so that neither is whole, also of what is read at once (1 MiB); but not of a unit that is healed (256 KiB).
    for at in [0, 200_000, 2_900_000] {
        flip(file, at + 70_000);
    }
    flip(copy, 600_000);
    flip(copy, 1_500_000);
    let made = make(&store, &backups).await.unwrap();
    assert_eq!((made.from_elsewhere, made.copied), (1, 3));
    assert_eq!((made.manifest.damaged.len(), made.manifest.damaged_of.len()), (0, 0));
    // Nobody read it, and it is healed all the same.
    assert_eq!(store.objects.healed(None), 0);
    pass(&store, None).await;
    assert_eq!(store.objects.healed(None), 1);
    assert_eq!(make(&store, &dir.join("again")).await.unwrap().from_elsewhere, 0);
    drop(store);
    assert_restored(dir, &backups).await;
}

#[tokio::test]
async fn a_store_that_nobody_serves_has_its_regions_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    drop(filled(dir).await);
    let (home, set) = (dir.join("store/blobs"), [west(dir)]);
    flip(&files(&home, 400_000)[0], 100_000);
    let (made, unlooked) = make_unserved(dir, &[], &dir.join("without")).await;
    assert_eq!(
        (made.from_elsewhere, &made.manifest.damaged_of[..]),
        (0, &["bucket/of 400000 (version null)".to_owned()][..])
    );
    assert_eq!(unlooked, ["west: it is not set, and the store has copies there"]);
    let (made, unlooked) = make_unserved(dir, &set, &dir.join("with")).await;
    assert_eq!(
        (made.from_elsewhere, made.manifest.damaged.len(), unlooked.len()),
        (1, 0, 0)
    );
    // The next server knows of it.
    let store = open_in(&dir.join("store"), 2, set.to_vec()).await;
    pass(&store, None).await;
    assert_eq!(store.objects.healed(None), 1);
    pass(&store, Some(&set[0].name)).await;
    drop(store);
    assert_restored(dir, &dir.join("with")).await;
}

#[tokio::test]
async fn what_is_damaged_everywhere_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let store = filled(dir).await;
    for folder in [dir.join("store/blobs"), dir.join("west")] {
        flip(&files(&folder, 3_000_000)[0], 1_000_000);
    }
    let made = make(&store, &dir.join("backups")).await.unwrap();
    let id = &made.manifest.damaged[0];
    let told: Vec<_> = made.manifest.damages().collect();
    assert_eq!(told, [format!("bucket/of 3000000 (version null) (extent {id})")]);
    let restored = restored(&dir.join("backups"), &dir.join("restored")).await.unwrap();
    assert_eq!(restored.manifest.damages().collect::<Vec<_>>(), told);
}
