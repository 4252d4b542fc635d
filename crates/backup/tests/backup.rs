//! A store is what it was: after a restore of each of its backups, whatever went on while they were made.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_backup::{BackupFolder, Error, Number, Progress, check, newest};
use baleen_objects::{Encrypt, Scrub, ScrubProgress};
use common::{Store, at, make, open, options, pattern, restored, restored_from, restored_in_part};
use std::collections::BTreeMap;
use std::future::Future;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

const SIZES: [usize; 5] = [0, 100, 5_000, 100_000, 400_000];

type Model = BTreeMap<String, (usize, usize)>;

/// Writes, overwrites and deletes by chance.
async fn change(store: &Store, model: &mut Model, seed: usize) {
    for step in 0..20 {
        let n = (seed * 31 + step) * 7919 % 1000;
        let key = format!("k{}", n % 12);
        if n.is_multiple_of(4) {
            store.objects.delete(at(&key)).await.unwrap();
            model.remove(&key);
        } else {
            let encrypt = [Encrypt::AsBucket, Encrypt::Managed][n % 2].clone();
            let size = SIZES[n % 5] + n;
            store.put(&key, &pattern(size, n), encrypt).await;
            model.insert(key, (size, n));
        }
    }
}

async fn assert_is(store: &Store, model: &Model) {
    let keys: Vec<_> = model.keys().cloned().collect();
    assert_eq!(store.keys().await, keys);
    for (key, (size, seed)) in model {
        assert!(store.get(key).await == pattern(*size, *seed), "{key}");
    }
    let all = Scrub {
        bodies: true,
        ..Scrub::default()
    };
    let found = store.objects.scrub(all, &ScrubProgress::default()).await.unwrap();
    assert_eq!(found.damages, 0, "{found:?}");
}

#[tokio::test]
async fn each_backup_is_the_store_of_its_moment() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let backups = dir.path().join("backups");
    let (mut model, mut models) = (Model::new(), Vec::new());
    for round in 0..4 {
        change(&store, &mut model, round).await;
        let made = make(&store, &backups).await.unwrap();
        assert_eq!(made.number, Number(round as u64 + 1));
        assert!(made.copied > 0 && made.copied < made.manifest.extents + 1);
        models.push(model.clone());
    }
    // What is there is not copied again.
    let again = make(&store, &backups).await.unwrap();
    assert_eq!((again.copied, again.copied_bytes), (0, 0));
    assert!(again.manifest.extents > 3);
    drop(store);
    for (number, model) in (1..).zip(&models) {
        let to = dir.path().join(format!("restored {number}"));
        let made = restored_from(&backups, Some(Number(number)), &to).await.unwrap();
        assert_eq!((made.number, made.manifest.damaged.len()), (Number(number), 0));
        let store = open(&to, 100 + number).await;
        assert_is(&store, model).await;
        // It can be used, and has backups of its own.
        let mut model = model.clone();
        change(&store, &mut model, 77).await;
        assert_is(&store, &model).await;
        let made = make(&store, &dir.path().join(format!("backups of {number}")))
            .await
            .unwrap();
        assert_eq!(made.number, Number(1));
    }
    let folder = BackupFolder::open(&backups).unwrap();
    let checked = check(&folder, &Progress::default()).unwrap();
    assert_eq!((checked.backups, checked.damaged.len()), (5, 0), "{checked:?}");
}

/// What is deleted and overwritten meanwhile is in the backup as it was, or not at all; and nothing is lost or left over.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn while_the_store_is_used() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let backups = dir.path().join("backups");
    let (objects, writing) = (store.objects.clone(), store.clone());
    for n in 0..30 {
        store
            .put(&format!("stays{n}"), &pattern(150_000, n), Encrypt::AsBucket)
            .await;
    }
    let writer = tokio::spawn(async move {
        for round in 0..40 {
            for key in ["a", "b", "c"] {
                let size = [100, 50_000, 300_000][round % 3];
                writing.put(key, &pattern(size, round), Encrypt::AsBucket).await;
            }
            objects.delete(at("b")).await.unwrap();
            if round.is_multiple_of(10) {
                objects.sweep().await.unwrap();
            }
        }
    });
    let mut made = 0;
    while !writer.is_finished() {
        make(&store, &backups).await.unwrap();
        made += 1;
    }
    writer.await.unwrap();
    assert!(made > 1, "{made}");
    // Some of them, the first and the last among them.
    for number in (1..made).step_by(usize::try_from(made / 4 + 1).unwrap()).chain([made]) {
        let to = dir.path().join(format!("restored {number}"));
        restored_from(&backups, Some(Number(number)), &to).await.unwrap();
        let store = open(&to, 100 + number).await;
        let all = Scrub {
            bodies: true,
            ..Scrub::default()
        };
        let found = store.objects.scrub(all, &ScrubProgress::default()).await.unwrap();
        assert_eq!(found.damages, 0, "{number}: {found:?}");
        for n in 0..30 {
            assert!(store.get(&format!("stays{n}")).await == pattern(150_000, n));
        }
    }
    // What was held is given back.
    for key in store.keys().await {
        store.objects.delete(at(&key)).await.unwrap();
    }
    store.assert_empty_volume().await;
}

/// Lets a future run for so many polls, and drops it.
async fn cut<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context: &mut Context<'_>| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// As a crash at each place at which it waits: the backup from before is whole, and the next one goes on.
#[tokio::test]
async fn cut_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let backups = dir.path().join("backups");
    let mut model = Model::new();
    change(&store, &mut model, 1).await;
    make(&store, &backups).await.unwrap();
    let whole = model.clone();
    for n in 0..6 {
        store
            .put(&format!("new{n}"), &pattern(200_000, n), Encrypt::AsBucket)
            .await;
        model.insert(format!("new{n}"), (200_000, n));
    }
    let mut polls = 0;
    loop {
        let made = cut(make(&store, &backups), polls).await;
        polls += 1;
        match made {
            // A thread of the last one came to the folder after we had looked whether it has it.
            Some(Err(Error::InUse(_))) | None => {}
            Some(made) => {
                assert_eq!(made.unwrap().number, Number(2));
                break;
            }
        }
        // Threads may be at work still, with the folder in their hands.
        let folder = loop {
            match BackupFolder::open(&backups) {
                Err(Error::InUse(_)) => tokio::task::yield_now().await,
                folder => break folder.unwrap(),
            }
        };
        // One that was cut behind its last step is there.
        if folder.backups().unwrap().len() > 1 {
            break;
        }
    }
    assert!(polls > 5, "{polls}");
    for (number, model) in [(1, &whole), (2, &model)] {
        let to = dir.path().join(format!("restored {number}"));
        restored_from(&backups, Some(Number(number)), &to).await.unwrap();
        assert_is(&open(&to, 100 + number).await, model).await;
    }
    // A restore that is cut leaves nothing that looks like a store, and is done anew.
    let to = dir.path().join("cut");
    let mut polls = 0;
    loop {
        match cut(restored_from(&backups, None, &to), polls).await {
            None => polls += 1,
            // A thread of the last one is at work still.
            // So is one of its keyspace, which puts files where others are being removed.
            Some(Err(Error::InUse(_) | Error::Io { doing: "removing", .. })) => continue,
            Some(done) => break drop(done.unwrap()),
        }
        loop {
            match BackupFolder::open(&backups) {
                Err(Error::InUse(_)) => tokio::task::yield_now().await,
                folder => break drop(folder.unwrap()),
            }
        }
        if to.join("meta").exists() {
            break;
        }
    }
    assert!(polls > 5, "{polls}");
    assert_is(&open(&to, 200).await, &model).await;
}

fn files(dir: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else if !["lock", "store", "format"].contains(&path.file_name().unwrap().to_str().unwrap()) {
            all.push(path);
        }
    }
}

/// A flipped bit anywhere in a backup, a file that is cut off, longer or gone: each is found, by a look and by a restore.
#[tokio::test]
async fn damage_of_a_backup() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let backups = dir.path().join("backups");
    for size in SIZES {
        store
            .put(&format!("of {size}"), &pattern(size, size), Encrypt::Managed)
            .await;
    }
    make(&store, &backups).await.unwrap();
    let mut all = Vec::new();
    files(&backups, &mut all);
    assert!(all.len() > 5, "{all:?}");
    let to = dir.path().join("restored");
    for path in all {
        let good = std::fs::read(&path).unwrap();
        let mut damages: Vec<Option<Vec<u8>>> = vec![None, Some(good[..good.len() - 1].to_vec())];
        damages.push(Some([&good[..], b"x"].concat()));
        for place in 0..3 {
            let mut bad = good.clone();
            let at = (good.len() - 1) * place / 2;
            bad[at] ^= 1 << place;
            damages.push(Some(bad));
        }
        for (n, damage) in damages.into_iter().enumerate() {
            match damage {
                None => std::fs::remove_file(&path).unwrap(),
                Some(bad) => std::fs::write(&path, bad).unwrap(),
            }
            let is_manifest = path.ends_with("manifest");
            let folder = BackupFolder::open(&backups).unwrap();
            let checked = check(&folder, &Progress::default()).unwrap();
            // Without its manifest it is no backup.
            assert!(
                !checked.damaged.is_empty() || (is_manifest && checked.backups == 0),
                "{n} {}: {checked:?}",
                path.display()
            );
            drop(folder);
            let refused = restored(&backups, &to).await.unwrap_err();
            assert!(
                matches!(
                    refused,
                    Error::Damaged(_) | Error::DamagedExtents(_) | Error::NoBackup(_) | Error::Io { .. }
                ),
                "{n} {}: {refused:?}",
                path.display()
            );
            assert!(!to.exists());
            std::fs::write(&path, &good).unwrap();
        }
    }
    restored(&backups, &to).await.unwrap();
}

/// A restore looks at all extents before it refuses, and makes a store of the whole ones when it is told to.
#[tokio::test]
async fn a_store_of_what_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let backups = dir.path().join("backups");
    for n in 0..8 {
        let size = [100_000, 400_000][n % 2] + n;
        store.put(&format!("k{n}"), &pattern(size, n), Encrypt::AsBucket).await;
    }
    make(&store, &backups).await.unwrap();
    let mut all = Vec::new();
    files(&backups.join("extents"), &mut all);
    all.sort_by_key(|path| path.metadata().unwrap().len());
    assert_eq!(all.len(), 8);
    // One is gone, one is cut off, one has a flipped bit, one cannot be read; the first four are in segments.
    let bad = [0, 1, 5, 6].map(|n| all[n].clone());
    std::fs::remove_file(&bad[0]).unwrap();
    std::fs::write(&bad[1], b"short").unwrap();
    let mut bytes = std::fs::read(&bad[2]).unwrap();
    bytes[300_000] ^= 1;
    std::fs::write(&bad[2], bytes).unwrap();
    std::fs::remove_file(&bad[3]).unwrap();
    std::fs::create_dir(&bad[3]).unwrap();
    let to = dir.path().join("restored");
    let ids = bad.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
    let Error::DamagedExtents(told) = restored(&backups, &to).await.unwrap_err() else {
        panic!("it did not say which");
    };
    assert!(!to.exists() && !dir.path().join("restored.restoring").exists());
    let made = restored_in_part(&backups, &to).await.unwrap();
    for told in [&told, &made.skipped] {
        assert_eq!(told.len(), 4, "{told:?}");
        for id in &ids {
            assert!(told.iter().any(|told| told.contains(id)), "{id} {told:?}");
        }
    }
    assert_eq!(made.extents, 4);
    let store = open(&to, 2).await;
    for n in [4, 6, 1, 7] {
        let size = [100_000, 400_000][n % 2] + n;
        assert!(store.get(&format!("k{n}")).await == pattern(size, n), "{n}");
    }
    let all = Scrub {
        bodies: true,
        ..Scrub::default()
    };
    let found = store.objects.scrub(all, &ScrubProgress::default()).await.unwrap();
    assert_eq!(found.damages, 4, "{found:?}");
}

/// A damaged copy of the right length is copied again once a look has found it, and all backups that share it are whole again.
#[tokio::test]
async fn a_damaged_copy_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let backups = dir.path().join("backups");
    store.put("one", &pattern(400_000, 1), Encrypt::AsBucket).await;
    store.put("other", &pattern(500_000, 2), Encrypt::AsBucket).await;
    make(&store, &backups).await.unwrap();
    let mut all = Vec::new();
    files(&backups.join("extents"), &mut all);
    let mut bytes = std::fs::read(&all[0]).unwrap();
    bytes[300_000] ^= 1;
    std::fs::write(&all[0], bytes).unwrap();
    assert_eq!(make(&store, &backups).await.unwrap().copied, 0);
    let look = || {
        let folder = BackupFolder::open(&backups).unwrap();
        check(&folder, &Progress::default()).unwrap()
    };
    let found = look();
    assert_eq!(
        (found.renamed, found.damaged.len(), found.extents),
        (1, 1, 2),
        "{found:?}"
    );
    assert!(!all[0].exists() && all[0].with_extension("damaged").exists());
    // Until then it is missing, which is told.
    assert_eq!(look().damaged.len(), 2, "of each backup");
    assert_eq!(make(&store, &backups).await.unwrap().copied, 1);
    assert!(!all[0].with_extension("damaged").exists());
    assert_eq!(look().damaged, Vec::<String>::new());
    for number in 1..=3 {
        let to = dir.path().join(format!("restored {number}"));
        let made = restored_from(&backups, Some(Number(number)), &to).await.unwrap();
        assert_eq!(made.extents, 2);
    }
}

/// A segment of which little lives takes little of the new disk.
#[tokio::test]
async fn holes_stay_holes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let backups = dir.path().join("backups");
    store.put("small", &pattern(5_000, 1), Encrypt::AsBucket).await;
    make(&store, &backups).await.unwrap();
    let to = dir.path().join("restored");
    restored(&backups, &to).await.unwrap();
    let mut all = Vec::new();
    files(&to.join("blobs/segments"), &mut all);
    let segment = all[0].metadata().unwrap();
    assert_eq!(segment.len(), 1 << 20);
    assert!(segment.blocks() * 512 < 256 << 10, "{}", segment.blocks());
    let store = open(&to, 2).await;
    assert!(store.get("small").await == pattern(5_000, 1));
    store.put("more", &pattern(100_000, 2), Encrypt::AsBucket).await;
    assert!(store.get("more").await == pattern(100_000, 2));
}

/// Damage of the store: what is whole is in the backup, and it says what is not.
#[tokio::test]
async fn a_damaged_store() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("store");
    let store = open(&place, 1).await.with_bucket().await;
    store.put("whole", &pattern(400_000, 1), Encrypt::AsBucket).await;
    store.put("damaged", &pattern(500_000, 2), Encrypt::AsBucket).await;
    let mut all = Vec::new();
    files(&place.join("blobs/files"), &mut all);
    let path = all
        .iter()
        .find(|path| path.metadata().unwrap().len() > 500_000)
        .unwrap();
    let mut bytes = std::fs::read(path).unwrap();
    bytes[300_000] ^= 4;
    std::fs::write(path, &bytes).unwrap();
    let backups = dir.path().join("backups");
    let made = make(&store, &backups).await.unwrap();
    assert_eq!((made.manifest.damaged.len(), made.copied), (1, 1));
    let folder = BackupFolder::open(&backups).unwrap();
    assert_eq!(check(&folder, &Progress::default()).unwrap().damaged.len(), 0);
    drop(folder);
    let to = dir.path().join("restored");
    assert_eq!(restored(&backups, &to).await.unwrap().extents, 1);
    let store = open(&to, 2).await;
    assert!(store.get("whole").await == pattern(400_000, 1));
    let all = Scrub {
        bodies: true,
        ..Scrub::default()
    };
    let found = store.objects.scrub(all, &ScrubProgress::default()).await.unwrap();
    assert_eq!(found.damages, 1, "{found:?}");
}

/// What the file system cannot read, which a folder in the place of a file is as well, is damage of one extent, and ends
/// neither a backup nor a look.
#[tokio::test]
async fn what_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().join("store");
    let store = open(&place, 1).await.with_bucket().await;
    store.put("whole", &pattern(400_000, 1), Encrypt::AsBucket).await;
    store.put("unread", &pattern(500_000, 2), Encrypt::AsBucket).await;
    let backups = dir.path().join("backups");
    assert_eq!(make(&store, &backups).await.unwrap().copied, 2);
    let fails_to_read = |of: &Path| {
        let mut all = Vec::new();
        files(of, &mut all);
        let path = all
            .iter()
            .find(|path| path.metadata().unwrap().len() > 500_000)
            .unwrap()
            .clone();
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        path.file_name().unwrap().to_str().unwrap().to_owned()
    };
    let id = fails_to_read(&backups.join("extents"));
    let folder = BackupFolder::open(&backups).unwrap();
    let checked = check(&folder, &Progress::default()).unwrap();
    assert!(checked.damaged.iter().all(|damage| damage.contains(&id)), "{checked:?}");
    assert!(!checked.damaged.is_empty() && checked.extents == 2, "{checked:?}");
    drop(folder);
    fails_to_read(&place.join("blobs/files"));
    let other = dir.path().join("other");
    let made = make(&store, &other).await.unwrap();
    assert_eq!((made.manifest.damaged, made.copied), (vec![id], 1));
}

/// A manifest that cannot be read ends nothing: the newest that can is found, and the next backup is made.
#[tokio::test]
async fn the_newest_that_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let backups = dir.path().join("backups");
    let found = |backups: &Path| {
        let found = newest(backups).unwrap();
        (found.backup.map(|(number, _)| number.0), found.unread.is_some())
    };
    assert_eq!(found(&backups), (None, false));
    for _ in 0..2 {
        make(&store, &backups).await.unwrap();
    }
    assert_eq!(found(&backups), (Some(2), false));
    std::fs::write(backups.join("backups/000002/manifest"), b"\xff").unwrap();
    assert_eq!(found(&backups), (Some(1), true));
    make(&store, &backups).await.unwrap();
    assert_eq!(found(&backups), (Some(3), false));
}

#[tokio::test]
async fn the_oldest_go() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let backups = dir.path().join("backups");
    let kept = baleen_backup::Options {
        keep: NonZeroUsize::new(2),
        ..options(&backups)
    };
    for round in 0..5 {
        store.put("same", &pattern(300_000, 0), Encrypt::AsBucket).await;
        store.put("changes", &pattern(300_001, round), Encrypt::AsBucket).await;
        let made = store.backup().make(&kept, &Progress::default()).await.unwrap();
        assert_eq!(made.removed, usize::from(round >= 2));
    }
    let folder = BackupFolder::open(&backups).unwrap();
    assert_eq!(folder.backups().unwrap(), [Number(4), Number(5)]);
    let checked = check(&folder, &Progress::default()).unwrap();
    assert_eq!(
        (checked.extents, checked.damaged.len()),
        (4, 0),
        "of two backups with two each"
    );
    drop(folder);
    for number in [4, 5] {
        let to = dir.path().join(format!("restored {number}"));
        restored_from(&backups, Some(Number(number)), &to).await.unwrap();
        let restored = open(&to, 10 + number).await;
        let round = usize::try_from(number).unwrap() - 1;
        assert!(restored.get("changes").await == pattern(300_001, round));
    }
    let gone = restored_from(&backups, Some(Number(3)), &dir.path().join("gone")).await;
    assert!(matches!(gone, Err(Error::NoBackup(_))), "{gone:?}");
}

#[tokio::test]
async fn folders_that_are_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let other = open(&dir.path().join("other"), 2).await.with_bucket().await;
    let backups = dir.path().join("backups");
    make(&store, &backups).await.unwrap();
    assert!(matches!(make(&other, &backups).await, Err(Error::Foreign(_))));
    let held = BackupFolder::open(&backups).unwrap();
    assert!(matches!(make(&store, &backups).await, Err(Error::InUse(_))));
    drop(held);
    let strange = dir.path().join("strange");
    std::fs::create_dir(&strange).unwrap();
    std::fs::write(strange.join("thesis.tex"), "mine").unwrap();
    assert!(matches!(make(&store, &strange).await, Err(Error::NotBackups(_))));
    assert!(matches!(restored(&backups, &strange).await, Err(Error::Occupied(_))));
    assert!(matches!(
        restored(&strange, &dir.path().join("to")).await,
        Err(Error::NotBackups(_))
    ));
    let file = strange.join("thesis.tex");
    assert!(matches!(restored(&backups, &file).await, Err(Error::Occupied(_))));
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    // What lies where a store is made before it gets its name is not ours either.
    let (to, draft) = (dir.path().join("to"), dir.path().join("to.restoring"));
    std::fs::create_dir(&draft).unwrap();
    std::fs::write(draft.join("thesis.tex"), "mine").unwrap();
    assert!(matches!(restored(&backups, &to).await, Err(Error::Occupied(_))));
    std::fs::remove_dir_all(&draft).unwrap();
    // An empty folder may be there, by whatever name it is called.
    std::fs::create_dir(&to).unwrap();
    std::os::unix::fs::symlink(&to, dir.path().join("link")).unwrap();
    for name in ["to/", "./to/.", "link", "new/"] {
        restored(&backups, &dir.path().join(name)).await.unwrap();
        let place = dir.path().join(name.replace("link", "to"));
        assert!(place.join("meta").is_dir(), "{name}");
        std::fs::remove_dir_all(place.join("meta")).unwrap();
        std::fs::remove_dir_all(place.join("blobs")).unwrap();
    }
}

/// A store made of a backup is another one: beside the first it would remove its backups.
#[tokio::test]
async fn a_restored_store_has_backups_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let backups = dir.path().join("backups");
    make(&store, &backups).await.unwrap();
    let to = dir.path().join("to");
    restored(&backups, &to).await.unwrap();
    let clone = open(&to, 2).await;
    assert!(matches!(make(&clone, &backups).await, Err(Error::Foreign(_))));
    make(&clone, &dir.path().join("others")).await.unwrap();
    assert_eq!(make(&store, &backups).await.unwrap().number, Number(2));
}

#[tokio::test]
async fn a_folder_whose_disk_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let (backups, disk) = (dir.path().join("backups"), dir.path().join("disk"));
    make(&store, &backups).await.unwrap();
    std::fs::rename(&backups, &disk).unwrap();
    for is_there in [false, true] {
        let made = make(&store, &backups).await;
        assert!(matches!(made, Err(Error::Gone(_))), "{made:?}");
        assert_eq!(backups.exists(), is_there, "nothing is made in its place");
        if !is_there {
            std::fs::create_dir(&backups).unwrap();
        }
    }
    std::fs::remove_dir(&backups).unwrap();
    std::fs::rename(&disk, &backups).unwrap();
    assert_eq!(make(&store, &backups).await.unwrap().number, Number(2));
    // Another folder is begun as the first was, and this one again by who says so.
    make(&store, &dir.path().join("others")).await.unwrap();
    make(&store, &backups).await.unwrap();
    std::fs::remove_dir_all(&backups).unwrap();
    assert!(matches!(make(&store, &backups).await, Err(Error::Gone(_))));
    let anew = baleen_backup::Options {
        anew: true,
        ..options(&backups)
    };
    let made = store.backup().make(&anew, &Progress::default()).await.unwrap();
    assert_eq!(made.number, Number(1));
}

/// Whoever was stopped when the folder was made has left some of it.
#[tokio::test]
async fn a_folder_that_is_half_made() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"), 1).await.with_bucket().await;
    let backups = dir.path().join("backups");
    std::fs::create_dir_all(backups.join("extents")).unwrap();
    std::fs::write(backups.join("lock"), "").unwrap();
    std::fs::write(backups.join("store"), "ab").unwrap();
    make(&store, &backups).await.unwrap();
    // One with something in it is somebody's.
    let theirs = dir.path().join("theirs");
    std::fs::create_dir_all(theirs.join("backups/of mine")).unwrap();
    assert!(matches!(make(&store, &theirs).await, Err(Error::NotBackups(_))));
}
