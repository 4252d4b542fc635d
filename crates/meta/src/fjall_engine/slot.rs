//! The open database, and how it is closed and opened again after a failed write.
//!
//! fjall marks itself poisoned when a journal write or a background job fails, for instance on a full disk; nothing but
//! opening it again helps. Worse, what it buffered of the refused batch is written when it is dropped, should there be
//! room by then. So after a failure: close it wholly, cut the journal before the refused batch, sync, and only then answer
//! the callers and open it again. Readers go through [`Slot::read`] for that reason: none can keep the old one alive.

use super::FjallSettings;
use crate::engine::Batch;
use crate::{Error, Result};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};
use parking_lot::RwLock;
use std::path::{Path, PathBuf};

/// Name of the one fjall keyspace.
const KEYSPACE: &str = "meta";

/// Values of at least this size are kept out of the tree, so that compaction does not copy inline bodies again and again.
const SEPARATED_VALUE_BYTES: u32 = 1024;

/// The place of the database in memory.
pub(super) struct Slot {
    path: PathBuf,
    settings: FjallSettings,
    state: RwLock<State>,
}

enum State {
    Open(Open),
    #[expect(dead_code, reason = "the next step")]
    Closed,
}

/// An open database.
pub(super) struct Open {
    pub(super) keyspace: Keyspace,
    pub(super) db: Database,
    /// Counts how often the store was opened, so that an old snapshot is recognised.
    pub(super) generation: u64,
}

impl Slot {
    pub(super) fn open(path: &Path, settings: FjallSettings) -> Result<Self> {
        let open = open(path, &settings, 0)?;
        Ok(Self {
            path: path.to_owned(),
            settings,
            state: RwLock::new(State::Open(open)),
        })
    }

    /// Runs a short read on the open database.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Open) -> Result<T>) -> Result<T> {
        match &*self.state.read() {
            State::Open(open) => read(open),
            State::Closed => Err(Error::Closed),
        }
    }

    /// Applies the batch which `prepare` makes.
    pub(super) fn write(&self, prepare: impl FnOnce(&Open) -> Result<Batch>) -> Result<()> {
        self.read(|open| {
            let batch = prepare(open)?;
            apply(open, batch)
        })
    }
}

fn open(path: &Path, settings: &FjallSettings, generation: u64) -> Result<Open> {
    let fail = |error| match error {
        fjall::Error::Locked => Error::InUse { path: path.to_owned() },
        error => classify("opening the store", error),
    };
    let db = Database::builder(path)
        .cache_size(settings.cache_bytes)
        .max_journaling_size(settings.journal_bytes)
        .worker_threads(settings.worker_threads)
        // Bodies are as a rule compressed or small; compressing each in the journal costs more than it saves.
        .journal_compression(fjall::CompressionType::None)
        // Each batch says itself how it is made durable.
        .manual_journal_persist(true)
        .open()
        .map_err(fail)?;
    let separation = KvSeparationOptions::default()
        .separation_threshold(SEPARATED_VALUE_BYTES)
        .compression(fjall::CompressionType::None);
    let options = || {
        KeyspaceCreateOptions::default()
            .max_memtable_size(settings.write_buffer_bytes)
            .manual_journal_persist(true)
            .with_kv_separation(Some(separation))
    };
    let keyspace = db.keyspace(KEYSPACE, options).map_err(fail)?;
    Ok(Open {
        keyspace,
        db,
        generation,
    })
}

fn apply(open: &Open, batch: Batch) -> Result<()> {
    if batch.changes.is_empty() {
        return Ok(());
    }
    // The journal's file is extended or its blocks are allocated by the write; fdatasync covers what is needed to read
    // the bytes back, so the full fsync would only add the time stamps.
    let mut write = fjall::OwnedWriteBatch::with_capacity(open.db.clone(), batch.changes.len())
        .durability(Some(PersistMode::SyncData));
    for change in batch.changes {
        match change.value {
            Some(value) => write.insert(&open.keyspace, change.key, value.as_ref()),
            None => write.remove(&open.keyspace, change.key),
        }
    }
    write.commit().map_err(|error| classify("committing", error))
}

/// Sorts an error of fjall by what our callers can do.
pub(super) fn classify(doing: &'static str, error: fjall::Error) -> Error {
    match error {
        fjall::Error::Io(error) => Error::io(doing, error),
        error => Error::storage(doing, error),
    }
}
