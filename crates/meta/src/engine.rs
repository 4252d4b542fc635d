//! What an engine has to do: read, show a snapshot, and apply one batch atomically and durably.
//!
//! Everything else (grouping, conditions, counters, the feed, limits) lives once above this trait, in the committer.

use crate::{Compact, CompactProgress, Compacted, Entry, Result, SCAN_ENTRIES_MAX, Scan, Usage};
use async_trait::async_trait;
use bytes::Bytes;
use std::ops::Bound;
use std::sync::Arc;

/// One change of the keyspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Vec<u8>,
    /// The new value; `None` removes the key.
    pub value: Option<Bytes>,
}

/// Changes to be made together; each key is in it at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The changes, in no particular order.
    pub changes: Vec<Change>,
}

/// Decides from the values of the keys that were read (in the order of the keys) what to write.
///
/// Pure, so that an engine whose transaction lost a race may read and call it again; the last call counts.
pub type Decide<'a> = &'a mut (dyn FnMut(&[Option<Bytes>]) -> Batch + Send);

/// An ordered keyspace of bytes.
#[async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Reads the latest committed values of some keys, in their order.
    async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>>;

    /// Opens a view of all that is committed now, and of nothing later.
    async fn snapshot(&self) -> Result<Box<dyn View>>;

    /// Reads keys, lets `decide` choose, and applies its batch: all or nothing, durable on return, and as if nothing else
    /// had been written in between. An empty batch writes nothing and need not sync.
    ///
    /// # Errors
    /// After an error nothing of the batch is visible, now or later, except with [`crate::Error::InDoubt`].
    async fn commit(&self, keys: &[Vec<u8>], decide: Decide<'_>) -> Result<()>;

    /// Gives back what removed and overwritten rows take; see [`crate::Meta::compact`]. An engine that keeps nothing dead has
    /// nothing to do.
    async fn compact(&self, _compact: Compact, _progress: Arc<CompactProgress>) -> Result<Compacted> {
        Ok(Compacted::default())
    }

    /// Counts what there is; see [`crate::Meta::usage`]. An engine without files of its own takes what lives.
    async fn usage(&self) -> Result<Usage> {
        let (view, mut usage) = (self.snapshot().await?, Usage::default());
        let mut scan = Scan::range(Bound::Unbounded, Bound::Unbounded).limit(SCAN_ENTRIES_MAX);
        loop {
            let page = view.scan(scan.clone()).await?;
            let Some(last) = page.last() else { break };
            scan = scan.after(last.key.to_vec());
            usage.rows += page.len() as u64;
            usage.live_bytes += page
                .iter()
                .map(|row| (row.key.len() + row.value.len()) as u64)
                .sum::<u64>();
        }
        usage.allocated_bytes = usage.live_bytes;
        Ok(usage)
    }

    /// As [`Engine::usage`], without what has to be counted row by row.
    async fn allocated_bytes(&self) -> Result<u64> {
        Ok(self.usage().await?.allocated_bytes)
    }
}

/// An unchanging view of the keyspace.
#[async_trait]
pub trait View: Send + Sync {
    /// Reads the values of some keys, in their order.
    async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>>;

    /// Tells of some keys, in their order, whether they are there. An engine that keeps values apart need not read them.
    async fn contains_many(&self, keys: &[Vec<u8>]) -> Result<Vec<bool>> {
        let read = self.get_many(keys).await?;
        Ok(read.iter().map(Option::is_some).collect())
    }

    /// Reads one page of a range. The limit has been checked, the range is not upside-down.
    async fn scan(&self, scan: Scan) -> Result<Vec<Entry>>;
}
