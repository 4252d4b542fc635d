//! kill -9: a child process writes from many tasks and prints what was acknowledged; it is killed at random instants, and
//! after each reopen all of that must be there and the counters exact. Kills fall into compactions too.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use baleen_meta::{Compact, Error, FjallSettings, Meta, Request, Scan, feed};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const KILLS: u64 = 50;
const WRITERS: u64 = 16;
/// Set for the child; its value is the folder of the store.
const CHILD_FOLDER: &str = "BALEEN_META_KILL_FOLDER";
const ROUND: &str = "BALEEN_META_KILL_ROUND";

const SIGKILL: i32 = 9;

/// Small buffers, so that kills also hit flushes, compactions and journal changes.
fn settings() -> FjallSettings {
    FjallSettings {
        write_buffer_bytes: 1024 * 1024,
        journal_bytes: 64 * 1024 * 1024,
        ..FjallSettings::default()
    }
}

fn value(name: &str, writer: u64) -> Vec<u8> {
    // One writer in four stores values that go into value files.
    let length = if writer.is_multiple_of(4) { 3000 } else { 200 };
    name.bytes().cycle().take(length).collect()
}

/// The child: writes until it is killed. A line is printed only after the commit was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_writes_until_killed() {
    // Runs only as a child of the test below; by itself there is nothing to test.
    let (Ok(folder), Ok(round)) = (std::env::var(CHILD_FOLDER), std::env::var(ROUND)) else {
        return;
    };
    let meta = Meta::open_fjall(Path::new(&folder), settings()).unwrap();
    let mut writers = tokio::task::JoinSet::new();
    // The harness leaves the name of the test on the current line.
    println!("\nready");
    for writer in 0..WRITERS {
        let (meta, round) = (meta.clone(), round.clone());
        writers.spawn(async move {
            for at in 0.. {
                let name = format!("{round}/{writer}/{at}");
                let request = Request::new()
                    .absent(format!("O{name}"))
                    .put(format!("O{name}"), value(&name, writer))
                    // Something that dies, so that there is something to compact.
                    .put(format!("H{}", at % 40), value(&name, 4 * (at % 2)))
                    .delete(format!("H{}", (at + 7) % 40))
                    .add("Call", 1)
                    .add(format!("C{writer}"), 1)
                    .feed(name.clone());
                assert!(meta.commit(request).await.unwrap().is_committed());
                // One write call for a line, so that a kill cuts it only at its end.
                std::io::stdout()
                    .write_all(format!("\nack {name}\n").as_bytes())
                    .unwrap();
            }
        });
    }
    writers.spawn(async move {
        let all = Compact {
            bytes_per_second: None,
            free_percent_max: 0,
        };
        loop {
            match meta.compact(all, &Arc::default()).await {
                // There may be little room on this machine; writers need less.
                Ok(_) | Err(Error::NoSpace { .. }) => tokio::task::yield_now().await,
                Err(error) => panic!("compacting: {error}"),
            }
        }
    });
    writers.join_all().await;
}

/// Runs a child, kills it after a while, and returns what it acknowledged.
fn run_and_kill(folder: &Path, round: u64, after: Duration) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_writes_until_killed",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD_FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    while lines.next().unwrap().unwrap() != "ready" {}
    // The pipe holds little, so it is read while the child runs.
    let reader = std::thread::spawn(move || {
        let acknowledged = |line: String| line.strip_prefix("ack ").map(str::to_owned);
        lines.map_while(Result::ok).filter_map(acknowledged).collect::<Vec<_>>()
    });
    // The instant of the kill is what is tested; nothing is waited for.
    std::thread::sleep(after);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().signal(), Some(SIGKILL));
    let mut names = reader.join().unwrap();
    // The last line may be cut.
    if let Some(last) = names.pop()
        && last.split('/').count() == 3
    {
        names.push(last);
    }
    names
}

/// Checks the store against everything that was acknowledged so far; returns how many objects it has.
async fn audit(folder: &Path, acknowledged: &BTreeSet<String>) -> u64 {
    let meta = Meta::open_fjall(folder, settings()).unwrap();
    let mut found = BTreeSet::new();
    let mut scan = Scan::prefix(b"O");
    loop {
        let page = meta.scan(scan.clone()).await.unwrap();
        let Some(last) = page.last() else { break };
        scan = scan.after(last.key.to_vec());
        for entry in &page {
            let name = std::str::from_utf8(&entry.key[1..]).unwrap();
            let writer = name.split('/').nth(1).unwrap().parse().unwrap();
            assert_eq!(entry.value, value(name, writer), "{name}");
            found.insert(name.to_owned());
        }
    }
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "acknowledged, but not there: {lost:?}");
    let objects = i128::try_from(found.len()).unwrap();
    assert_eq!(meta.counter(b"Call").await.unwrap(), objects, "the counter of all");
    let mut sum = 0;
    for writer in 0..WRITERS {
        sum += meta.counter(format!("C{writer}").as_bytes()).await.unwrap();
    }
    assert_eq!(sum, objects, "the counters of the writers");
    // The feed has an entry for each, numbered without gaps: the last one's number is their count.
    let last = meta
        .scan(feed::entries_after(meta.committer(), 0).backward().limit(1))
        .await
        .unwrap();
    let last = last
        .first()
        .map_or(0, |entry| feed::parse_entry_key(&entry.key).unwrap().1);
    assert_eq!(i128::from(last), objects, "the feed");
    last
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "the instants are to differ in each run; a failure prints them"
    )]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut random = u64::from(now.subsec_nanos());
    let mut instants = Vec::new();
    for round in 0..KILLS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_micros((random >> 33) % 150_000);
        instants.push(after);
        acknowledged.extend(run_and_kill(folder.path(), round, after));
        // The child of the next round opens the store as well, so a look in between at every tenth is enough.
        if round % 10 == 9 {
            println!("kills {:?}", &instants[instants.len() - 10..]);
            let objects = audit(folder.path(), &acknowledged).await;
            println!("round {round}: {} acknowledged, {objects} found", acknowledged.len());
        }
    }
    assert!(
        acknowledged.len() > 1000,
        "only {} were acknowledged",
        acknowledged.len()
    );
}
