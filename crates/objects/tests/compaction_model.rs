//! Compaction against a model: random writes, deletions, uploads and readers, restarts in between, and compactions beside them
//! all; every body is what the model says, and in the end nothing is left.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use baleen_meta::Meta;
use baleen_objects::{Body, Compact, CompactProgress, ObjectError, Part, Selection, UploadPath};
use bytes::Bytes;
use common::{Store, at, bucket, on, pattern, read};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

const ALL: Compact = Compact {
    bytes_per_second: None,
    free_percent_max: 0,
};

#[derive(Clone, Debug)]
enum Step {
    Put(u8, usize),
    Delete(u8),
    /// A part of the open upload; of a number, so that one replaces another.
    Part(u32, usize),
    /// Of the parts that it has; the first alone, since others would be too small.
    Complete,
    Abort,
    Versioning(bool),
    /// Holds an object, to be read later.
    Open(u8),
    /// Reads all that is held.
    Read,
    /// With this beside it.
    Compact(Option<Box<Step>>),
    /// Without an end: what was in memory is gone.
    Crash,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![1 => 0..4096usize, 4 => 5_000..250_000usize, 1 => 260_000..400_000usize]
}

fn write() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..12u8, size()).prop_map(|(key, size)| Step::Put(key, size)),
        8 => (0..12u8).prop_map(Step::Delete),
        2 => (1..3u32, size()).prop_map(|(part, size)| Step::Part(part, size)),
        2 => Just(Step::Complete),
        1 => Just(Step::Abort),
        1 => any::<bool>().prop_map(Step::Versioning),
        2 => (0..12u8).prop_map(Step::Open),
        1 => Just(Step::Read),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        16 => write(),
        3 => prop::option::of(write().prop_map(Box::new)).prop_map(Step::Compact),
        1 => Just(Step::Crash),
    ]
}

/// The parts of an upload.
type Sent = BTreeMap<u32, (Part, Bytes)>;

/// A store with what is known of it.
struct World {
    store: Store,
    meta: Meta,
    /// What is current, and how many versions there may be is nobody's business here.
    keys: BTreeMap<u8, Bytes>,
    upload: Option<(UploadPath, Sent)>,
    held: Vec<(Body, Bytes)>,
    seeds: usize,
}

fn key(n: u8) -> String {
    format!("k{n}")
}

impl World {
    async fn new(dir: &Path) -> Self {
        let meta = Meta::open_model();
        Self {
            store: on(dir, meta.clone(), 1).with_bucket().await,
            meta,
            keys: BTreeMap::new(),
            upload: None,
            held: Vec::new(),
            seeds: 1,
        }
    }

    fn bytes(&mut self, size: usize) -> Bytes {
        self.seeds += 1;
        pattern(size, self.seeds)
    }

    async fn write(&mut self, step: &Step) {
        match step {
            Step::Put(n, size) => {
                let bytes = self.bytes(*size);
                self.store.put(&key(*n), &bytes).await.unwrap();
                self.keys.insert(*n, bytes);
            }
            Step::Delete(n) => {
                self.store.objects.delete(&at(&key(*n))).await.unwrap();
                self.keys.remove(n);
            }
            Step::Part(number, size) => {
                let bytes = self.bytes(*size);
                if self.upload.is_none() {
                    self.upload = Some((self.store.begin("k3").await, BTreeMap::new()));
                }
                let (path, parts) = self.upload.as_mut().unwrap();
                let part = self.store.put_part(path, *number, &bytes).await.unwrap();
                parts.insert(*number, (part, bytes));
            }
            Step::Complete => {
                if let Some((path, parts)) = self.upload.take() {
                    let (_, (part, bytes)) = parts.into_iter().next().unwrap();
                    self.store.complete(&path, &[part]).await.unwrap();
                    self.keys.insert(3, bytes);
                }
            }
            Step::Abort => {
                if let Some((path, _)) = self.upload.take() {
                    self.store.objects.abort_upload(&path).await.unwrap();
                }
            }
            Step::Versioning(is_enabled) => {
                self.store
                    .objects
                    .set_versioning(&bucket("bucket"), *is_enabled)
                    .await
                    .unwrap();
            }
            Step::Open(n) => {
                if let Some(bytes) = self.keys.get(n) {
                    let open = self.store.objects.open(&at(&key(*n)), Selection::Whole).await.unwrap();
                    self.held.push((open.body, bytes.clone()));
                }
            }
            Step::Read => {
                for (body, bytes) in std::mem::take(&mut self.held) {
                    assert_eq!(read(body).await.unwrap(), bytes);
                }
            }
            Step::Compact(_) | Step::Crash => unreachable!(),
        }
    }

    async fn take(mut self, step: &Step, dir: &Path) -> Self {
        match step {
            Step::Compact(beside) => {
                self.store.blobs.taken();
                let objects = self.store.objects.clone();
                let progress = CompactProgress::default();
                let compaction = objects.compact(ALL, &progress);
                let done = match beside {
                    Some(step) => tokio::join!(compaction, self.write(step)).0,
                    None => compaction.await,
                };
                assert_eq!(done.unwrap().damaged, 0);
            }
            Step::Crash => {
                self.held.clear();
                let Self {
                    store,
                    meta,
                    keys,
                    upload,
                    seeds,
                    ..
                } = self;
                drop(store);
                let store = reopened(dir, &meta, seeds as u64).await;
                return Self {
                    store,
                    meta,
                    keys,
                    upload,
                    held: Vec::new(),
                    seeds: seeds + 1,
                };
            }
            step => self.write(step).await,
        }
        self
    }

    async fn check(&self) {
        for n in 0..12 {
            match (self.store.get(&key(n)).await, self.keys.get(&n)) {
                (Ok(bytes), Some(known)) => assert_eq!(bytes, known),
                (Err(ObjectError::NoSuchKey(_) | ObjectError::DeleteMarker { .. }), None) => {}
                (got, known) => panic!("{n}: {got:?}, {:?}", known.map(Bytes::len)),
            }
        }
    }
}

/// The volume of an earlier run is let go when its last work is done.
async fn reopened(dir: &Path, meta: &Meta, seed: u64) -> Store {
    for _ in 0..5000 {
        let free = std::fs::File::open(dir.join("blob/lock")).unwrap().try_lock().is_ok();
        if free {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    on(dir, meta.clone(), 1000 + seed).recovered().await
}

fn run(steps: &[Step]) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(dir.path()).await;
        for step in steps {
            world = world.take(step, dir.path()).await;
        }
        world.check().await;
        world.write(&Step::Read).await;
        world.store.assert_whole().await;
        let before = live(&world.store);
        world = world.take(&Step::Compact(None), dir.path()).await;
        world.check().await;
        world.store.assert_whole().await;
        assert_eq!(live(&world.store), before, "a move neither loses nor leaks");
        let usage = world.store.blobs.usage().unwrap();
        assert_eq!(usage.segment_bytes_free, 0, "nothing waits for the file system");
        world.write(&Step::Abort).await;
        world.store.objects.purge_account(common::account(1)).await.unwrap();
        world.store.objects.sweep().await.unwrap();
        world.store.assert_empty_volume().await;
    });
}

/// Bytes that live in segments.
fn live(store: &Store) -> u64 {
    let usage = store.blobs.usage().unwrap();
    usage.segment_bytes - usage.segment_bytes_free
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 300, ..ProptestConfig::default() })]

    #[test]
    fn everything_is_what_it_was(steps in prop::collection::vec(step(), 1..60)) {
        run(&steps);
    }
}
