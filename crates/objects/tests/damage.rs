//! Bits that flip on disk: an error, never wrong bytes. And a disk that fills up.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_blob::Settings as VolumeSettings;
use baleen_objects::{ObjectError, PutObject};
use baleen_types::{Classify, FaultKind};
use common::tmpfs::on_tmpfs;
use common::{Store, at, bucket, durable, pattern, put_of};
use std::path::Path;

#[tokio::test]
async fn a_flipped_bit_is_corrupt_and_never_wrong_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = durable(dir.path(), 1).with_bucket().await;
    let sizes = [5000, 100_000, 250_000, 300_000, 900_000];
    for (seed, size) in sizes.into_iter().enumerate() {
        store.put(&format!("{size}"), &pattern(size, seed)).await.unwrap();
    }
    let segments = std::fs::read_dir(store.dir.join("segments"))
        .unwrap()
        .map(|e| e.unwrap().path());
    let mut seen = 0;
    for path in segments.chain(store.own_files()) {
        let good = std::fs::read(&path).unwrap();
        for at_byte in (0..good.len().min(700_000)).step_by(40_009) {
            let mut bad = good.clone();
            bad[at_byte] ^= 1 << (at_byte % 8);
            std::fs::write(&path, bad).unwrap();
            for (seed, size) in sizes.into_iter().enumerate() {
                match store.get(&format!("{size}")).await {
                    Ok(bytes) => assert!(bytes == pattern(size, seed), "wrong bytes"),
                    Err(error) => {
                        assert_eq!(error.kind(), FaultKind::Corrupt, "{error}");
                        assert!(
                            !error.to_string().contains('/'),
                            "no path in what a client reads: {error}"
                        );
                        seen += 1;
                    }
                }
            }
        }
        std::fs::write(&path, good).unwrap();
    }
    assert!(seen > 20, "{seen}");
    for (seed, size) in sizes.into_iter().enumerate() {
        assert_eq!(store.get(&format!("{size}")).await.unwrap(), pattern(size, seed));
    }
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    on_tmpfs(
        "a_full_disk_refuses_and_recovers",
        r#"mount -t tmpfs -o size=160m tmpfs "$1""#,
        async |dir| full_disk(&dir).await,
    );
}

async fn full_disk(dir: &Path) {
    let settings = VolumeSettings {
        reserve_bytes: 32 << 20,
        ..common::VOLUME
    };
    let meta = baleen_meta::Meta::open_fjall(&dir.join("meta"), baleen_meta::FjallSettings::default()).unwrap();
    let store = common::with_volume(dir, meta, 1, settings).with_bucket().await;
    for size in [3000, 200_000, 3_000_000] {
        let bytes = pattern(size, size);
        let mut stored = 0;
        let refused = loop {
            match store.put(&format!("{size}/{stored:06}"), &bytes).await {
                Ok(_) => stored += 1,
                Err(error) => break error,
            }
            assert!(stored < 100_000);
            if size == 3000 && stored == 2000 {
                // Small ones would take long to fill a disk: something else does.
                std::fs::write(dir.join("ballast"), vec![0; 256 << 20]).unwrap_err();
            }
        };
        assert!(matches!(refused, ObjectError::NoSpace), "{refused:?}");
        assert_eq!(refused.kind(), FaultKind::Unavailable);
        let of_unknown_length = PutObject {
            length: None,
            ..put_of("none", &bytes)
        };
        if size != 200_000 {
            let outcome = store.objects.put(of_unknown_length).await;
            assert!(matches!(outcome, Err(ObjectError::NoSpace)), "{outcome:?}");
        }
        assert!(matches!(store.get("none").await, Err(ObjectError::NoSuchKey(_))));
        check(&store, size, stored).await;
        std::fs::remove_file(dir.join("ballast")).unwrap_or_default();
        // Deleting is possible on a full disk, and makes room.
        let keys = (0..stored).map(|n| at(&format!("{size}/{n:06}")).into()).collect();
        for outcome in store.objects.delete_many(&bucket("bucket"), keys).await.unwrap() {
            outcome.unwrap();
        }
        store.assert_empty_volume().await;
        store.put("again", &bytes).await.unwrap();
        assert_eq!(store.get("again").await.unwrap(), bytes);
        store.objects.delete(&at("again")).await.unwrap();
    }
    drop(store);
    let meta = baleen_meta::Meta::open_fjall(&dir.join("meta"), baleen_meta::FjallSettings::default()).unwrap();
    let store = common::with_volume(dir, meta, 2, settings).recovered().await;
    store.objects.sweep().await.unwrap();
    assert_eq!(store.keys().await, [""; 0]);
}

/// What was stored before the disk was full is intact.
async fn check(store: &Store, size: usize, stored: usize) {
    for n in (0..stored).step_by(stored / 7 + 1) {
        assert_eq!(
            store.get(&format!("{size}/{n:06}")).await.unwrap(),
            pattern(size, size),
            "{n}"
        );
    }
}
