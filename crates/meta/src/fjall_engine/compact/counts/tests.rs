use super::super::*;
use super::{forget_gone, gone};
use crate::FjallSettings;
use bytes::Bytes;
use lsm_tree::coding::Encode as _;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::SystemTime;

/// Values of 1 KiB and more are in value files.
const APART: usize = 1500;

/// fjall's work ends soon after the last write, so a copy that meets none of it comes long before.
const COPIES_MAX: usize = 200;

fn open(folder: &Path) -> Slot {
    Slot::open(folder, FjallSettings::default()).unwrap()
}

/// The parts of a compaction, and what comes between compactions.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Puts so many bytes; none removes.
    Put(u8, usize),
    Settle,
    Survey,
    /// Moves whatever is in value files.
    Empty,
    Drop,
    /// Drops tables as early builds did.
    DropTables,
    Reopen,
}

use Step::{Drop, DropTables, Empty, Put, Reopen, Settle, Survey};

struct World {
    folder: tempfile::TempDir,
    slot: Option<Slot>,
    rows: BTreeMap<u8, usize>,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            slot: Some(open(folder.path())),
            rows: BTreeMap::new(),
            folder,
        }
    }

    fn slot(&self) -> &Slot {
        self.slot.as_ref().unwrap()
    }

    fn take(&mut self, step: Step) {
        match step {
            Put(key, bytes) => {
                let value = (bytes > 0).then(|| Bytes::from(vec![key; bytes]));
                let change = Change {
                    key: vec![b'O', key],
                    value,
                };
                self.slot().write(|_| Ok(Batch { changes: vec![change] })).unwrap();
                self.rows.insert(key, bytes);
            }
            Settle => drop(settle_all(self.slot()).unwrap()),
            Survey => self.run(|run| run.pass(Aim::Survey(Arc::default())).unwrap()),
            Empty => {
                let numbers = self.on(|keyspace| files(keyspace.path()).unwrap().1);
                self.run(|run| run.pass(Aim::Empty(numbers.keys().copied().collect())).unwrap());
            }
            Drop => self.run(|run| run.drop_dead_files().unwrap()),
            DropTables => self.on(|keyspace| keyspace.tree.drop_range(..=MARK).unwrap()),
            Reopen => {
                self.slot = None;
                self.slot = Some(open(self.folder.path()));
            }
        }
        self.check();
    }

    fn run(&self, work: impl FnOnce(Run<'_>)) {
        let wanted = Compact {
            bytes_per_second: None,
            free_percent_max: 0,
        };
        work(Run::new(self.slot(), wanted, &Arc::default()));
    }

    fn on<T>(&self, work: impl FnOnce(&fjall::Keyspace) -> T) -> T {
        self.slot().read(|open| Ok(work(&open.keyspace))).unwrap()
    }

    /// Each row is what it was.
    fn check(&self) {
        for (key, bytes) in &self.rows {
            let found = self.on(|keyspace| keyspace.get([b'O', *key]).unwrap());
            let wanted = vec![*key; *bytes];
            assert_eq!(found.as_deref(), (*bytes > 0).then_some(wanted.as_slice()), "{key}");
        }
    }

    /// In each value file, what is counted as dead and what tables name is what was written to it.
    fn check_counts(&self) {
        self.on(check_counts);
    }

    /// The store as a kill at this moment would leave it.
    fn killed(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copied = (0..COPIES_MAX).any(|_| {
            // fjall may be moving tables to another level, after what was written last.
            let before = listing(self.folder.path());
            let copy = Command::new("cp")
                .args(["-a", "--sparse=always"])
                .args([&self.folder.path().join("."), folder.path()])
                .output();
            if copy.unwrap().status.success() && listing(self.folder.path()) == before {
                return true;
            }
            fs::remove_dir_all(folder.path()).unwrap();
            fs::create_dir(folder.path()).unwrap();
            false
        });
        assert!(copied, "the files changed during each of {COPIES_MAX} copies");
        Self {
            slot: Some(open(folder.path())),
            rows: self.rows.clone(),
            folder,
        }
    }
}

fn check_counts(keyspace: &fjall::Keyspace) {
    let version = keyspace.tree.current_version();
    let mut named = dead_values(&version.gc_stats().encode_into_vec());
    for table in version.iter_tables() {
        for link in table.list_blob_file_references().unwrap().unwrap_or_default() {
            *named.entry(link.blob_file_id).or_default() += link.len as u64;
        }
    }
    let written: BTreeMap<_, _> = version.blob_files.iter().map(|file| (file.id(), file.len())).collect();
    assert_eq!(named, written);
}

fn listing(folder: &Path) -> Vec<(PathBuf, u64, SystemTime)> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries.map(Result::unwrap) {
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => found.extend(listing(&entry.path())),
            Ok(metadata) => found.push((entry.path(), metadata.len(), metadata.modified().unwrap())),
            Err(_) => {}
        }
    }
    found.sort();
    found
}

/// How many values are counted as dead in each file (`blob_tree/gc.rs`).
fn dead_values(mut counts: &[u8]) -> BTreeMap<ValueFile, u64> {
    let mut number = |bytes: usize| {
        let (taken, rest) = counts.split_at(bytes);
        counts = rest;
        taken
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    (0..number(4))
        .map(|_| {
            let (file, values, _bytes, _bytes_on_disk) = (number(8), number(4), number(8), number(8));
            (file, values)
        })
        .collect()
}

/// A value file goes while its number is the highest, the store is opened, and a file of as many bytes is written.
const NUMBER_USED_AGAIN: &[Step] = &[
    Put(5, APART),
    Settle,
    Survey,
    Drop,
    Put(5, 3),
    Put(4, 16),
    Settle,
    Survey,
    Drop,
    Reopen,
    Put(0, APART),
    Settle,
    Survey,
    Drop,
    Settle,
    Empty,
    Drop,
];

#[test]
fn a_new_value_file_has_no_count_of_one_that_is_gone() {
    let mut world = World::new();
    for (at, step) in NUMBER_USED_AGAIN.iter().enumerate() {
        world.take(*step);
        world.check_counts();
        let mut killed = world.killed();
        for step in &NUMBER_USED_AGAIN[at + 1..] {
            killed.take(*step);
            killed.check_counts();
        }
    }
}

#[test]
fn counts_that_an_early_build_left_are_forgotten() {
    let mut world = World::new();
    for step in [
        Put(5, APART),
        Settle,
        Survey,
        Put(5, 3),
        Put(4, 16),
        Settle,
        Survey,
        Settle,
        DropTables,
    ] {
        world.take(step);
    }
    assert_eq!(world.on(|keyspace| gone(&keyspace.tree)), 1);
    let mut killed = world.killed();
    for world in [&mut world, &mut killed] {
        world.take(Reopen);
        world.check_counts();
        for step in [Put(0, APART), Settle, Survey, Settle, Survey, Reopen] {
            world.take(step);
            world.check_counts();
        }
        world.on(|keyspace| forget_gone(&keyspace.tree)).unwrap();
        world.check_counts();
    }
}

/// Beside fjall's own flushes and merges, of which small buffers make many.
#[test]
fn counts_hold_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let settings = FjallSettings {
        write_buffer_bytes: 64 << 10,
        ..FjallSettings::default()
    };
    let slot = &Slot::open(folder.path(), settings).unwrap();
    let key = |number: usize| vec![b'O', (number * 7 % 97).to_le_bytes()[0]];
    let value = |number: usize| {
        let bytes = [0, 3, 1024, APART, 4000][number / 3 % 5];
        (bytes > 0).then(|| Bytes::from(vec![number.to_le_bytes()[0]; bytes]))
    };
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            for number in 0..500 {
                let change = |number| Change {
                    key: key(number),
                    value: value(number),
                };
                let changes = (3 * number..3 * number + 3).map(change).collect();
                slot.write(|_| Ok(Batch { changes })).unwrap();
            }
        });
        let wanted = Compact {
            bytes_per_second: None,
            free_percent_max: 0,
        };
        while !writer.is_finished() {
            compact(slot, wanted, &Arc::default()).unwrap();
            slot.read(|open| {
                check_counts(&open.keyspace);
                Ok(())
            })
            .unwrap();
        }
    });
    let rows: BTreeMap<_, _> = (0..1500).map(|number| (key(number), value(number))).collect();
    slot.read(|open| {
        for (key, value) in rows {
            assert_eq!(
                open.keyspace.get(&key).unwrap().map(|found| found.to_vec()),
                value.map(|value| value.to_vec())
            );
        }
        Ok(())
    })
    .unwrap();
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4_u8, prop_oneof![Just(0), Just(3), Just(APART), Just(2000)]).prop_map(|(key, bytes)| Put(key, bytes)),
        3 => Just(Settle),
        2 => Just(Survey),
        1 => Just(Empty),
        2 => Just(Drop),
        1 => Just(Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_and_nothing_is_counted_twice(
        steps in prop::collection::vec((step(), prop::bool::weighted(0.1)), 1..40)
    ) {
        let mut world = World::new();
        for (step, is_killed) in steps {
            world.take(step);
            world.check_counts();
            if is_killed {
                world = world.killed();
                world.check();
                world.check_counts();
            }
        }
    }
}
