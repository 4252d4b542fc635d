//! Writers are killed at any instant: what was acknowledged is there, whole; what was refused is not; nothing leaks; and
//! what the account has used is counted to the byte, also on days that were over before a kill.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_objects::{Expect, PutObject};
use baleen_runtime::{Clock, ManualClock};
use baleen_types::Timestamp;
use baleen_usage::{BillingQuery, Day};
use bytes::Bytes;
use common::{Store, account, at, bucket, durable, pattern, put_of};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const INSIDE: &str = "BALEEN_TEST_CRASH";
const ROUNDS: u64 = 20;
const WRITERS: usize = 8;
const KEYS_PER_WRITER: usize = 4;
/// One for each layout: inline, a segment, a file of its own.
const SIZES: [usize; 4] = [900, 4096, 30_000, 400_000];

/// Each round is a day: its writers begin at 8:00, and their clock runs on to 23:00 at most.
const ROUND_HOURS_MAX: u64 = 15;
/// How far one step moves the clock, so that minutes grow old and are folded while others write.
const STEP: Duration = Duration::from_secs(53);

/// Bytes and objects at the end of days.
type Ends = BTreeMap<Day, (u64, u64)>;

/// What is at a key: nothing, or bytes of a size and a seed.
type State = Option<(usize, usize)>;

#[test]
fn acknowledged_writes_survive_a_kill() {
    if let Some(dir) = std::env::var_os(INSIDE) {
        return run(write_until_killed(Path::new(&dir)));
    }
    let dir = tempfile::tempdir().unwrap();
    run(async { drop(durable(dir.path(), 0).with_bucket().await) });
    let mut state: BTreeMap<String, State> = BTreeMap::new();
    let mut acknowledged = 0;
    let mut ends = Ends::from([(Day::of(round_start(0)), (0, 0))]);
    for round in 1..=ROUNDS {
        let lines = kill_a_writer(dir.path(), round);
        acknowledged += lines.iter().filter(|line| line.starts_with("done")).count();
        run(verify(dir.path(), round, &mut state, &lines, &mut ends));
    }
    assert!(
        acknowledged > 100,
        "only {acknowledged} writes were acknowledged: the test shows little"
    );
    run(leave_nothing(dir.path()));
}

fn run(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(work);
}

/// Starts this test again as a writer, kills it after a while, and returns the whole lines that it wrote.
fn kill_a_writer(dir: &Path, round: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "acknowledged_writes_survive_a_kill", "--nocapture"])
        .env(INSIDE, dir)
        .env("BALEEN_TEST_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while line.trim() != "ready" {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "the writer died at its start");
    }
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut output, &mut text).unwrap();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        text[..whole].lines().map(ToOwned::to_owned).collect()
    });
    std::thread::sleep(Duration::from_millis(30 + round * 97 % 350));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// Says something to the test that will kill us; in one write, so that a line is whole or not there.
fn say(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}

fn round_start(round: u64) -> Timestamp {
    Timestamp::from_secs(1_800_000_000).plus(Duration::from_hours(24 * round))
}

fn tick(clock: &ManualClock, round: u64) {
    let end = round_start(round).plus(Duration::from_hours(ROUND_HOURS_MAX));
    if clock.now().plus(STEP) < end {
        clock.advance(STEP);
    }
}

async fn write_until_killed(dir: &Path) {
    let round: usize = std::env::var("BALEEN_TEST_ROUND").unwrap().parse().unwrap();
    let store = Arc::new(durable(dir, 1000 + round as u64).recovered().await);
    store.clock.set(round_start(round as u64));
    say("\nready");
    let folder = store.clone();
    tokio::spawn(async move {
        loop {
            folder.objects.usage().fold().await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let sweeper = store.clone();
    let sweep = tokio::spawn(async move { sweeper.objects.sweep().await.unwrap() });
    let writers = (0..WRITERS).map(|writer| tokio::spawn(write_on(store.clone(), writer, round)));
    for writer in futures::future::join_all(writers).await {
        writer.unwrap();
    }
    sweep.await.unwrap();
}

async fn write_on(store: Arc<Store>, writer: usize, round: usize) {
    for step in 0usize.. {
        tick(&store.clock, round as u64);
        let key = format!("{writer}/{}", (step * 7 + round) % KEYS_PER_WRITER);
        let size = SIZES[(step + writer) % SIZES.len()];
        let seed = round * 10_000 + step * WRITERS + writer;
        let bytes = pattern(size, seed);
        match step % 6 {
            0 => {
                // Refused at its end, when all its bytes have been taken.
                let expect = Expect {
                    md5: Some([0; 16]),
                    ..Expect::default()
                };
                store
                    .objects
                    .put(PutObject {
                        expect,
                        ..put_of(&key, &bytes)
                    })
                    .await
                    .unwrap_err();
                continue;
            }
            1 => {
                say(&format!("begin {key} delete 0 0"));
                store.objects.delete(&at(&key)).await.unwrap();
            }
            2 => {
                let upload = store.begin(&key).await;
                store.put_part(&upload, 2, &bytes).await.unwrap();
                let part = store.put_part(&upload, 1, &bytes).await.unwrap();
                say(&format!("begin {key} put {size} {seed}"));
                store.complete(&upload, &[part]).await.unwrap();
            }
            _ => {
                say(&format!("begin {key} put {size} {seed}"));
                store.put(&key, &bytes).await.unwrap();
            }
        }
        say(&format!("done {key}"));
    }
}

/// Compares the store with what the writer said: each key is as last acknowledged, or as the write under way leaves it.
async fn verify(dir: &Path, round: u64, state: &mut BTreeMap<String, State>, lines: &[String], ends: &mut Ends) {
    let mut under_way: BTreeMap<String, State> = BTreeMap::new();
    for line in lines {
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["begin", key, what, size, seed] => {
                let new = (what == "put").then(|| (size.parse().unwrap(), seed.parse().unwrap()));
                under_way.insert(key.to_owned(), new);
            }
            ["done", key] => {
                let new = under_way.remove(key).unwrap();
                state.insert(key.to_owned(), new);
            }
            _ => {}
        }
    }
    let store = durable(dir, 2000 + round).recovered().await;
    if round.is_multiple_of(2) {
        // Also with a sweep before the look: it must not remove anything that is named.
        store.objects.sweep().await.unwrap();
    }
    let mut bytes_total = 0;
    let mut objects = 0;
    for key in (0..WRITERS).flat_map(|w| (0..KEYS_PER_WRITER).map(move |k| format!("{w}/{k}"))) {
        let got = match store.get(&key).await {
            Ok(bytes) => Some(bytes),
            Err(baleen_objects::ObjectError::NoSuchKey(_)) => None,
            Err(error) => panic!("{key}: {error:?}"),
        };
        let acknowledged = state.get(&key).copied().unwrap_or_default();
        let allowed = [Some(acknowledged), under_way.get(&key).copied()];
        let is = |wanted: &State| got == wanted.map(|(size, seed)| pattern(size, seed));
        let found = allowed.into_iter().flatten().find(is);
        let found = found.unwrap_or_else(|| panic!("{key} is neither {acknowledged:?} nor what was under way"));
        state.insert(key, found);
        bytes_total += got.as_ref().map_or(0, Bytes::len) as u64;
        objects += u64::from(got.is_some());
    }
    let usage = store.objects.bucket_usage(&bucket("bucket")).await.unwrap();
    assert_eq!(
        (usage.objects, usage.bytes),
        (objects, bytes_total),
        "the counters are exact"
    );
    assert_eq!(store.keys().await.len() as u64, objects);
    store.assert_whole().await;
    verify_days(&store, round, (bytes_total, objects), ends).await;
}

/// The end of every day so far is as it was seen when that day was over.
async fn verify_days(store: &Store, round: u64, now: (u64, u64), ends: &mut Ends) {
    store
        .clock
        .set(round_start(round).plus(Duration::from_hours(ROUND_HOURS_MAX)));
    ends.insert(Day::of(store.clock.now()), now);
    let query = BillingQuery::new(Day::of(round_start(0)), Day::of(store.clock.now())).unwrap();
    for fold in [false, true] {
        if fold && round.is_multiple_of(3) {
            store.objects.usage().fold().await.unwrap();
        }
        let report = store
            .objects
            .billing(account(1), Timestamp::EPOCH, query)
            .await
            .unwrap();
        let space = report.space.iter().zip(&report.objects);
        let seen: Ends = space
            .map(|(space, objects)| (space.day, (space.used_bytes, objects.objects)))
            .collect();
        assert_eq!(seen, *ends, "round {round}");
    }
}

/// After everything is deleted, not a byte is left on the volume.
async fn leave_nothing(dir: &Path) {
    let store = durable(dir, 3000).recovered().await;
    store.objects.sweep().await.unwrap();
    let keys = store.keys().await.iter().map(|key| at(key).into()).collect();
    store.objects.delete_many(&bucket("bucket"), keys).await.unwrap();
    store.objects.delete_bucket(&bucket("bucket")).await.unwrap();
    // For the uploads beyond those that the deletion ends itself. It has to find them by their records.
    assert_eq!(store.objects.sweep().await.unwrap().files_removed, 0);
    store.assert_empty_volume().await;
}
