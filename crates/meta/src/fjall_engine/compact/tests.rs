use super::*;
use crate::{FjallSettings, Meta, Request, Scan, Snapshot};
use std::collections::BTreeMap;

const ALL: Compact = Compact {
    bytes_per_second: None,
    free_percent_max: 0,
};

/// Small buffers, so that there are several tables and value files.
fn settings() -> FjallSettings {
    FjallSettings {
        write_buffer_bytes: 1 << 20,
        ..FjallSettings::default()
    }
}

/// Numbers whose rows are written in one commit, so that the disk is waited for less.
const AT_ONCE: usize = 50;

fn keys(number: usize) -> [Vec<u8>; 2] {
    ["O", "I"].map(|table| format!("{table}{number:06}").into_bytes())
}

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

struct World {
    folder: tempfile::TempDir,
    meta: Option<Meta>,
    rows: Rows,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            meta: Some(Meta::open_fjall(folder.path(), settings()).unwrap()),
            rows: Rows::new(),
            folder,
        }
    }

    fn meta(&self) -> &Meta {
        self.meta.as_ref().unwrap()
    }

    fn reopen(&mut self) {
        self.meta = None;
        self.meta = Some(Meta::open_fjall(self.folder.path(), settings()).unwrap());
    }

    /// Writes a record and, for each other number, a body of 4 KiB.
    async fn put(&mut self, numbers: impl Iterator<Item = usize>, seed: u8) {
        let numbers: Vec<_> = numbers.collect();
        for numbers in numbers.chunks(AT_ONCE) {
            let mut request = Request::new();
            for number in numbers {
                let [record, body] = keys(*number);
                let bytes: Vec<u8> = (*number..).map(|at| at.to_le_bytes()[0] ^ seed).take(4000).collect();
                request = request.put(record.clone(), vec![seed; 300]);
                self.rows.insert(record, vec![seed; 300]);
                if number.is_multiple_of(2) {
                    request = request.put(body.clone(), bytes.clone());
                    self.rows.insert(body, bytes);
                }
            }
            self.meta().commit(request).await.unwrap();
        }
    }

    async fn remove(&mut self, numbers: impl Iterator<Item = usize>) {
        let numbers: Vec<_> = numbers.collect();
        for numbers in numbers.chunks(AT_ONCE) {
            let keys = numbers.iter().copied().flat_map(keys);
            keys.clone().for_each(|key| drop(self.rows.remove(&key)));
            let request = keys.fold(Request::new(), Request::delete);
            self.meta().commit(request).await.unwrap();
        }
    }

    async fn compact(&self) -> Compacted {
        self.meta().compact(ALL, &Arc::default()).await.unwrap()
    }

    async fn assert_same(&self) {
        assert!(all_of(&self.meta().snapshot().await.unwrap()).await == self.rows);
    }
}

async fn all_of(snapshot: &Snapshot) -> Rows {
    let mut rows = Rows::new();
    let mut scan = Scan::prefix(b"");
    loop {
        let page = snapshot.scan(scan.clone()).await.unwrap();
        let Some(last) = page.last() else { return rows };
        scan = scan.after(last.key.to_vec());
        rows.extend(page.iter().map(|row| (row.key.to_vec(), row.value.to_vec())));
    }
}

#[tokio::test]
async fn what_is_dead_is_given_back_and_what_lives_is_what_it_was() {
    let mut world = World::new();
    world.put(0..4000, 1).await;
    world.put((0..4000).step_by(3), 2).await;
    world.remove((0..4000).filter(|number| number % 10 != 0)).await;
    let before = world.meta().usage().await.unwrap();
    let done = world.compact().await;
    let after = world.meta().usage().await.unwrap();
    println!("{before:?}\n{done:?}\n{after:?}");
    assert!(done.rewritten);
    assert_eq!(after.rows, world.rows.len() as u64);
    let live: usize = world.rows.iter().map(|(key, value)| key.len() + value.len()).sum();
    assert_eq!(after.live_bytes, live as u64);
    assert_eq!(after.live_bytes, before.live_bytes);
    assert!(before.allocated_bytes > 8 * after.allocated_bytes);
    assert!(after.allocated_bytes * 100 <= after.live_bytes * 110, "{after:?}");
    assert!(after.journal_bytes < 64 << 10, "{after:?}");
    world.assert_same().await;
    // Nothing is left to do.
    let again = world.compact().await;
    assert_eq!(again, Compacted::default());
    world.reopen();
    world.assert_same().await;
    world.put(10_000..10_010, 3).await;
    world.reopen();
    world.assert_same().await;
}

#[tokio::test]
async fn what_is_taken_is_told_without_counting_rows() {
    let mut world = World::new();
    world.put(0..10, 1).await;
    let usage = world.meta().usage().await.unwrap();
    assert!(usage.allocated_bytes > usage.live_bytes);
    assert_eq!(world.meta().allocated_bytes().await.unwrap(), usage.allocated_bytes);
}

#[tokio::test]
async fn a_snapshot_from_before_keeps_everything_and_one_that_comes_meanwhile_is_whole() {
    let mut world = World::new();
    world.put(0..1000, 1).await;
    let old = world.meta().snapshot().await.unwrap();
    let then = world.rows.clone();
    world.remove(0..900).await;
    assert_eq!(world.compact().await, Compacted::default());
    assert!(
        all_of(&old).await == then,
        "the journal was not cut under the snapshot, and no row is gone"
    );
    drop(old);
    assert!(world.compact().await.rewritten);
    world.assert_same().await;
}

#[tokio::test]
async fn writers_and_readers_go_on_meanwhile() {
    let mut world = World::new();
    world.put(0..3000, 1).await;
    world.remove(0..2500).await;
    let (meta, before) = (world.meta().clone(), world.rows.clone());
    let slow = Compact {
        bytes_per_second: std::num::NonZeroU64::new(4 << 20),
        ..ALL
    };
    let progress = Arc::new(CompactProgress::default());
    let compaction = meta.compact(slow, &progress);
    let others = async {
        // One that has a snapshot before has it begin nothing.
        while progress.rows() == 0 {
            tokio::task::yield_now().await;
        }
        for round in 0..20 {
            let snapshot = world.meta().snapshot().await.unwrap();
            let wanted = world.rows.clone();
            world.put(5000 + round * 10..5010 + round * 10, 4).await;
            world.remove(2500 + round..2501 + round).await;
            assert!(all_of(&snapshot).await == wanted, "round {round}");
        }
    };
    let (done, ()) = tokio::join!(compaction, others);
    assert!(done.unwrap().rewritten);
    drop(meta);
    assert!(progress.rows() >= before.len() as u64 / 2, "{}", progress.rows());
    world.assert_same().await;
    world.reopen();
    world.assert_same().await;
}

#[tokio::test]
async fn one_that_is_stopped_leaves_nothing_behind() {
    let mut world = World::new();
    world.put(0..3000, 1).await;
    world.remove(0..2000).await;
    let progress = Arc::new(CompactProgress::default());
    progress.stop();
    let stopped = world.meta().compact(ALL, &progress).await;
    assert!(stopped.is_err());
    world.assert_same().await;
    let left = world.meta().usage().await.unwrap();
    assert!(world.compact().await.rewritten);
    let after = world.meta().usage().await.unwrap();
    assert!(after.allocated_bytes < left.allocated_bytes);
    assert!(after.allocated_bytes * 100 <= after.live_bytes * 110, "{after:?}");
    world.assert_same().await;
}

#[tokio::test]
async fn a_snapshot_outlives_a_compaction_that_fails() {
    let mut world = World::new();
    world.put(0..1000, 1).await;
    world.remove(0..500).await;
    let progress = Arc::new(CompactProgress::default());
    let never_done = Compact {
        bytes_per_second: Some(std::num::NonZeroU64::MIN),
        ..ALL
    };
    let meanwhile = async {
        while progress.rows() == 0 {
            tokio::task::yield_now().await;
        }
        let snapshot = world.meta().snapshot().await.unwrap();
        progress.stop();
        snapshot
    };
    let (stopped, snapshot) = tokio::join!(world.meta().compact(never_done, &progress), meanwhile);
    assert!(stopped.is_err());
    let then = world.rows.clone();
    assert!(all_of(&snapshot).await == then);
    world.remove(500..900).await;
    assert_eq!(
        world.compact().await,
        Compacted::default(),
        "what is left has to go first"
    );
    assert!(all_of(&snapshot).await == then);
    drop(snapshot);
    assert!(world.compact().await.rewritten);
    let after = world.meta().usage().await.unwrap();
    assert!(after.allocated_bytes * 100 <= after.live_bytes * 120, "{after:?}");
    world.assert_same().await;
}

/// Wherever in a table: what is damaged might keep the database from being opened, so it is not closed for that.
#[tokio::test]
async fn a_damaged_table_is_read_once_and_the_rest_can_be_read_on() {
    for part in [1, 2, 3] {
        a_table_is_damaged(part).await;
    }
}

async fn a_table_is_damaged(quarter: usize) {
    let mut world = World::new();
    world.put(0..1000, 1).await;
    world.compact().await;
    for entry in fs::read_dir(world.folder.path().join("keyspaces/1/tables")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.len() / 4 * quarter;
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
    }
    for round in 0..4 {
        world.put(2000 + round..2001 + round, 2).await;
        let progress = Arc::new(CompactProgress::default());
        let error = world.meta().compact(ALL, &progress).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error:?}");
        assert_eq!(progress.rows() > 0, round == 0, "{quarter}/{round}");
    }
    for [key, _] in (2000..2004).map(keys) {
        let value = world.meta().get(&key).await.unwrap();
        assert_eq!(value.as_deref(), world.rows.get(&key).map(Vec::as_slice));
    }
}

#[test]
fn a_pass_is_for_its_own_thread() {
    let folder = tempfile::tempdir().unwrap();
    let slot = Slot::open(folder.path(), settings()).unwrap();
    let has_pass = || slot.moves().mine().is_some();
    slot.work_on(|keyspace, closing| {
        let pass = Pass {
            keyspace: keyspace.clone(),
            aim: Aim::Survey(Arc::default()),
            pace: Pace::new(None, &Arc::default(), closing, &Arc::default()),
        };
        slot.moves().during(Arc::new(pass), || {
            assert!(has_pass());
            std::thread::scope(|scope| assert!(!scope.spawn(has_pass).join().unwrap()));
        });
        assert!(!has_pass());
        Ok(())
    })
    .unwrap();
}

/// Tables of the first level that a pass meets which stood still until they were there, and whether it ends before it is through.
#[test]
fn a_pass_gives_way_to_writers() {
    for (tables, gives_way) in [(5, false), (19, false), (20, true), (24, true)] {
        let folder = tempfile::tempdir().unwrap();
        let slot = &Slot::open(folder.path(), settings()).unwrap();
        // The first is in a table, the others are in a value file.
        let rows: BTreeMap<_, _> = (b'A'..=b'Z')
            .map(|key| (vec![key], vec![key; if key == b'A' { 3 } else { 2000 }]))
            .collect();
        let change = |(key, value): (&Vec<u8>, &Vec<u8>)| Change {
            key: key.clone(),
            value: Some(value.clone().into()),
        };
        let changes = rows.iter().map(change).collect();
        slot.write(|_| Ok(Batch { changes })).unwrap();
        assert!(settle_all(slot).unwrap());
        let count = || slot.read(|open| Ok(open.keyspace.l0_table_count())).unwrap();

        let (progress, live) = (&Arc::new(CompactProgress::default()), &Arc::default());
        let held = parking_lot::Mutex::lock(live);
        let (done, setback) = std::thread::scope(|scope| {
            let pass = scope.spawn(|| {
                let (run, mut setback) = (Run::new(slot, ALL, progress), Setback::default());
                let done = run.pass(Aim::Survey(Arc::clone(live)));
                (run.note(done.map(|()| true), &mut setback), setback)
            });
            while progress.rows() == 0 && !pass.is_finished() {
                std::thread::yield_now();
            }
            while count() < tables && !pass.is_finished() {
                settle(slot).unwrap();
            }
            assert!(!pass.is_finished(), "it was to stand still");
            drop(held);
            pass.join().unwrap()
        });
        assert_eq!(done.unwrap(), !gives_way, "{tables}");
        assert_eq!(
            progress.rows(),
            if gives_way { 2 } else { rows.len() as u64 },
            "{tables}"
        );
        assert!({ setback }.pass_over().is_none(), "{tables}: it is no failure");

        // What it left goes, and as soon as fjall has made the tables fewer there is another.
        assert!(slot.tidy().unwrap());
        while count() >= 8 {
            std::thread::yield_now();
        }
        assert!(compact(slot, ALL, progress).unwrap().rewritten, "{tables}");
        for (key, value) in rows {
            let found = slot.read(|open| Ok(open.keyspace.get(key).unwrap())).unwrap();
            assert_eq!(found.as_deref(), Some(value.as_slice()), "{tables}");
        }
    }
}

#[test]
fn files_of_which_little_lives_are_chosen() {
    let files = HashMap::from([(1, 1_000_000), (2, 1_000_000), (3, 1_000_000), (4, 5_000)]);
    let live = HashMap::from([(1, 995_000), (2, 800_000), (4, 1_500), (9, 7)]);
    let chosen = |percent| {
        let (files, bytes) = sparse(&files, &live, percent);
        let mut files: Vec<_> = files.into_iter().collect();
        files.sort_unstable();
        (files, bytes)
    };
    assert_eq!(chosen(0), (vec![1, 2], 1_795_000));
    assert_eq!(chosen(10), (vec![2], 800_000));
    assert_eq!(chosen(30), (vec![], 0));
}
