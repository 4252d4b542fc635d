//! Rows as they were last read: what every request asks for again (its bucket, its key's owner, a small object) costs a look into
//! memory instead of a search in the engine.
//!
//! What is read through here is what the engine would answer. A commit closes the shards of the keys it changes before anything
//! of it can be seen, and opens them when its fate is known, before anyone is told: meanwhile these keys are read from the
//! engine, and nothing that was read then, or before, is kept. It holds for one writer only, which is the group committer.

use crate::engine::Batch;
use crate::limits::{CACHED_ROW_BYTES_MAX, ROW_CACHE_BYTES};
use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::xxh3_64;

/// Enough that threads seldom meet, and that a commit closes few rows besides its own.
const SHARDS: usize = 64;

/// What a row costs besides its key and its value: the list's entry (64 bytes), its place in the table, of which up to half is free,
/// the box of the key, what the owners of the value's bytes share, and what the allocator rounds up: some 180 bytes.
const ROW_OVERHEAD_BYTES: usize = 192;

/// The rows that are kept.
pub(crate) struct Rows {
    shards: [Shard; SHARDS],
}

struct Shard {
    /// Grows with each closing; whoever saw it unchanged saw no commit begin.
    version: AtomicU64,
    state: Mutex<State>,
}

struct State {
    rows: LruCache<Box<[u8]>, Option<Bytes>>,
    bytes: usize,
    /// Commits under way that change a key of this shard.
    closed: usize,
}

/// What is known of a key.
pub(crate) enum Known {
    /// Its value, or that it has none.
    Row(Option<Bytes>),
    /// Nothing; what the engine says may be kept by this.
    Unknown(Ticket),
}

/// The state of a shard before the engine was asked.
#[derive(Clone, Copy)]
pub(crate) struct Ticket {
    /// `None` in a closed shard.
    version: Option<u64>,
}

/// Shards that are closed until this is dropped.
pub(crate) struct Closing<'a> {
    rows: &'a Rows,
    shards: Vec<usize>,
}

impl Rows {
    pub(crate) fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Shard {
                version: AtomicU64::new(0),
                state: Mutex::new(State {
                    rows: LruCache::unbounded(),
                    bytes: 0,
                    closed: 0,
                }),
            }),
        }
    }

    /// Looks a key up.
    pub(crate) fn get(&self, key: &[u8]) -> Known {
        self.look(key).0
    }

    /// Looks keys up which are to be read at one moment; `Err` with tickets if not all of them are known.
    pub(crate) fn get_all(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, Vec<Ticket>> {
        let (mut values, mut tickets) = (Vec::with_capacity(keys.len()), Vec::with_capacity(keys.len()));
        for key in keys {
            let (known, ticket) = self.look(key);
            tickets.push(ticket);
            if let Known::Row(value) = known {
                values.push(value);
            }
        }
        // Where no commit has begun since the first look, all of them hold now.
        let holds = |(key, ticket): (&Vec<u8>, &Ticket)| ticket.version == Some(self.shard(key).version());
        if values.len() == keys.len() && keys.iter().zip(&tickets).all(holds) {
            Ok(values)
        } else {
            Err(tickets)
        }
    }

    fn look(&self, key: &[u8]) -> (Known, Ticket) {
        let shard = self.shard(key);
        let mut state = shard.state.lock();
        let ticket = Ticket {
            version: (state.closed == 0).then(|| shard.version()),
        };
        let known = state.rows.get(key).cloned();
        (known.map_or(Known::Unknown(ticket), Known::Row), ticket)
    }

    /// Keeps what the engine said after a ticket was given, unless a commit has begun since, or was under way.
    pub(crate) fn keep(&self, key: &[u8], ticket: Ticket, value: Option<&Bytes>) {
        let bytes = cost(key, value);
        if bytes > CACHED_ROW_BYTES_MAX || ticket.version.is_none() {
            return;
        }
        let shard = self.shard(key);
        let mut state = shard.state.lock();
        if ticket.version != Some(shard.version()) {
            return;
        }
        if let Some(old) = state.rows.put(key.into(), value.cloned()) {
            state.bytes -= cost(key, old.as_ref());
        }
        state.bytes += bytes;
        while state.bytes > ROW_CACHE_BYTES / SHARDS {
            let Some((key, value)) = state.rows.pop_lru() else {
                break;
            };
            state.bytes -= cost(&key, value.as_ref());
        }
    }

    /// Forgets the keys that a batch changes, and closes their shards.
    pub(crate) fn close(&self, batch: &Batch) -> Closing<'_> {
        let mut shards = Vec::with_capacity(batch.changes.len());
        for change in &batch.changes {
            let at = place(&change.key);
            let shard = &self.shards[at];
            let mut state = shard.state.lock();
            if let Some(old) = state.rows.pop(change.key.as_slice()) {
                state.bytes -= cost(&change.key, old.as_ref());
            }
            shard.version.fetch_add(1, Ordering::SeqCst);
            state.closed += 1;
            shards.push(at);
        }
        Closing { rows: self, shards }
    }

    fn shard(&self, key: &[u8]) -> &Shard {
        &self.shards[place(key)]
    }
}

impl Shard {
    fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        for at in &self.shards {
            self.rows.shards[*at].state.lock().closed -= 1;
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a remainder of a small number")]
fn place(key: &[u8]) -> usize {
    (xxh3_64(key) % SHARDS as u64) as usize
}

fn cost(key: &[u8], value: Option<&Bytes>) -> usize {
    key.len() + value.map_or(0, Bytes::len) + ROW_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests;
