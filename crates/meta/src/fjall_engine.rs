//! The embedded engine: fjall 3 with key-value separation, in one fjall keyspace.
//!
//! fjall keeps a journal (one sync per commit), a sorted tree of tables, and separate files for large values; each has
//! checksums. What it lacks for our promise is added here:
//! * After a failed write it is poisoned for good, and what it could not write may still reach the journal later. So the
//!   store closes it, cuts the refused batch off the journal, and opens it again ([`slot`]).
//! * Its recovery takes damage in the middle of a journal for a torn end and drops every write behind it without a word.
//!   So the files are audited before fjall touches them ([`audit`]).

mod audit;
mod journal;
mod settings;
mod slot;

pub use settings::FjallSettings;

use crate::engine::{Decide, Engine, View};
use crate::{Direction, Entry, Error, Result, Scan};
use async_trait::async_trait;
use bytes::Bytes;
use fjall::{Keyspace, Readable};
use slot::{Open, Slot};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

/// Scans of at most this many entries run on the caller's thread, longer ones on a thread for blocking work.
///
/// Measured (`examples/commit_rate.rs`, 2 busy cores): a get from a store larger than the cache takes 30 us, a scan 0.7 us
/// for each entry, and handing work to a blocking thread and back 17 to 56 us. So handing a get over costs as much as the
/// get; for a scan it is worth it only above the 100 us that are usual as a bound between two awaits.
const INLINE_SCAN_ENTRIES: usize = 128;

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
        self.slot.read(|open| match keys {
            // A single key needs no snapshot to be read at one moment.
            [key] => Ok(vec![open.keyspace.get(key).map_err(read_failed)?.map(to_bytes)]),
            _ => get_many(&open.db.snapshot(), &open.keyspace, keys),
        })
    }

    async fn snapshot(&self) -> Result<Box<dyn View>> {
        let (generation, snapshot) = self.slot.read(|open| Ok((open.generation, open.db.snapshot())))?;
        Ok(Box::new(FjallView {
            slot: self.slot.clone(),
            generation,
            snapshot,
        }))
    }

    async fn commit(&self, keys: &[Vec<u8>], decide: Decide<'_>) -> Result<()> {
        // The committer is the only writer and runs on its own thread, so blocking here is what that thread is for, and
        // what is read cannot change before it is written.
        self.slot.write(|open| {
            let read: Vec<_> = keys
                .iter()
                .map(|key| Ok(open.keyspace.get(key).map_err(read_failed)?.map(to_bytes)))
                .collect::<Result<_>>()?;
            Ok(decide(&read))
        })
    }
}

/// A fjall snapshot. It holds old values, not the database: after a failure the database must be closed wholly before
/// its journal can be cut, and a forgotten snapshot must not prevent that.
struct FjallView {
    slot: Arc<Slot>,
    generation: u64,
    snapshot: fjall::Snapshot,
}

impl FjallView {
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
        let blocking = (wanted.limit > INLINE_SCAN_ENTRIES).then(tokio::runtime::Handle::try_current);
        let Some(Ok(runtime)) = blocking else {
            return Self::read(&self.slot, self.generation, |open| {
                scan(&self.snapshot, &open.keyspace, wanted)
            });
        };
        let (slot, generation, snapshot) = (self.slot.clone(), self.generation, self.snapshot.clone());
        let task = move || Self::read(&slot, generation, |open| scan(&snapshot, &open.keyspace, wanted));
        // A panic in the engine's crate is not ours to hide; a cancelled task means the runtime is ending.
        runtime
            .spawn_blocking(task)
            .await
            .map_err(|error| Error::storage("scanning", error))?
    }
}

fn get_many(snapshot: &fjall::Snapshot, keyspace: &Keyspace, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
    keys.iter()
        .map(|key| Ok(snapshot.get(keyspace, key).map_err(read_failed)?.map(to_bytes)))
        .collect()
}

fn scan(snapshot: &fjall::Snapshot, keyspace: &Keyspace, scan: Scan) -> Result<Vec<Entry>> {
    let limit = scan.limit;
    let entry = |guard: fjall::Guard| {
        let (key, value) = if scan.keys_only {
            (guard.key().map_err(read_failed)?, Bytes::new())
        } else {
            let (key, value) = guard.into_inner().map_err(read_failed)?;
            (key, to_bytes(value))
        };
        Ok(Entry {
            key: to_bytes(key),
            value,
        })
    };
    let range: (Bound<Vec<u8>>, Bound<Vec<u8>>) = scan.range;
    let found = snapshot.range(keyspace, range);
    match scan.direction {
        Direction::Forward => found.take(limit).map(entry).collect(),
        Direction::Backward => found.rev().take(limit).map(entry).collect(),
    }
}

/// Copies, so that a small value does not keep a whole block of the cache alive.
fn to_bytes(slice: impl AsRef<[u8]>) -> Bytes {
    Bytes::copy_from_slice(slice.as_ref())
}

fn read_failed(error: fjall::Error) -> Error {
    slot::classify("reading", error)
}
