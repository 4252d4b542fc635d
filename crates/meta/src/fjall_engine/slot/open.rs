//! Opening fjall, and one write.

use super::super::audit::{self, Found};
use super::super::compact::{Moves, forget_gone_in};
use super::FjallSettings;
use crate::engine::Batch;
use crate::{Error, Result};
use fjall::config::PartitioningPolicy;
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// Name of the one fjall keyspace. One, because a group then is one batch and one ordered scan sees everything.
const KEYSPACE: &str = "meta";

/// Values of at least this size are kept out of the tree, so that compaction does not copy inline bodies again and again.
const SEPARATED_VALUE_BYTES: u32 = 1024;

/// fjall panics below; a journal is made with this size.
const JOURNAL_BYTES_MIN: u64 = 64 * 1024 * 1024;

/// One waits while we merge all tables, and the other one flushes meanwhile.
const WORKER_THREADS_MIN: usize = 2;

/// An open database. The keyspace is dropped first.
pub(in super::super) struct Open {
    pub(in super::super) keyspace: Keyspace,
    pub(in super::super) db: Database,
    /// Counts how often the store was opened, so that an old snapshot is recognised.
    pub(in super::super) generation: u64,
}

impl Open {
    /// A sequence number that no committed batch has and the next one has or exceeds.
    pub(super) fn next_seqno(&self) -> u64 {
        self.db.snapshot().seqno()
    }

    /// Applies a batch atomically; it is durable on return.
    pub(super) fn apply(&self, batch: &Batch) -> Result<(), fjall::Error> {
        // fdatasync covers all that is needed to read the bytes back; fsync would only add the time stamps.
        let mut write = fjall::OwnedWriteBatch::with_capacity(self.db.clone(), batch.changes.len())
            .durability(Some(PersistMode::SyncData));
        for change in &batch.changes {
            match &change.value {
                Some(value) => write.insert(&self.keyspace, change.key.as_slice(), value.as_ref()),
                None => write.remove(&self.keyspace, change.key.as_slice()),
            }
        }
        write.commit()
    }
}

/// Opens or creates the store, after the audit.
pub(super) fn open(path: &Path, settings: &FjallSettings, moves: &Arc<Moves>, generation: u64) -> Result<Open> {
    let found = audit::check(path)?;
    audit::forget_clean_stop(path)?;
    // fjall expects what it stored to be well-formed, and panics where it is not.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        open_engine(path, settings, moves, found, generation == 0)
    }));
    let (db, keyspace) = opened.unwrap_or_else(|_| Err(unreadable(path, "it is malformed")))?;
    if found == Found::New {
        audit::mark_complete(path)?;
    }
    Ok(Open {
        keyspace,
        db,
        generation,
    })
}

fn open_engine(
    path: &Path,
    settings: &FjallSettings,
    moves: &Arc<Moves>,
    found: Found,
    is_first: bool,
) -> Result<(Database, Keyspace)> {
    let fail = |error| match error {
        fjall::Error::Locked => Error::InUse { path: path.to_owned() },
        fjall::Error::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            Error::io("opening the store", error)
        }
        error => unreadable(path, &error.to_string()),
    };
    let filters = settings.compacts.then(|| moves.factory());
    let forgetting = Arc::new(Mutex::new(None));
    let (unopened, kept_from) = (Mutex::new(is_first.then(|| path.to_owned())), Arc::clone(&forgetting));
    let db = Database::builder(path)
        .cache_size(settings.cache_bytes)
        .max_journaling_size(settings.journal_bytes.max(JOURNAL_BYTES_MIN))
        .worker_threads(settings.worker_threads.max(WORKER_THREADS_MIN))
        // Bodies are as a rule compressed or small; compressing each in the journal costs more than it saves. The audit
        // of the journal relies on it.
        .journal_compression(CompressionType::None)
        // Each batch says itself how it is made durable.
        .manual_journal_persist(true)
        .with_compaction_filter_factories(Arc::new(move |_| {
            // fjall asks after it has taken its lock, and before it opens a keyspace. No count is left by what we do since then.
            if let Some(store) = unopened.lock().take()
                && let Err(error) = forget_gone_in(&store)
            {
                *kept_from.lock() = Some(error);
            }
            filters.clone()
        }))
        .open()
        .map_err(fail)?;
    if let Some(error) = forgetting.lock().take() {
        return Err(fail(error.into()));
    }
    // An engine that lost its own catalogue would show an empty store.
    if found == Found::Store && !db.keyspace_exists(KEYSPACE) {
        return Err(unreadable(path, "its catalogue does not know the records any more"));
    }
    let separation = KvSeparationOptions::default()
        .separation_threshold(SEPARATED_VALUE_BYTES)
        .compression(CompressionType::None);
    let options = || {
        KeyspaceCreateOptions::default()
            .max_memtable_size(settings.write_buffer_bytes)
            .manual_journal_persist(true)
            .with_kv_separation(Some(separation))
            // In blocks of their own size on each level, as they are on the deepest by default. A table of 64 MiB has an index and a
            // filter of up to 2 MiB; whole they do not stay in the cache for long where there are many, and are then read, and their
            // checksum made, for each single row (measured: with 3 million objects, three quarters of the processor went to that).
            .index_block_partitioning_policy(PartitioningPolicy::all(true))
            .filter_block_partitioning_policy(PartitioningPolicy::all(true))
    };
    let keyspace = db.keyspace(KEYSPACE, options).map_err(fail)?;
    Ok((db, keyspace))
}

fn unreadable(path: &Path, why: &str) -> Error {
    Error::Damaged {
        role: "metadata store",
        path: path.to_owned(),
        why: why.to_owned(),
        advice: "keep a copy of the folder, check the disk, then restore the metadata folder from a backup",
    }
}

/// Sorts an error of fjall by what our callers can do.
pub(in super::super) fn classify(doing: &'static str, error: fjall::Error) -> Error {
    let error = match error {
        fjall::Error::Storage(fjall::LsmError::Io(error)) => fjall::Error::Io(error),
        error => error,
    };
    match error {
        // A stored file that ends too early was cut off by someone else than us.
        fjall::Error::Io(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Error::io(doing, error),
        fjall::Error::Io(error) => Error::Corrupt {
            doing,
            why: error.to_string(),
        },
        fjall::Error::Storage(error) => Error::Corrupt {
            doing,
            why: error.to_string(),
        },
        error => Error::storage(doing, error),
    }
}
