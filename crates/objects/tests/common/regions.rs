//! Stores in several regions, and passes over them.

use super::{Store, account, at, bucket, pattern, with_regions};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{FjallSettings, Meta, Scan};
use baleen_objects::{CreateBucket, NewSettings, ObjectError, Reconciled, ReplicationPolicy};
use baleen_runtime::Shutdown;
use baleen_types::RegionName;
use parking_lot::Mutex;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// One in the keyspace, two in segments, two in files of their own.
pub const SIZES: [usize; 5] = [100, 5000, 200_000, 300_000, 900_000];

pub fn region(name: &str) -> RegionName {
    RegionName::parse(name).unwrap()
}

/// A store of this folder, as after a restart.
pub async fn open(dir: &Path, seed: u64, regions: &[&str]) -> Store {
    let meta = Meta::open_fjall(&dir.join("meta"), FjallSettings::default()).unwrap();
    with_regions(dir, meta, seed, regions).recovered().await
}

/// Why a store does not start.
pub async fn refused(dir: &Path, seed: u64, regions: &[&str]) -> ObjectError {
    let meta = Meta::open_fjall(&dir.join("meta"), FjallSettings::default()).unwrap();
    let store = with_regions(dir, meta, seed, regions);
    store.objects.recover().await.unwrap_err()
}

/// A store in memory, with `west` beside home.
pub async fn two(dir: &Path) -> Store {
    with_regions(dir, Meta::open_model(), 1, &["west"])
        .recovered()
        .await
        .with_bucket()
        .await
}

pub async fn try_pass(store: &Store, name: Option<&str>) -> (Result<(), ObjectError>, Reconciled) {
    let done = Mutex::new(Reconciled::default());
    let name = name.map(region);
    let tell = |told: &Reconciled| *done.lock() = *told;
    let outcome = store.objects.reconcile(name.as_ref(), &Shutdown::new(), &tell).await;
    (outcome, done.into_inner())
}

pub async fn pass(store: &Store, name: Option<&str>) -> Reconciled {
    let (outcome, done) = try_pass(store, name).await;
    outcome.unwrap();
    assert_eq!((done.failed, done.left), (0, 0), "{done:?}");
    done
}

/// Passes over home and all others.
pub async fn heal(store: &Store) {
    let names: Vec<_> = store.objects.regions().map(ToString::to_string).collect();
    for name in names {
        pass(store, Some(&name)).await;
    }
    pass(store, None).await;
}

pub async fn status(store: &Store, key: &str) -> Vec<String> {
    let names = store.objects.regions_with(&at(key)).await.unwrap();
    names.iter().map(ToString::to_string).collect()
}

pub async fn put_all(store: &Store) {
    for (seed, size) in SIZES.into_iter().enumerate() {
        store.put(&size.to_string(), &pattern(size, seed)).await.unwrap();
    }
}

pub async fn assert_all(store: &Store) {
    for (seed, size) in SIZES.into_iter().enumerate() {
        let bytes = store.get(&size.to_string()).await.unwrap();
        assert!(bytes == pattern(size, seed), "{size}");
    }
}

/// The files below a folder that hold bytes of bodies.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["files", "segments"] {
        let Ok(entries) = std::fs::read_dir(dir.join(folder)) else {
            continue;
        };
        for entry in entries.map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                files.extend(std::fs::read_dir(entry).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                files.push(entry);
            }
        }
    }
    files.sort();
    files
}

/// Makes a bucket that is in these regions, or in all.
pub async fn make_bucket_in(store: &Store, name: &str, regions: Option<&[&str]>) {
    let new = CreateBucket {
        owner: account(1),
        name: bucket(name),
        region: region("local"),
        object_lock: false,
    };
    let settings = regions.map_or_else(NewSettings::default, |names| {
        let names: Vec<_> = names.iter().map(|name| region(name)).collect();
        NewSettings::default().with(&ReplicationPolicy::of(&names)).unwrap()
    });
    store.objects.create_bucket_with(new, settings).await.unwrap();
}

/// Changes one byte in the middle of a file's bytes that are not zero, and says where.
pub fn flip(path: &Path, at: u64) {
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

pub async fn notes(store: &Store) -> usize {
    let notes = Scan::prefix(&KeyWriter::new(Table::CopyDue).finish());
    store.meta.scan(notes).await.unwrap().len()
}

/// What is left of home after it was lost while the store runs: open segments are still there, and hold nothing any more.
pub fn lose_home(store: &Store) {
    for path in files(&store.dir.clone()) {
        if path.parent().unwrap().ends_with("segments") {
            let zeros = vec![0; usize::try_from(path.metadata().unwrap().len()).unwrap()];
            std::fs::File::options()
                .write(true)
                .open(&path)
                .unwrap()
                .write_all_at(&zeros, 0)
                .unwrap();
        }
    }
    std::fs::remove_dir_all(&store.dir).unwrap();
}
