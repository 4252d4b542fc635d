//! The handle that services hold.

use crate::committer::Committer;
use crate::engine::{Engine, View};
use crate::model::ModelEngine;
use crate::request::check_key;
use crate::rows::{Known, Rows};
use crate::{
    Compact, CompactProgress, Compacted, Entry, FjallSettings, Outcome, Request, Result, SCAN_ENTRIES_MAX, Scan, Usage,
};
use crate::{counter, fjall_engine};
use bytes::Bytes;
use std::path::Path;
use std::sync::Arc;

/// Who commits: part of the keys of feed entries and of counters that each node keeps for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitterId(pub u32);

impl CommitterId {
    /// The only committer of an embedded store.
    pub const EMBEDDED: Self = Self(1);
}

/// The metadata store: an engine and one group committer. Clones share both.
///
/// Dropping the last clone lets the committer finish what is queued and closes the store, which takes a moment.
#[derive(Clone)]
pub struct Meta {
    engine: Arc<dyn Engine>,
    rows: Arc<Rows>,
    committer: Arc<Committer>,
}

impl Meta {
    /// Opens or creates the embedded store in a folder of its own.
    ///
    /// # Errors
    /// `Corrupt` when a stored file is damaged, naming the file and what to do; `Unavailable` when another process has the
    /// store open or the disk refuses.
    pub fn open_fjall(path: &Path, settings: FjallSettings) -> Result<Self> {
        Self::with_engine(fjall_engine::FjallEngine::open(path, settings)?, CommitterId::EMBEDDED)
    }

    /// Makes a store in memory which keeps nothing: the model engine, for tests.
    ///
    /// # Panics
    /// When the system has no thread left for the committer.
    pub fn open_model() -> Self {
        Self::with_engine(ModelEngine::default(), CommitterId::EMBEDDED).expect("a thread for the committer")
    }

    /// Puts the group committer above an engine that nobody else writes to.
    ///
    /// # Errors
    /// `Unavailable` when the system has no thread left for the committer.
    pub fn with_engine(engine: impl Engine, id: CommitterId) -> Result<Self> {
        let engine: Arc<dyn Engine> = Arc::new(engine);
        let rows = Arc::new(Rows::new());
        let committer = Arc::new(Committer::start(engine.clone(), rows.clone(), id)?);
        Ok(Self {
            engine,
            rows,
            committer,
        })
    }

    /// The id under which this store commits.
    pub fn committer(&self) -> CommitterId {
        self.committer.id()
    }

    /// Reads the latest committed value of a key.
    ///
    /// # Errors
    /// `Corrupt` when the stored bytes do not match their checksum; `Unavailable` when the disk refuses.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        check_key(key)?;
        match self.rows.get(key) {
            Known::Row(value) => Ok(value),
            Known::Unknown(ticket) => {
                let value = self.engine.get_many(&[key.to_vec()]).await?.pop().flatten();
                self.rows.keep(key, ticket, value.as_ref());
                Ok(value)
            }
        }
    }

    /// Reads the latest committed values of some keys at one moment, in their order.
    ///
    /// # Errors
    /// As [`Meta::get`].
    pub async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
        keys.iter().try_for_each(|key| check_key(key))?;
        let tickets = match self.rows.get_all(keys) {
            Ok(values) => return Ok(values),
            Err(tickets) => tickets,
        };
        let values = self.engine.get_many(keys).await?;
        for ((key, ticket), value) in keys.iter().zip(tickets).zip(&values) {
            self.rows.keep(key, ticket, value.as_ref());
        }
        Ok(values)
    }

    /// Reads a counter; one that was never added to is zero.
    ///
    /// # Errors
    /// As [`Meta::get`], and `Corrupt` when the value is not a counter.
    pub async fn counter(&self, key: &[u8]) -> Result<i128> {
        self.get(key).await?.map_or(Ok(0), |value| counter::decode(&value))
    }

    /// Opens an unchanging view. It holds old values back from being cleared away, so do not keep it while a client thinks.
    ///
    /// # Errors
    /// `Unavailable` when the store is closed after a failure.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        Ok(Snapshot {
            view: self.engine.snapshot().await?,
        })
    }

    /// Reads one page of a range as of now.
    ///
    /// # Errors
    /// As [`Meta::get`].
    pub async fn scan(&self, scan: Scan) -> Result<Vec<Entry>> {
        self.snapshot().await?.scan(scan).await
    }

    /// Commits a request; resolves when it is durable or refused.
    ///
    /// # Errors
    /// `Invalid` or `TooLarge` before anything happens; `Unavailable` when the disk refuses: then nothing was written
    /// (but see [`crate::Error::InDoubt`]); `Corrupt` when a counter add meets a value that is not a counter.
    ///
    /// # Cancel safety
    /// A dropped future does not take the request back: once queued it may be committed.
    pub async fn commit(&self, request: Request) -> Result<Outcome> {
        self.committer.commit(request).await
    }

    /// Gives back what removed and overwritten rows take, once enough of them are dead. The store can be used meanwhile.
    ///
    /// # Errors
    /// `Unavailable` when there is no room to write rows anew, or the disk refuses; `Corrupt` when a row cannot be read.
    /// Everything is what it was.
    ///
    /// # Cancel safety
    /// Safe: a dropped future has it end soon.
    pub async fn compact(&self, compact: Compact, progress: &Arc<CompactProgress>) -> Result<Compacted> {
        struct Stop<'a>(&'a CompactProgress);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.stop();
            }
        }
        let _stop = Stop(progress);
        self.engine.compact(compact, Arc::clone(progress)).await
    }

    /// Counts what lives, row by row, and what the store's files take.
    ///
    /// # Errors
    /// As [`Meta::get`].
    pub async fn usage(&self) -> Result<Usage> {
        self.engine.usage().await
    }

    /// What the store's files take; quickly told.
    ///
    /// # Errors
    /// `Unavailable` when the disk refuses.
    pub async fn allocated_bytes(&self) -> Result<u64> {
        self.engine.allocated_bytes().await
    }
}

impl std::fmt::Debug for Meta {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meta")
            .field("committer", &self.committer())
            .finish_non_exhaustive()
    }
}

/// An unchanging view of all that was committed when it was opened.
pub struct Snapshot {
    view: Box<dyn View>,
}

impl Snapshot {
    /// Reads the value of a key.
    ///
    /// # Errors
    /// As [`Meta::get`], and `Unavailable` when the store had to be reopened since.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        Ok(self.get_many(&[key.to_vec()]).await?.pop().flatten())
    }

    /// Reads the values of some keys, in their order.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
        keys.iter().try_for_each(|key| check_key(key))?;
        self.view.get_many(keys).await
    }

    /// Tells of some keys, in their order, whether they are there; cheaper than reading them where values are large.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub async fn contains_many(&self, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        keys.iter().try_for_each(|key| check_key(key))?;
        self.view.contains_many(keys).await
    }

    /// Reads one page of a range.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub async fn scan(&self, mut scan: Scan) -> Result<Vec<Entry>> {
        if scan.is_void() {
            return Ok(Vec::new());
        }
        scan.limit = scan.limit.min(SCAN_ENTRIES_MAX);
        self.view.scan(scan).await
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}
