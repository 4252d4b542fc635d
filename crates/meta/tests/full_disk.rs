//! A full disk: clear errors, nothing half-written, reads go on, and writing goes on when there is room again.
//!
//! Needs a small file system, so the test runs itself again in a mount namespace of its own with a tmpfs. Where the
//! kernel does not allow that, it says so and checks nothing.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use baleen_meta::{Compact, Error, FjallSettings, Meta, Request, Scan};
use baleen_types::{Classify, FaultKind};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Set for the child; its value is the folder of the small file system.
const CHILD_FOLDER: &str = "BALEEN_META_FULL_DISK_FOLDER";
const DISK_BYTES: usize = 24 * 1024 * 1024;
const BALLAST_BYTES: usize = 10 * 1024 * 1024;
const ROOM_BYTES: usize = 3_000_000;
const WRITERS: u64 = 8;
const ROUNDS: u64 = 3;
const PAGE_KEYS: usize = 5;
/// For a store that never takes writes again; opening it takes long on a busy machine.
const ROOM_WITHIN: Duration = Duration::from_secs(60);

fn settings() -> FjallSettings {
    FjallSettings {
        write_buffer_bytes: 1024 * 1024,
        ..FjallSettings::default()
    }
}

fn value(name: &str, writer: u64) -> Vec<u8> {
    let length = if writer.is_multiple_of(2) { 6000 } else { 300 };
    name.bytes().cycle().take(length).collect()
}

/// What the writers of one round were told.
#[derive(Default)]
struct Told {
    committed: BTreeSet<String>,
    refused: BTreeSet<String>,
}

/// Writes from several tasks until each was refused.
async fn write_until_refused(meta: &Meta, round: u64, told: &mut Told) {
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let meta = meta.clone();
        writers.spawn(async move {
            let mut told = Told::default();
            for at in 0.. {
                let name = format!("{round}/{writer}/{at}");
                let key = format!("O{name}");
                let put = Request::new().put(key.clone(), value(&name, writer)).add("Call", 1);
                // What is read meanwhile may fail as the store is opened again, but must not be kept.
                let (done, _) = tokio::join!(meta.commit(put), meta.get(key.as_bytes()));
                match done {
                    Ok(_) => told.committed.insert(name),
                    Err(error) => {
                        assert!(matches!(error, Error::NoSpace { .. }), "{error:?}");
                        assert_eq!(error.kind(), FaultKind::Unavailable);
                        told.refused.insert(name);
                        return told;
                    }
                };
            }
            told
        });
    }
    for result in writers.join_all().await {
        told.committed.extend(result.committed);
        told.refused.extend(result.refused);
    }
}

async fn check(meta: &Meta, told: &Told, context: &str) {
    let mut found = BTreeSet::new();
    let mut scan = Scan::prefix(b"O");
    loop {
        let page = meta.scan(scan.clone()).await.unwrap();
        let Some(last) = page.last() else { break };
        scan = scan.after(last.key.to_vec());
        for entry in &page {
            let name = std::str::from_utf8(&entry.key[1..]).unwrap();
            let writer = name.split('/').nth(1).unwrap().parse().unwrap();
            assert_eq!(entry.value, value(name, writer), "{context}: {name}");
            found.insert(name.to_owned());
        }
    }
    check_refused(meta, told, context).await;
    let appeared: Vec<_> = found.intersection(&told.refused).collect();
    assert!(appeared.is_empty(), "{context}: refused, but there: {appeared:?}");
    assert_eq!(found, told.committed, "{context}");
    let count = i128::try_from(found.len()).unwrap();
    assert_eq!(meta.counter(b"Call").await.unwrap(), count, "{context}");
}

/// Reads by key what was refused, since these reads are answered from memory where they can be, and scans are not.
async fn check_refused(meta: &Meta, told: &Told, context: &str) {
    let keys: Vec<_> = told
        .refused
        .iter()
        .map(|name| format!("O{name}").into_bytes())
        .collect();
    // The second time from memory.
    for _ in 0..2 {
        for page in keys.chunks(PAGE_KEYS) {
            let values = meta.get_many(page).await.unwrap();
            assert_eq!(values, vec![None; page.len()], "{context}");
        }
        for key in keys.iter().step_by(3) {
            assert_eq!(meta.get(key).await.unwrap(), None, "{context}: {}", key.escape_ascii());
        }
    }
}

/// Takes so many bytes of the disk. How much the engine's own tidying has left of it depends on when it ran, so that there may
/// be no room for all of them: then as many as there is room for, less what the store needs to be opened.
fn fill(ballast: &Path, mut bytes: usize) {
    while let Err(error) = std::fs::write(ballast, vec![1; bytes]) {
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        let taken = std::fs::metadata(ballast).unwrap().len();
        bytes = usize::try_from(taken).unwrap().saturating_sub(ROOM_BYTES);
    }
}

/// The child: has a small disk to itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_fills_its_disk() {
    // Runs only as a child of the test below; by itself there is nothing to test.
    let Ok(folder) = std::env::var(CHILD_FOLDER) else {
        return;
    };
    let (store, ballast) = (Path::new(&folder).join("store"), Path::new(&folder).join("ballast"));
    let mut told = Told::default();
    for round in 0..ROUNDS {
        fill(&ballast, BALLAST_BYTES - usize::try_from(round).unwrap() * ROOM_BYTES);
        let meta = Meta::open_fjall(&store, settings()).unwrap();
        let snapshot = meta.snapshot().await.unwrap();
        write_until_refused(&meta, round, &mut told).await;
        check(&meta, &told, "while the disk is full").await;
        let all = Compact {
            bytes_per_second: None,
            free_percent_max: 0,
        };
        let compacted = meta.compact(all, &Arc::default()).await;
        assert!(matches!(compacted, Err(Error::NoSpace { .. })), "{compacted:?}");
        check(&meta, &told, "after what cannot be compacted").await;
        // An old view either still answers or says that it ended; it never answers wrongly.
        match snapshot.scan(Scan::prefix(format!("O{round}/").as_bytes())).await {
            Ok(entries) => assert!(entries.is_empty()),
            Err(error) => assert!(matches!(error, Error::SnapshotLost), "{error:?}"),
        }
        drop(snapshot);

        std::fs::remove_file(&ballast).unwrap();
        let deadline = Instant::now() + ROOM_WITHIN;
        let name = format!("{round}/1/again");
        loop {
            // The store asks the disk again after a pause.
            let put = Request::new().put(format!("O{name}"), value(&name, 1)).add("Call", 1);
            match meta.commit(put).await {
                Ok(_) => break,
                Err(error) => assert!(Instant::now() < deadline, "still {error}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        told.committed.insert(name);
        check(&meta, &told, "when there is room again").await;
        drop(meta);
        check(&Meta::open_fjall(&store, settings()).unwrap(), &told, "after a restart").await;
        println!(
            "round {round}: {} committed, {} refused",
            told.committed.len(),
            told.refused.len()
        );
    }
}

#[test]
fn a_full_disk_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size={DISK_BYTES} tmpfs \"$1\" && \
         exec \"$2\" --exact child_fills_its_disk --nocapture --test-threads=1"
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .env(CHILD_FOLDER, folder.path())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success() && stdout.contains("1 passed"),
        "{stdout}\n{stderr}"
    );
    println!("{stdout}");
}
