//! Bounded memory of what was read, whose entries end with their tickets.

use crate::epochs::{Epochs, Ticket};
use lru::LruCache;
use parking_lot::Mutex;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Parts of a cache with a lock each, so that requests seldom wait for one another.
const PARTS: usize = 16;

/// Entries by key, the least used of which go when there is no room.
pub(crate) struct Cache<K, V> {
    parts: Box<[Part<K, V>]>,
    hasher: RandomState,
}

type Part<K, V> = Mutex<LruCache<K, Entry<V>>>;

struct Entry<V> {
    value: Arc<V>,
    ticket: Ticket,
}

impl<K: Hash + Eq, V> Cache<K, V> {
    pub(crate) fn new(entries_max: usize) -> Self {
        let each = NonZeroUsize::new(entries_max.div_ceil(PARTS)).unwrap_or(NonZeroUsize::MIN);
        Self {
            parts: (0..PARTS).map(|_| Mutex::new(LruCache::new(each))).collect(),
            hasher: RandomState::new(),
        }
    }

    /// What is known of a key, with its ticket, unless that has ended.
    pub(crate) fn get(&self, key: &K, epochs: &Epochs) -> Option<(Arc<V>, Ticket)> {
        let mut part = self.part(key).lock();
        let entry = part.get(key)?;
        if epochs.is_valid(&entry.ticket) {
            return Some((Arc::clone(&entry.value), entry.ticket.clone()));
        }
        part.pop(key);
        None
    }

    /// The same without the ticket, which is what a request costs.
    pub(crate) fn value(&self, key: &K, epochs: &Epochs) -> Option<Arc<V>> {
        let mut part = self.part(key).lock();
        let entry = part.get(key)?;
        if epochs.is_valid(&entry.ticket) {
            return Some(Arc::clone(&entry.value));
        }
        part.pop(key);
        None
    }

    /// Remembers what was read under a ticket taken before.
    pub(crate) fn put(&self, key: K, value: &Arc<V>, ticket: &Ticket) {
        let entry = Entry {
            value: Arc::clone(value),
            ticket: ticket.clone(),
        };
        self.part(&key).lock().put(key, entry);
    }

    fn part(&self, key: &K) -> &Part<K, V> {
        let hash = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default();
        &self.parts[hash % PARTS]
    }
}
