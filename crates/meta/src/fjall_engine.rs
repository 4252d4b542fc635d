//! The embedded engine: fjall 3 with key-value separation, in one fjall keyspace.
//!
//! fjall keeps a journal (one sync per commit), a sorted tree of tables, and separate files for large values; each has
//! checksums. What it lacks for our promise is added here:
//! * After a failed write it is poisoned for good, and what it could not write may still reach the journal later. So the
//!   store closes it, cuts the refused batch off the journal, and opens it again ([`slot`]).
//! * Its recovery takes damage in the middle of a journal for a torn end and drops every write behind it without a word.
//!   So the files are audited before fjall touches them ([`audit`]).

mod audit;
mod compact;
mod journal;
mod settings;
mod slot;
mod walk;

pub use settings::FjallSettings;

use crate::engine::{Decide, Engine, View};
use crate::{Compact, CompactProgress, Compacted, Entry, Error, Result, SCAN_ENTRIES_MAX, Scan, Usage};
use async_trait::async_trait;
use bytes::Bytes;
use fjall::{Keyspace, Readable};
use slot::{Open, Slot, Written};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use walk::{Turn, Walk};

/// The most entries of a scan that is read on the caller's thread, in one go.
///
/// Measured (`examples/commit_rate.rs`, 2 busy cores): a get from a store larger than the cache takes 30 us, a scan 0.4 us
/// for each entry, and handing work to a blocking thread and back 17 to 56 us, after which the rows are in another core's
/// cache. So a page for a client, which is at most a thousand entries, is read here: a turn for others between wakes an idle
/// thread, and what is left begins with looking for its place in each table again. Longer scans are those of work
/// in the background, whose blocks are likely to be on the disk: they are read on a thread for blocking work, and so is
/// what is left of a page that takes longer than it does from memory.
const INLINE_SCAN_ENTRIES: usize = 1024;

/// A fjall database that survives failed writes.
pub(crate) struct FjallEngine {
    slot: Arc<Slot>,
}

impl FjallEngine {
    /// Opens or creates the store; see [`crate::Meta::open_fjall`].
    pub(crate) fn open(path: &Path, settings: FjallSettings) -> Result<Self> {
        Ok(Self {
            slot: Arc::new(Slot::open(path, settings)?),
        })
    }
}

#[async_trait]
impl Engine for FjallEngine {
    async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
        // A single key too is read of a snapshot: `Keyspace::get` sees the rows of a batch while it is being applied, which
        // snapshots see when all of it is. Whoever read a row in both ways saw time go back, and took a version that was
        // moved from one row to another in between for one that is in neither.
        self.slot
            .read(|open| get_many(&open.db.snapshot(), &open.keyspace, keys))
    }

    async fn snapshot(&self) -> Result<Box<dyn View>> {
        Ok(Box::new(FjallView::open(&self.slot)?))
    }

    async fn commit(&self, keys: &[Vec<u8>], decide: Decide<'_>) -> Result<()> {
        // The committer is the only writer and runs on its own thread, so blocking here is what that thread is for, and
        // what is read cannot change before it is written.
        let mut written = Written::default();
        self.slot.write(|open| {
            let read: Vec<_> = keys
                .iter()
                .map(|key| Ok(open.keyspace.get(key).map_err(read_failed)?.map(to_bytes)))
                .collect::<Result<_>>()?;
            let batch = decide(&read);
            written = Written::of(&batch);
            Ok(batch)
        })?;
        self.slot.count(written);
        Ok(())
    }

    async fn compact(&self, wanted: Compact, progress: Arc<CompactProgress>) -> Result<Compacted> {
        let slot = Arc::clone(&self.slot);
        blocking(COMPACTING, move || compact::compact(&slot, wanted, &progress)).await
    }

    async fn usage(&self) -> Result<Usage> {
        let slot = Arc::clone(&self.slot);
        blocking("counting", move || compact::usage(&slot)).await
    }

    async fn allocated_bytes(&self) -> Result<u64> {
        let slot = Arc::clone(&self.slot);
        blocking("counting", move || compact::allocated_bytes(&slot)).await
    }
}

const COMPACTING: &str = "compacting";

/// Runs what takes long on a thread for blocking work.
async fn blocking<T: Send + 'static>(
    doing: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|error| Error::storage(doing, error))?
}

/// A fjall snapshot. It holds old values, not the database: after a failure the database must be closed wholly before
/// its journal can be cut, and a forgotten snapshot must not prevent that.
struct FjallView {
    slot: Arc<Slot>,
    generation: u64,
    snapshot: fjall::Snapshot,
}

/// One page of rows, counted.
struct Sizes {
    rows: u64,
    bytes: u64,
    /// The key of the last one; `None` when there are no more.
    last: Option<Vec<u8>>,
}

impl FjallView {
    fn open(slot: &Arc<Slot>) -> Result<Self> {
        slot.read(|open| {
            slot.views.fetch_add(1, Ordering::Relaxed);
            Ok(Self {
                slot: Arc::clone(slot),
                generation: open.generation,
                snapshot: open.db.snapshot(),
            })
        })
    }

    /// Counts the rows behind a key, a page at most, without reading values that are apart.
    fn sizes(&self, after: Option<&[u8]>) -> Result<Sizes> {
        Self::read(&self.slot, self.generation, |open| {
            let from = || after.map_or(Bound::Unbounded, Bound::Excluded);
            let page = || {
                let range = self
                    .snapshot
                    .range::<&[u8], _>(&open.keyspace, (from(), Bound::Unbounded));
                range.take(SCAN_ENTRIES_MAX)
            };
            let (mut rows, mut bytes, mut last) = (0, 0, None);
            for guard in page() {
                let key = guard.key().map_err(read_failed)?;
                rows += 1;
                bytes += key.len() as u64;
                last = Some(key);
            }
            for guard in page() {
                bytes += u64::from(guard.size().map_err(read_failed)?);
            }
            let is_last = rows < SCAN_ENTRIES_MAX as u64;
            let last = last.filter(|_| !is_last).map(|key| key.to_vec());
            Ok(Sizes { rows, bytes, last })
        })
    }

    fn read<T>(slot: &Slot, generation: u64, read: impl FnOnce(&Open) -> Result<T>) -> Result<T> {
        slot.read(|open| {
            if open.generation == generation {
                read(open)
            } else {
                Err(Error::SnapshotLost)
            }
        })
    }
}

impl Drop for FjallView {
    fn drop(&mut self) {
        self.slot.views.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl View for FjallView {
    async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
        Self::read(&self.slot, self.generation, |open| {
            get_many(&self.snapshot, &open.keyspace, keys)
        })
    }

    async fn contains_many(&self, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        Self::read(&self.slot, self.generation, |open| {
            let contains = |key| self.snapshot.contains_key(&open.keyspace, key).map_err(read_failed);
            keys.iter().map(contains).collect()
        })
    }

    async fn scan(&self, wanted: Scan) -> Result<Vec<Entry>> {
        let mut is_from_disk = wanted.limit > INLINE_SCAN_ENTRIES;
        let mut walk = Walk::new(wanted);
        loop {
            if let (true, Ok(runtime)) = (is_from_disk, tokio::runtime::Handle::try_current()) {
                let (slot, generation, snapshot) = (self.slot.clone(), self.generation, self.snapshot.clone());
                let task = move || {
                    Self::read(&slot, generation, |open| walk.rest(&snapshot, &open.keyspace))?;
                    Ok(walk.into_entries())
                };
                // A panic in the engine's crate is not ours to hide; a cancelled task means the runtime is ending.
                return runtime
                    .spawn_blocking(task)
                    .await
                    .map_err(|error| Error::storage("scanning", error))?;
            }
            let turn = Self::read(&self.slot, self.generation, |open| {
                walk.turn(&self.snapshot, &open.keyspace)
            })?;
            match turn {
                Turn::Over => return Ok(walk.into_entries()),
                Turn::Slow => is_from_disk = true,
            }
        }
    }
}

fn get_many(snapshot: &fjall::Snapshot, keyspace: &Keyspace, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
    keys.iter()
        .map(|key| Ok(snapshot.get(keyspace, key).map_err(read_failed)?.map(to_bytes)))
        .collect()
}

/// Copies, so that a small value does not keep a whole block of the cache alive.
fn to_bytes(slice: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(slice.as_ref())
}

fn read_failed(error: fjall::Error) -> Error {
    slot::classify("reading", error)
}
