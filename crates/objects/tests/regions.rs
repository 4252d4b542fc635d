//! Objects in several regions: copied as the policy of their bucket says, told of, and removed when they are gone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::Meta;
use baleen_objects::{
    Compact, CompactProgress, Lack, ObjectError, Reconciled, RenameObject, Selection, Settings, WriteCondition,
};
use baleen_runtime::Shutdown;
use baleen_types::{Classify, FaultKind, ObjectKey};
use common::gated::gated;
use common::regions::{files, flip, heal, make_bucket_in, notes, pass, put_all, region, status, try_pass, two};
use common::tmpfs::on_tmpfs;
use common::{at, bucket, pattern, read, with_regions, with_settings};
use parking_lot::Mutex;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

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

/// Reads and writes go on without it, so nothing else tells who asks whether all is well.
#[tokio::test]
async fn what_a_region_lacks_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let store = two(dir.path()).await;
    let (west, away) = (dir.path().join("west"), dir.path().join("away"));
    let lacking = || {
        let told = store.objects.lacking_regions().into_iter();
        told.map(|(name, lack)| (name.to_string(), lack)).collect::<Vec<_>>()
    };
    let lacks = |lack: Lack| vec![("west".to_owned(), lack)];
    assert_eq!(lacking(), lacks(Lack::Unknown), "nobody has compared it yet");
    put_all(&store).await;
    store.put("damaged", &pattern(900_000, 7)).await.unwrap();
    heal(&store).await;
    assert_eq!((lacking(), store.objects.times_gone(&region("west"))), (vec![], 0));

    // It goes, and something else is in its place.
    std::fs::rename(&west, &away).unwrap();
    std::fs::write(&west, "no folder").unwrap();
    try_pass(&store, Some("west")).await.0.unwrap_err();
    assert_eq!(
        (lacking(), store.objects.times_gone(&region("west"))),
        (lacks(Lack::Folder), 1)
    );
    try_pass(&store, Some("west")).await.0.unwrap_err();
    assert_eq!(store.objects.times_gone(&region("west")), 1, "it goes once");

    // Another is filled, but for what is damaged by now where it is alone.
    std::fs::remove_file(&west).unwrap();
    let bodies = store.own_files();
    let of_each = bodies.iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    flip(of_each, 500_000);
    let (outcome, done) = try_pass(&store, Some("west")).await;
    outcome.unwrap_err();
    assert_eq!((done.failed, done.left, done.written), (1, 1, 4));
    assert_eq!(lacking(), lacks(Lack::Extents(1)));
    flip(of_each, 500_000);
    assert_eq!(pass(&store, Some("west")).await.written, 1);
    assert_eq!(lacking(), vec![]);
}

/// A region that is behind by what was stored just now lacks nothing; one that was behind when the server ended may be behind by
/// more than that, which only its first pass tells.
#[tokio::test]
async fn what_was_left_to_be_copied_is_told_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let meta = Meta::open_model();
    let store = with_regions(dir.path(), meta.clone(), 1, &["west"]);
    let store = store.recovered().await.with_bucket().await;
    heal(&store).await;
    store.put("key", &pattern(900_000, 1)).await.unwrap();
    assert_eq!(store.objects.lacking_regions(), vec![]);
    drop(store);
    let store = with_regions(dir.path(), meta, 2, &["west"]).recovered().await;
    assert_eq!(
        store.objects.lacking_regions(),
        vec![(region("west"), Lack::Extents(1))]
    );
    pass(&store, Some("west")).await;
    assert_eq!(store.objects.lacking_regions(), vec![]);
}

#[tokio::test]
async fn a_store_of_one_region_notes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = common::model(dir.path()).recovered().await.with_bucket().await;
    put_all(&store).await;
    store.objects.delete(&at("5000")).await.unwrap();
    assert_eq!(notes(&store).await, 0);
    assert_eq!(status(&store, "300000").await, ["local"]);
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
