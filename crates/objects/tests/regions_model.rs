//! Whatever happens to the folders of two regions, in whatever order: never wrong bytes, and all bytes as long as one region has them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::{FjallSettings, Meta};
use baleen_objects::{ObjectError, Reconciled};
use baleen_runtime::Shutdown;
use baleen_types::{Classify, FaultKind, RegionName};
use common::{Store, at, pattern, with_regions};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const SIZES: [usize; 5] = [100, 5000, 70_000, 200_000, 300_000];
const KEYS: usize = 6;

#[derive(Clone, Debug)]
enum Op {
    Put(usize, usize),
    Delete(usize),
    Read,
    PassWest,
    PassHome,
    /// A byte of a file at home flips.
    Flip(u16, u32),
    /// A file at home is gone.
    Remove(u16),
    LoseWest,
    /// The process dies, and then home is gone.
    LoseHome,
    /// Home is gone while the process runs, and is made anew.
    LoseHomeRunning,
    Crash,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..KEYS, 0..SIZES.len()).prop_map(|(key, size)| Op::Put(key, size)),
        2 => (0..KEYS).prop_map(Op::Delete),
        1 => Just(Op::Read),
        4 => Just(Op::PassWest),
        2 => Just(Op::PassHome),
        3 => (any::<u16>(), any::<u32>()).prop_map(|(file, at)| Op::Flip(file, at)),
        1 => any::<u16>().prop_map(Op::Remove),
        1 => Just(Op::LoseWest),
        1 => Just(Op::LoseHome),
        1 => Just(Op::LoseHomeRunning),
        1 => Just(Op::Crash),
    ]
}

/// What is known of the bytes at a key.
#[derive(Clone, Copy, Debug)]
struct Kept {
    size: usize,
    seed: usize,
    /// Whether they are surely there, so that they have to be read.
    at_home: bool,
    in_west: bool,
}

struct World {
    dir: PathBuf,
    store: Option<Store>,
    starts: u64,
    keys: BTreeMap<usize, Kept>,
    seed: usize,
}

fn west() -> RegionName {
    RegionName::parse("west").unwrap()
}

fn unless_gone<T>(done: std::io::Result<T>) -> Option<T> {
    match done {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        done => Some(done.unwrap()),
    }
}

impl World {
    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    async fn start(&mut self) {
        self.starts += 1;
        let meta = Meta::open_fjall(&self.dir.join("meta"), FjallSettings::default()).unwrap();
        self.store = Some(with_regions(&self.dir, meta, self.starts, &["west"]).recovered().await);
    }

    async fn pass(&self, region: Option<RegionName>) -> Result<(), ObjectError> {
        let told = parking_lot::Mutex::new(Reconciled::default());
        let tell = |done: &Reconciled| *told.lock() = *done;
        let objects = &self.store().objects;
        objects.reconcile(region.as_ref(), &Shutdown::new(), &tell).await?;
        assert_eq!(told.lock().left, 0);
        Ok(())
    }

    fn home_files(&self) -> Vec<PathBuf> {
        let store = self.store();
        let segments = std::fs::read_dir(store.dir.join("segments")).unwrap();
        let mut files: Vec<_> = segments
            .map(|entry| entry.unwrap().path())
            .chain(store.own_files())
            .collect();
        files.sort();
        files
    }

    /// Reads all; what is surely somewhere has to be given.
    async fn read_all(&self) {
        for (key, kept) in &self.keys {
            match self.store().get(&key.to_string()).await {
                Ok(bytes) => assert!(bytes == pattern(kept.size, kept.seed), "wrong bytes of {key}: {kept:?}"),
                Err(error) => {
                    assert!(!kept.at_home && !kept.in_west, "{key} is not given, {kept:?}: {error}");
                    assert_eq!(error.kind(), FaultKind::Corrupt, "{error}");
                }
            }
        }
    }

    async fn run(&mut self, op: &Op) {
        match *op {
            Op::Put(key, size) => {
                self.seed += 1;
                let kept = Kept {
                    size: SIZES[size],
                    seed: self.seed,
                    at_home: true,
                    // In the keyspace, which is lost by nothing here.
                    in_west: size == 0,
                };
                let bytes = pattern(kept.size, kept.seed);
                self.store().put(&key.to_string(), &bytes).await.unwrap();
                self.keys.insert(key, kept);
            }
            Op::Delete(key) => {
                self.store().objects.delete(&at(&key.to_string())).await.unwrap();
                self.keys.remove(&key);
            }
            Op::Read => self.read_all().await,
            Op::PassWest => {
                // It fails if something is nowhere.
                if self.pass(Some(west())).await.is_ok() {
                    for kept in self.keys.values_mut().filter(|kept| kept.at_home) {
                        kept.in_west = true;
                    }
                }
            }
            Op::PassHome => {
                self.read_all().await;
                let healed = self.pass(None).await.is_ok();
                for kept in self.keys.values_mut().filter(|kept| kept.in_west) {
                    kept.at_home |= healed;
                }
            }
            Op::Flip(file, place) => {
                let files = self.home_files();
                if files.is_empty() {
                    return;
                }
                let path = &files[usize::from(file) % files.len()];
                // What was freed is removed a moment later.
                let Some(file) = unless_gone(std::fs::File::options().read(true).write(true).open(path)) else {
                    return;
                };
                let place = u64::from(place) % file.metadata().unwrap().len();
                let mut byte = [0];
                file.read_exact_at(&mut byte, place).unwrap();
                file.write_all_at(&[!byte[0]], place).unwrap();
                self.doubt_home();
            }
            Op::Remove(file) => {
                let files = self.store().own_files();
                if !files.is_empty() {
                    unless_gone(std::fs::remove_file(&files[usize::from(file) % files.len()]));
                    self.doubt_home();
                }
            }
            Op::LoseWest => {
                let _ = std::fs::remove_dir_all(self.dir.join("west"));
                for kept in self.keys.values_mut() {
                    kept.in_west = kept.size <= 4096;
                }
            }
            Op::LoseHome => {
                self.store = None;
                std::fs::remove_dir_all(self.dir.join("blob")).unwrap();
                self.doubt_home();
                self.start().await;
            }
            Op::LoseHomeRunning => {
                std::fs::remove_dir_all(self.dir.join("blob")).unwrap();
                self.doubt_home();
                assert!(self.pass(None).await.is_err());
                self.store().clock.advance(Duration::from_secs(6));
                let healed = self.pass(None).await.is_ok();
                for kept in self.keys.values_mut().filter(|kept| kept.in_west) {
                    kept.at_home |= healed;
                }
            }
            Op::Crash => {
                self.store = None;
                self.start().await;
            }
        }
    }

    fn doubt_home(&mut self) {
        for kept in self.keys.values_mut() {
            kept.at_home = false;
        }
    }

    /// Whatever can be saved is saved, and is then in each region for itself.
    async fn end(&mut self) {
        for region in [Some(west()), None, Some(west()), None] {
            self.read_all().await;
            let _ = self.pass(region).await;
        }
        let lost: Vec<_> = self.lost().await;
        for key in lost {
            assert!(!self.keys[&key].at_home && !self.keys[&key].in_west);
            self.run(&Op::Delete(key)).await;
        }
        self.pass(Some(west())).await.unwrap();
        self.pass(None).await.unwrap();
        self.store().assert_whole().await;
        for kept in self.keys.values_mut() {
            (kept.at_home, kept.in_west) = (true, true);
        }
        self.run(&Op::LoseHome).await;
        self.read_all().await;
        self.run(&Op::PassHome).await;
        self.run(&Op::LoseWest).await;
        self.read_all().await;
        assert_eq!(
            self.store().objects.regions_with(&at("0")).await.is_ok(),
            self.keys.contains_key(&0)
        );
        let keys: Vec<_> = self.keys.keys().copied().collect();
        for key in keys {
            self.run(&Op::Delete(key)).await;
        }
        self.pass(Some(west())).await.unwrap();
        self.pass(None).await.unwrap();
        self.store().assert_empty_volume().await;
        let copies = std::fs::read_dir(self.dir.join("west/files")).unwrap();
        let left = copies
            .flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap())
            .count();
        assert_eq!(left, 0);
    }

    async fn lost(&self) -> Vec<usize> {
        let mut lost = Vec::new();
        for key in self.keys.keys() {
            if self.store().get(&key.to_string()).await.is_err() {
                lost.push(*key);
            }
        }
        lost
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn regions_give_what_one_of_them_has_and_never_other_bytes(ops in prop::collection::vec(op(), 1..40)) {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let mut world = World {
                dir: dir.path().to_owned(),
                store: None,
                starts: 0,
                keys: BTreeMap::new(),
                seed: 0,
            };
            world.start().await;
            world.store().make_bucket("bucket").await;
            for op in &ops {
                world.run(op).await;
            }
            world.end().await;
        });
    }
}

fn run(work: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(work);
}

const INSIDE: &str = "BALEEN_TEST_REGIONS_CRASH";
const ROUNDS: u64 = 8;

/// Killed at any instant while it writes, deletes and copies, the store loses nothing that was acknowledged, and a region that is told
/// to be whole is.
#[test]
fn copies_survive_a_kill() {
    if let Some(dir) = std::env::var_os(INSIDE) {
        return run(write_until_killed(Path::new(&dir).to_owned()));
    }
    let dir = tempfile::tempdir().unwrap();
    let mut state: BTreeMap<String, Option<(usize, usize)>> = BTreeMap::new();
    for round in 0..ROUNDS {
        let lines = kill_a_writer(dir.path(), round);
        let mut under_way = BTreeMap::new();
        for line in &lines {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["begin", key, size, seed] => {
                    let size: usize = size.parse().unwrap();
                    let new = (size > 0).then(|| (size, seed.parse().unwrap()));
                    under_way.insert(key.to_owned(), new);
                }
                ["done", key] => {
                    let new = under_way.remove(key).unwrap();
                    state.insert(key.to_owned(), new);
                }
                _ => {}
            }
        }
        let (dir, state) = (dir.path().to_owned(), &mut state);
        run(async move {
            let open = async |seed| {
                let meta = Meta::open_fjall(&dir.join("meta"), FjallSettings::default()).unwrap();
                with_regions(&dir, meta, seed, &["west"]).recovered().await
            };
            let store = open(5000 + 2 * round).await;
            let (region, stop) = (west(), Shutdown::new());
            store.objects.reconcile(Some(&region), &stop, &|_| {}).await.unwrap();
            drop(store);
            // What is read now is read in the west.
            std::fs::remove_dir_all(dir.join("blob")).unwrap();
            let store = open(5001 + 2 * round).await;
            let bytes_of = |kept: Option<(usize, usize)>| kept.map(|(size, seed)| pattern(size, seed));
            let keys: Vec<_> = state.keys().chain(under_way.keys()).cloned().collect();
            for key in keys {
                let found = match store.get(&key).await {
                    Ok(bytes) => Some(bytes),
                    Err(ObjectError::NoSuchKey(_)) => None,
                    Err(error) => panic!("{key}: {error}"),
                };
                let before = state.get(&key).copied().flatten();
                let after = under_way.get(&key).copied();
                let is = [Some(before), after]
                    .into_iter()
                    .flatten()
                    .find(|kept| bytes_of(*kept) == found);
                state.insert(
                    key.clone(),
                    is.unwrap_or_else(|| panic!("{key} is neither as before nor as after")),
                );
            }
            store.objects.reconcile(None, &Shutdown::new(), &|_| {}).await.unwrap();
            store.assert_whole().await;
        });
    }
    assert!(state.len() > 10, "{}", state.len());
}

fn kill_a_writer(dir: &Path, round: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "copies_survive_a_kill", "--nocapture"])
        .env(INSIDE, dir)
        .env("BALEEN_TEST_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut lines = Vec::new();
    // So many writes are acknowledged, and a few more before it is dead.
    for line in output
        .split(b'\n')
        .map(|line| String::from_utf8_lossy(&line.unwrap()).into_owned())
    {
        lines.push(line);
        if lines.iter().filter(|line| line.starts_with("done")).count() as u64 == 30 + round * 7 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    // A line that was cut at its end would be taken for another.
    lines.retain(|line| line.ends_with(';'));
    lines.iter().map(|line| line.trim_end_matches(';').to_owned()).collect()
}

fn say(line: &str) {
    std::io::stdout().write_all(format!("{line};\n").as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}

async fn write_until_killed(dir: PathBuf) {
    let round: usize = std::env::var("BALEEN_TEST_ROUND").unwrap().parse().unwrap();
    let meta = Meta::open_fjall(&dir.join("meta"), FjallSettings::default()).unwrap();
    let store = with_regions(&dir, meta, 1000 + round as u64, &["west"])
        .recovered()
        .await;
    if round == 0 {
        store.make_bucket("bucket").await;
    }
    let store = Arc::new(store);
    let copier = Arc::clone(&store);
    tokio::spawn(async move {
        loop {
            copier
                .objects
                .reconcile(Some(&west()), &Shutdown::new(), &|_| {})
                .await
                .unwrap();
            // So that it finds copies of what is gone as well.
            copier.clock.advance(Duration::from_hours(7));
            tokio::task::yield_now().await;
        }
    });
    let writers = (0..4usize).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for step in 0usize.. {
                let key = format!("{writer}/{}", (step * 7 + round) % 5);
                let (size, seed) = (
                    SIZES[(step + writer) % SIZES.len()],
                    round * 100_000 + step * 4 + writer,
                );
                if step % 4 == 3 {
                    say(&format!("begin {key} 0 0"));
                    store.objects.delete(&at(&key)).await.unwrap();
                } else {
                    say(&format!("begin {key} {size} {seed}"));
                    store.put(&key, &pattern(size, seed)).await.unwrap();
                }
                say(&format!("done {key}"));
            }
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer.unwrap();
    }
}
