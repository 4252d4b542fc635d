//! Objects in several regions: copied, told of, read when a region is lost, and healed.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{FjallSettings, Meta, Scan};
use baleen_objects::{
    Compact, CompactProgress, ObjectError, Reconciled, RenameObject, Selection, Settings, WriteCondition,
};
use baleen_runtime::Shutdown;
use baleen_types::{ByteRange, Classify, FaultKind, ObjectKey};
use bytes::Bytes;
use common::gated::gated;
use common::regions::{
    SIZES, assert_all, files, heal, make_bucket_in, open, pass, put_all, region, status, try_pass, two,
};
use common::tmpfs::on_tmpfs;
use common::{Store, at, bucket, pattern, read, with_regions, with_settings};
use parking_lot::Mutex;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// As [`two`], with a body of several units, and its file in each.
async fn two_with_a_body(dir: &Path) -> (Store, Bytes, [PathBuf; 2]) {
    let store = two(dir).await;
    let bytes = pattern(900_000, 1);
    store.put("key", &bytes).await.unwrap();
    heal(&store).await;
    let files = [store.own_files().remove(0), files(&dir.join("west")).remove(0)];
    (store, bytes, files)
}

/// Changes one byte in the middle of a file's bytes that are not zero, and says where.
fn flip(path: &Path, at: u64) {
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

async fn notes(store: &Store) -> usize {
    let notes = Scan::prefix(&KeyWriter::new(Table::CopyDue).finish());
    store.meta.scan(notes).await.unwrap().len()
}

/// What is left of home after it was lost while the store runs: open segments are still there, and hold nothing any more.
fn lose_home(store: &Store) {
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

#[tokio::test]
async fn a_bucket_is_where_its_policy_says_and_the_status_says_when() {
    let dir = tempfile::tempdir().unwrap();
    let store = with_regions(dir.path(), Meta::open_model(), 1, &["west", "east"])
        .recovered()
        .await;
    for name in ["west", "east"] {
        pass(&store, Some(name)).await;
    }
    for (policy, wanted) in [
        (None, vec!["east", "local", "west"]),
        (Some(vec!["local", "west"]), vec!["local", "west"]),
        (Some(vec!["local"]), vec!["local"]),
    ] {
        make_bucket_in(&store, "bucket", policy.as_deref()).await;
        put_all(&store).await;
        let upload = store.begin("parts").await;
        let part = store.put_part(&upload, 1, &pattern(300_000, 9)).await.unwrap();
        store.complete(&upload, &[part]).await.unwrap();
        // A body in the keyspace is in every region of the bucket that is there.
        assert_eq!(status(&store, "100").await, wanted);
        for key in ["5000", "300000", "parts"] {
            assert_eq!(status(&store, key).await, ["local"], "{policy:?} {key}");
        }
        let copies = wanted.len() - 1;
        assert_eq!(notes(&store).await, 5 * copies, "{policy:?}");
        for name in ["west", "east"] {
            let done = pass(&store, Some(name)).await;
            assert_eq!(
                done.written,
                if wanted.contains(&name) { 5 } else { 0 },
                "{policy:?} {name}"
            );
            assert_eq!(files(&dir.path().join(name)).len() as u64, done.written);
        }
        for key in ["100", "5000", "200000", "300000", "900000", "parts"] {
            assert_eq!(status(&store, key).await, wanted, "{policy:?} {key}");
        }
        for key in store.keys().await {
            store.objects.delete(&at(&key)).await.unwrap();
        }
        assert_eq!(notes(&store).await, 5 * copies);
        for name in ["west", "east"] {
            pass(&store, Some(name)).await;
            assert_eq!(files(&dir.path().join(name)), [] as [PathBuf; 0]);
        }
        store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
    }
    assert_eq!(notes(&store).await, 0);
}

#[tokio::test]
async fn a_store_of_one_region_notes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = common::model(dir.path()).recovered().await.with_bucket().await;
    put_all(&store).await;
    store.objects.delete(&at("5000")).await.unwrap();
    assert_eq!(notes(&store).await, 0);
    assert_eq!(status(&store, "300000").await, ["local"]);
    assert!(!store.dir.join("stamp").exists());
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
    std::fs::remove_dir_all(dir.path().join("blob")).unwrap();
    let store = open(dir.path(), 2, &[]).await;
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
async fn a_copy_stays_for_its_readers_and_goes_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    let bytes = pattern(900_000, 1);
    store.put("key", &bytes).await.unwrap();
    heal(&store).await;
    flip(&store.own_files()[0], 800_000);
    let open = store.objects.open(&at("key"), Selection::Whole).await.unwrap();
    store.objects.delete(&at("key")).await.unwrap();
    let (outcome, done) = try_pass(&store, Some("west")).await;
    outcome.unwrap();
    assert_eq!((done.removed, done.left), (0, 1));
    assert!(read(open.body).await.unwrap() == bytes);
    assert_eq!(pass(&store, Some("west")).await.removed, 1);
    assert_eq!(files(&dir.path().join("west")), [] as [PathBuf; 0]);
    pass(&store, None).await;
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
    let refused = async |seed, dir: &Path, regions: &[&str]| {
        let meta = Meta::open_fjall(&dir.join("meta"), FjallSettings::default()).unwrap();
        with_regions(dir, meta, seed, regions).objects.recover().await.is_err()
    };
    std::fs::remove_dir_all(dir.path().join("west")).unwrap();
    std::fs::rename(other.path().join("west"), dir.path().join("west")).unwrap();
    assert!(refused(3, dir.path(), &["west"]).await);
    std::fs::rename(other.path().join("east"), other.path().join("west")).unwrap();
    assert!(refused(4, other.path(), &["west"]).await);
    // And with nothing in its place the region is new.
    std::fs::remove_dir_all(other.path().join("west")).unwrap();
    drop(open(other.path(), 5, &["west"]).await);
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
async fn what_cannot_be_settled_keeps_nothing_else_from_its_region() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    pass(&store, Some("west")).await;
    for n in 0..600 {
        store.put(&format!("lost{n}"), &pattern(5000, n)).await.unwrap();
    }
    // Whole nowhere.
    for segment in files(&store.dir) {
        let zeros = vec![0; usize::try_from(segment.metadata().unwrap().len()).unwrap()];
        std::fs::write(segment, zeros).unwrap();
    }
    for n in 0..20 {
        store.put(&n.to_string(), &pattern(5000, n)).await.unwrap();
    }
    let (outcome, done) = try_pass(&store, Some("west")).await;
    assert_eq!(outcome.unwrap_err().kind(), FaultKind::Corrupt);
    assert_eq!((done.written, done.failed, done.left), (20, 600, 600));
    // From now on they are read, and nothing is begun to be written.
    let changed = || {
        let folders = std::fs::read_dir(dir.path().join("west/files")).unwrap();
        let folders = folders.map(|folder| folder.unwrap());
        let mut changed: Vec<_> = folders
            .map(|folder| (folder.file_name(), folder.metadata().unwrap().modified().unwrap()))
            .collect();
        changed.sort();
        changed
    };
    let before = changed();
    assert_eq!(try_pass(&store, Some("west")).await.1.failed, 600);
    assert_eq!(changed(), before);
}

#[tokio::test]
async fn a_pass_that_gave_up_is_gone_on_with_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    pass(&store, Some("west")).await;
    for n in 0..400 {
        store.put(&n.to_string(), &pattern(5000, n)).await.unwrap();
    }
    // All folders but the last are in the way.
    let folder = |n: u8| dir.path().join(format!("west/files/{n:02x}"));
    for n in 0..0xf0 {
        std::fs::remove_dir(folder(n)).unwrap();
        std::fs::write(folder(n), "x").unwrap();
    }
    let mut written = Vec::new();
    for _ in 0..3 {
        let (outcome, done) = try_pass(&store, Some("west")).await;
        assert_eq!(outcome.unwrap_err().kind(), FaultKind::Unavailable);
        written.push(done.written);
    }
    assert!(written[0] == 0 && written[1] > 0 && written[2] == 0, "{written:?}");
    for n in 0..0xf0 {
        std::fs::remove_file(folder(n)).unwrap();
        std::fs::create_dir(folder(n)).unwrap();
    }
    for _ in 0..2 {
        try_pass(&store, Some("west")).await.0.unwrap();
    }
    assert_eq!(notes(&store).await, 0);
}

#[tokio::test]
async fn what_is_gone_is_removed_when_what_is_new_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    for round in 0..2 {
        for n in 0..300 {
            store.put(&n.to_string(), &pattern(5000, n + round)).await.unwrap();
        }
        let told = Mutex::new(Vec::new());
        let tell = |done: &Reconciled| told.lock().push((done.removed, done.written));
        let west = region("west");
        let outcome = store.objects.reconcile(Some(&west), &Shutdown::new(), &tell).await;
        outcome.unwrap();
        let told = told.into_inner();
        assert!(
            told.iter().all(|(removed, written)| *removed == 0 || *written == 300),
            "{told:?}"
        );
        assert_eq!(told.last().unwrap().0, 300 * round as u64);
    }
    assert_eq!(notes(&store).await, 0);
    assert_eq!(files(&dir.path().join("west")).len(), 300);
}

/// A move is a new body and an old one that goes. Nothing of the old ones goes as long as one of the new ones cannot be written.
#[tokio::test]
async fn nothing_goes_from_a_region_where_something_new_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    for n in 0..600 {
        store.put(&n.to_string(), &pattern(5000, n)).await.unwrap();
    }
    heal(&store).await;
    for n in 0..600 {
        store.put(&n.to_string(), &pattern(5000, n + 1)).await.unwrap();
    }
    // A few folders are in the way, then so many that the passes give up and go on in turns.
    for blocked in [5, 0xf0] {
        let folder = |n: u8| dir.path().join(format!("west/files/{n:02x}"));
        let away = |n: u8| dir.path().join(format!("west/{n:02x}"));
        for n in 0..blocked {
            std::fs::rename(folder(n), away(n)).unwrap();
            std::fs::write(folder(n), "x").unwrap();
        }
        for _ in 0..4 {
            let (outcome, done) = try_pass(&store, Some("west")).await;
            assert_eq!(done.removed, 0, "{done:?} {outcome:?}");
        }
        for n in 0..blocked {
            std::fs::remove_file(folder(n)).unwrap();
            std::fs::rename(away(n), folder(n)).unwrap();
        }
    }
    for _ in 0..2 {
        try_pass(&store, Some("west")).await.0.unwrap();
    }
    assert_eq!(notes(&store).await, 0);
    assert_eq!(files(&dir.path().join("west")).len(), 600);
}

/// The sweep comes at the end of a pass, and what goes meanwhile is not for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_leaves_what_is_moved_during_its_pass_to_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    // A segment with one survivor, and one with room for it.
    for n in 0..15 {
        store.put(&n.to_string(), &pattern(120_000, n)).await.unwrap();
    }
    for n in 1..8 {
        store.objects.delete(&at(&n.to_string())).await.unwrap();
    }
    heal(&store).await;
    let west = dir.path().join("west");
    let old = files(&west);
    let left = || old.iter().filter(|copy| copy.exists()).count();
    store.clock.advance(Duration::from_hours(7));
    store.put("more", &pattern(50_000, 9)).await.unwrap();
    let is_moved = AtomicBool::new(false);
    let tell = |_: &Reconciled| {
        if is_moved.swap(true, Ordering::Relaxed) {
            return;
        }
        let all = Compact {
            bytes_per_second: None,
            free_percent_max: 0,
        };
        store.blobs.taken();
        let progress = CompactProgress::default();
        let compacted = store.objects.compact(all, &progress);
        let done = tokio::task::block_in_place(|| Handle::current().block_on(compacted));
        assert_eq!(done.unwrap().moved, 1);
    };
    let name = region("west");
    let outcome = store.objects.reconcile(Some(&name), &Shutdown::new(), &tell).await;
    outcome.unwrap();
    assert!(is_moved.into_inner());
    // It may have come to where the pass had been.
    assert!(
        left() == 8 || files(&west).len() == 9,
        "the old copy went before the new one was there"
    );
    pass(&store, Some("west")).await;
    assert_eq!((left(), files(&west).len()), (7, 9));
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

#[tokio::test]
async fn copies_are_made_as_fast_as_they_may_be_and_nobody_waits_for_them_at_the_end() {
    let settings = Settings {
        copied_bytes_per_second: NonZeroU64::new(100_000),
        ..Settings::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let store = with_settings(dir.path(), settings, &["west"])
        .recovered()
        .await
        .with_bucket()
        .await;
    for is_stopped in [false, true] {
        put_all(&store).await;
        let (stop, west) = (Shutdown::new(), region("west"));
        let mut pass = std::pin::pin!(store.objects.reconcile(Some(&west), &stop, &|_| {}));
        let mut seconds = 0;
        loop {
            let asleep = async {
                while store.clock.sleepers() == 0 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                outcome = pass.as_mut() => break outcome.unwrap(),
                () = asleep => {}
            }
            if is_stopped {
                stop.stop();
                pass.as_mut().await.unwrap();
                break;
            }
            seconds += 1;
            store.clock.advance(Duration::from_secs(1));
        }
        // 1,405,000 bytes.
        assert!(is_stopped || seconds >= 15, "{seconds}");
        assert_eq!(status(&store, "900000").await, ["local", "west"]);
    }
}

#[tokio::test]
async fn copies_that_no_note_told_of_are_swept() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    store.put("key", &pattern(5000, 1)).await.unwrap();
    heal(&store).await;
    let copy = files(&dir.path().join("west")).remove(0);
    let folder = &dir.path().join("west/files/00");
    let strange = [
        folder.join("lost+found"),
        folder.join(format!("{:032x}", 7)),
        folder.join(format!("{:032x}-0-1000", 8)),
        folder.join(format!("{:032x}.part", 9)),
    ];
    for path in &strange {
        std::fs::write(path, "x").unwrap();
    }
    assert_eq!(pass(&store, Some("west")).await.removed, 0, "not so soon again");
    store.clock.advance(Duration::from_hours(7));
    assert_eq!(pass(&store, Some("west")).await.removed, 2);
    let left: Vec<_> = strange.iter().map(|path| path.exists()).collect();
    assert_eq!(left, [true, false, false, false], "what is none of ours stays");
    assert!(copy.exists());
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

/// The other region is a tmpfs of its own.
#[test]
fn a_full_region_does_not_stop_writes_and_is_filled_when_there_is_room() {
    on_tmpfs(
        "a_full_region_does_not_stop_writes_and_is_filled_when_there_is_room",
        r#"mkdir "$1/west" && mount -t tmpfs -o size=4m tmpfs "$1/west""#,
        async |dir| full_region(&dir).await,
    );
}

async fn full_region(dir: &Path) {
    let store = with_regions(dir, Meta::open_model(), 1, &["west"]);
    let store = store.recovered().await.with_bucket().await;
    for n in 0..8 {
        store.put(&n.to_string(), &pattern(900_000, n)).await.unwrap();
    }
    let (outcome, done) = try_pass(&store, Some("west")).await;
    assert!(matches!(outcome, Err(ObjectError::NoSpace)), "{outcome:?}");
    assert!(done.written > 0 && done.left > 0, "{done:?}");
    for n in 0..8 {
        assert!(store.get(&n.to_string()).await.unwrap() == pattern(900_000, n));
    }
    store.put("more", &pattern(5000, 9)).await.unwrap();
    assert_eq!(status(&store, "more").await, ["local"]);
    for n in 0..8 {
        store.objects.delete(&at(&n.to_string())).await.unwrap();
    }
    // Notes of what is gone make room for what is not, whichever comes first.
    for _ in 0..2 {
        let _ = try_pass(&store, Some("west")).await;
    }
    assert_eq!(notes(&store).await, 0);
    assert_eq!(status(&store, "more").await, ["local", "west"]);
}

/// What is stored and removed, and moves to where a walk has been, while a new region is compared and filled; no snapshot is held at any
/// time, and nothing comes into the region that is not meant for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_region_is_compared_and_filled_while_everything_changes_and_no_snapshot_is_held() {
    let dir = tempfile::tempdir().unwrap();
    let (meta, gates) = gated();
    let store = with_regions(dir.path(), meta.clone(), 1, &[]).recovered().await;
    let store = store.with_bucket().await;
    for n in 0..700 {
        store.put(&format!("k{n:03}"), &pattern(5000, n)).await.unwrap();
    }
    let upload = store.begin("upload").await;
    let part = store.put_part(&upload, 1, &pattern(5000, 900)).await.unwrap();
    drop(store);
    let store = with_regions(dir.path(), meta, 2, &["west"]).recovered().await;
    make_bucket_in(&store, "alone", Some(&["local"])).await;
    let mut put = common::put_of("x", &pattern(5000, 901));
    put.at.bucket = bucket("alone");
    store.objects.put(put).await.unwrap();
    let (step, changed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let tell = |_: &Reconciled| {
        assert_eq!(gates.views(), 0);
        let step = step.fetch_add(1, Ordering::Relaxed);
        let change = async {
            // From the end to the beginning.
            let rename = RenameObject {
                from: at(&format!("k{:03}", 699 - step)),
                to: ObjectKey::parse(format!("a{step}")).unwrap(),
                meant: None,
                condition: WriteCondition::None,
                token: None,
            };
            store.objects.rename(rename).await.unwrap();
            store.objects.delete(&at(&format!("k{step:03}"))).await.unwrap();
            store.put(&format!("new{step}"), &pattern(5000, step)).await.unwrap();
            if step == 1 {
                store.complete(&upload, std::slice::from_ref(&part)).await.unwrap();
            }
        };
        if step < 8 {
            tokio::task::block_in_place(|| Handle::current().block_on(change));
            changed.lock().push(step);
        }
    };
    let (west, stop) = (region("west"), Shutdown::new());
    store.objects.reconcile(Some(&west), &stop, &tell).await.unwrap();
    let changed = changed.into_inner().len();
    assert!(changed >= 4, "{changed}");
    assert_eq!(gates.views(), 0);
    pass(&store, Some("west")).await;
    for key in store.keys().await {
        assert_eq!(status(&store, &key).await, ["local", "west"], "{key}");
    }
    assert_eq!(notes(&store).await, 0);
    // The part is an object by now.
    assert_eq!(files(&dir.path().join("west")).len(), 701);
}
