//! The open database, and how it is closed and opened again after a failed write.
//!
//! fjall marks itself poisoned when a journal write or a background job fails, for instance on a full disk; nothing but
//! opening it again helps. Worse, what it buffered of the refused batch is written when it is dropped, should there be
//! room by then. So after a failure: close it wholly, cut the journal before the refused batch, sync, and only then answer
//! the callers and open it again. Readers go through [`Slot::read`] for that reason: none can keep the old one alive.
//!
//! While the disk is full the store stays open for reading. Whether there is room again is found out with a probe file,
//! because a failed attempt costs closing and opening.

mod open;
mod work;

use super::compact::{Moves, Setback};
use super::{FjallSettings, audit, journal};
use crate::engine::{Batch, Change};
use crate::{Error, REQUEST_BYTES_MAX, Result};
use bytes::Bytes;
use fjall::PersistMode;
use parking_lot::{Mutex, RwLock};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub(super) use open::{Open, classify};

/// How long a failure is answered from memory before the disk is asked again.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Room that must be there after a failure before writing is tried again: a few batches with their overhead.
const PROBE_BYTES: usize = 2 * REQUEST_BYTES_MAX;
const PROBE_FILE: &str = "probe";

/// Sealed write buffers at which a commit waits. fjall itself waits at four, but without looking whether the thread that
/// it waits for has failed, which is for ever on a full disk.
pub(super) const SEALED_BUFFERS_MAX: usize = 2;

/// Tables in the first level at which a commit waits; fjall itself waits at 30 runs, likewise without looking.
pub(super) const FIRST_LEVEL_TABLES_MAX: usize = 26;

/// More than the 63 bits of a sequence number.
const NONE_ACKNOWLEDGED: u64 = u64::MAX;

const BACK_PRESSURE_PAUSE: Duration = Duration::from_millis(2);

/// The place of the database in memory.
pub(super) struct Slot {
    path: PathBuf,
    settings: FjallSettings,
    state: RwLock<State>,
    /// Set after a failed write until one succeeds; asked by writers only.
    trouble: Mutex<Option<Trouble>>,
    /// Held by who writes: the committer, and now and then a compaction.
    writing: Mutex<()>,
    /// Held by a compaction.
    pub(super) compaction: Mutex<Setback>,
    /// Held, also, by a compaction while it has a handle of the database that is not in `state`.
    working: Mutex<()>,
    /// Set while somebody waits for that handle to be gone.
    closing: Arc<AtomicBool>,
    moves: Arc<Moves>,
    /// Whether work that failed has left files that go when the database is opened again.
    pub(super) littered: AtomicBool,
    /// Snapshots that somebody has.
    pub(super) views: AtomicUsize,
    /// Rows that were written or removed since all were last written anew; very many before that, since nobody knows.
    pub(super) changed: AtomicU64,
    /// How much was said to be dead in value files when the last compaction had left nothing to do.
    pub(super) stale_kept: AtomicU64,
    /// Bytes that were committed since the last compaction.
    pub(super) written: AtomicU64,
    /// A number that the last acknowledged batch since the last start or failure has or exceeds, and none before it; else `u64::MAX`.
    acknowledged: AtomicU64,
}

/// What a batch comes to.
#[derive(Clone, Copy, Default)]
pub(super) struct Written {
    rows: u64,
    bytes: u64,
}

impl Written {
    pub(super) fn of(batch: &Batch) -> Self {
        let value = |change: &Change| change.value.as_ref().map_or(0, Bytes::len);
        let bytes = |change: &Change| (change.key.len() + value(change)) as u64;
        Self {
            rows: batch.changes.len() as u64,
            bytes: batch.changes.iter().map(bytes).sum(),
        }
    }
}

enum State {
    Open(Open),
    /// Could not be opened again, or its journal could not be cut.
    Closed {
        why: Error,
        /// Batches from this sequence number on were refused and must be cut before it is opened; at 0 all are in tables.
        cut_from: Option<u64>,
        since: Instant,
        generation: u64,
    },
}

struct Trouble {
    why: Error,
    since: Instant,
}

impl Slot {
    pub(super) fn open(path: &Path, settings: FjallSettings) -> Result<Self> {
        let moves = Moves::new();
        let open = open::open(path, &settings, &moves, 0)?;
        Ok(Self {
            path: path.to_owned(),
            settings,
            state: RwLock::new(State::Open(open)),
            trouble: Mutex::new(None),
            writing: Mutex::new(()),
            compaction: Mutex::default(),
            working: Mutex::new(()),
            closing: Arc::default(),
            moves,
            littered: AtomicBool::new(false),
            views: AtomicUsize::new(0),
            changed: AtomicU64::new(u64::MAX / 2),
            stale_kept: AtomicU64::new(0),
            written: AtomicU64::new(0),
            acknowledged: AtomicU64::new(NONE_ACKNOWLEDGED),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn compacts(&self) -> bool {
        self.settings.compacts
    }

    pub(super) fn moves(&self) -> &Moves {
        &self.moves
    }

    pub(super) fn count(&self, written: Written) {
        self.changed.fetch_add(written.rows, Ordering::Relaxed);
        self.written.fetch_add(written.bytes, Ordering::Relaxed);
    }

    /// Runs a short read on the open database.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Open) -> Result<T>) -> Result<T> {
        if let State::Open(open) = &*self.state.read() {
            return read(open);
        }
        self.reopen()?;
        match &*self.state.read() {
            State::Open(open) => read(open),
            State::Closed { why, .. } => Err(why.clone()),
        }
    }

    /// Applies the batch which `prepare` makes.
    pub(super) fn write(&self, prepare: impl FnOnce(&Open) -> Result<Batch>) -> Result<()> {
        let _one = self.writing.lock();
        self.check_trouble()?;
        let batch = self.read(prepare)?;
        if batch.changes.is_empty() {
            return Ok(());
        }
        let result = match self.try_write(&batch) {
            // A background job had failed before; the journal did not see the batch, so it may be tried on a new start.
            Err(Failed { poisoned: true, .. }) => self.try_write(&batch),
            result => result,
        };
        let result = result.map_err(|failed| failed.error);
        *self.trouble.lock() = result.as_ref().err().map(|why| Trouble {
            why: why.clone(),
            since: Instant::now(),
        });
        result
    }

    fn try_write(&self, batch: &Batch) -> Result<(), Failed> {
        let attempt = self.read(|open| {
            // Batches before have lower numbers than this, the one to come has not.
            let seqno = open.next_seqno();
            Ok(wait_for_room(open)
                .and_then(|()| open.apply(batch))
                .map(|()| seqno)
                .map_err(|error| (seqno, error)))
        });
        match attempt {
            Ok(Ok(seqno)) => {
                self.acknowledged.store(seqno, Ordering::Relaxed);
                Ok(())
            }
            Ok(Err((seqno, error))) => {
                let poisoned = matches!(error, fjall::Error::Poisoned);
                Err(Failed {
                    poisoned,
                    error: self.recover(seqno, classify("committing", error)),
                })
            }
            Err(error) => Err(Failed { poisoned: false, error }),
        }
    }

    /// Refuses at once while the last failure is fresh, and later while there is no room.
    fn check_trouble(&self) -> Result<()> {
        let mut trouble = self.trouble.lock();
        let Some(Trouble { why, since }) = &mut *trouble else {
            return Ok(());
        };
        if since.elapsed() < RETRY_PAUSE {
            return Err(why.clone());
        }
        if let Err(error) = probe(&self.path) {
            *since = Instant::now();
            *why = Error::io("committing", error);
            return Err(why.clone());
        }
        *trouble = None;
        Ok(())
    }

    /// Takes back a refused batch and opens the store again. Returns what the callers are to be told.
    fn recover(&self, seqno: u64, why: Error) -> Error {
        tracing::warn!(error = %why, "taking a metadata write back and opening the store again");
        self.closing.store(true, Ordering::Relaxed);
        let mut state = self.state.write();
        let generation = state.generation();
        // Closes the database: all its handles are in here, and no reader is inside; but a compaction may have one.
        *state = State::Closed {
            why: why.clone(),
            cut_from: Some(seqno),
            since: Instant::now(),
            generation,
        };
        drop(self.working.lock());
        self.closing.store(false, Ordering::Relaxed);
        match self.cut_and_open(Some(seqno), generation) {
            Ok(open) => *state = State::Open(open),
            Err(CannotOpen::Cut(source)) => {
                return Error::InDoubt {
                    source: std::sync::Arc::new(source),
                };
            }
            Err(CannotOpen::Open(why)) => {
                tracing::error!(error = %why, "the metadata store cannot be opened after a failed write");
                *state = State::Closed {
                    why,
                    cut_from: None,
                    since: Instant::now(),
                    generation,
                };
            }
        }
        why
    }

    /// Tries to open a closed store, not too often.
    fn reopen(&self) -> Result<()> {
        let mut state = self.state.write();
        let (cut_from, generation) = match &*state {
            State::Open(_) => return Ok(()),
            State::Closed { why, since, .. } if since.elapsed() < RETRY_PAUSE => return Err(why.clone()),
            State::Closed {
                cut_from, generation, ..
            } => (*cut_from, *generation),
        };
        let (why, cut_from) = match self.cut_and_open(cut_from, generation) {
            Ok(open) => {
                *state = State::Open(open);
                return Ok(());
            }
            Err(CannotOpen::Cut(error)) => (Error::io("taking back a refused write", error), cut_from),
            Err(CannotOpen::Open(error)) => (error, None),
        };
        *state = State::Closed {
            why: why.clone(),
            cut_from,
            since: Instant::now(),
            generation,
        };
        Err(why)
    }

    fn cut_and_open(&self, cut_from: Option<u64>, generation: u64) -> Result<Open, CannotOpen> {
        let acknowledged = self.acknowledged.load(Ordering::Relaxed);
        match cut_from {
            None => Ok(()),
            Some(0) => journal::empty(&self.path),
            Some(seqno) => journal::cut(
                &self.path,
                seqno,
                Some(acknowledged).filter(|seqno| *seqno != NONE_ACKNOWLEDGED),
            ),
        }
        .map_err(CannotOpen::Cut)?;
        let opened = open::open(&self.path, &self.settings, &self.moves, generation + 1);
        self.littered.fetch_and(opened.is_err(), Ordering::Relaxed);
        if opened.is_ok() {
            self.acknowledged.store(NONE_ACKNOWLEDGED, Ordering::Relaxed);
        }
        opened.map_err(CannotOpen::Open)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let state = self.state.get_mut();
        let State::Open(open) = &*state else { return };
        let (why, since, generation) = (Error::Closed, Instant::now(), open.generation);
        *state = State::Closed {
            why,
            cut_from: None,
            since,
            generation,
        };
        if let Err(error) = audit::note_clean_stop(&self.path) {
            tracing::warn!(%error, "the clean stop of the metadata store could not be noted");
        }
    }
}

impl State {
    fn generation(&self) -> u64 {
        match self {
            Self::Open(open) => open.generation,
            Self::Closed { generation, .. } => *generation,
        }
    }
}

struct Failed {
    /// The database was marked before the batch was written.
    poisoned: bool,
    error: Error,
}

enum CannotOpen {
    Cut(std::io::Error),
    Open(Error),
}

/// Waits while flushing lags behind, as long as it goes on.
fn wait_for_room(open: &Open) -> Result<(), fjall::Error> {
    while open.keyspace.sealed_memtable_count() > SEALED_BUFFERS_MAX
        || open.keyspace.l0_table_count() > FIRST_LEVEL_TABLES_MAX
    {
        // Writes nothing, but tells whether the database is poisoned.
        open.db.persist(PersistMode::Buffer)?;
        std::thread::sleep(BACK_PRESSURE_PAUSE);
    }
    Ok(())
}

/// Finds out whether there is room for a few batches.
fn probe(store: &Path) -> std::io::Result<()> {
    let path = store.join(PROBE_FILE);
    let write = || {
        let mut file = File::create(&path)?;
        file.write_all(&vec![1; PROBE_BYTES])?;
        file.sync_all()
    };
    let result = write();
    std::fs::remove_file(&path).or_else(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    result
}

#[cfg(test)]
mod tests;
