//! What is known of accounts, in memory, believed only as long as nothing has changed.

use baleen_types::AccountId;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Values by account. An entry carries the generation that was current *before* it was read from the store: a change
/// raises the generation after its commit, so whatever was read before the commit is not believed after it, and there is
/// no moment between reading and remembering in which a change could be missed.
pub(crate) struct Cache<T> {
    generation: AtomicU64,
    capacity: usize,
    entries: RwLock<HashMap<AccountId, (u64, Arc<T>)>>,
}

impl<T> Cache<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            generation: AtomicU64::new(0),
            capacity,
            entries: RwLock::default(),
        }
    }

    /// The number of changes so far; to be read before the store is.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Takes belief from all entries. To be called after a commit and before its answer.
    pub(crate) fn changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn get(&self, account: AccountId) -> Option<Arc<T>> {
        let entries = self.entries.read();
        let (generation, value) = entries.get(&account)?;
        (*generation == self.generation()).then(|| Arc::clone(value))
    }

    pub(crate) fn put(&self, account: AccountId, generation: u64, value: &Arc<T>) {
        let mut entries = self.entries.write();
        if entries.len() >= self.capacity && !entries.contains_key(&account) {
            entries.clear();
        }
        entries.insert(account, (generation, Arc::clone(value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_read_before_a_change_is_not_believed_after_it() {
        let cache = Cache::new(2);
        let id = AccountId::from_entropy;
        let before = cache.generation();
        cache.put(id(1), before, &Arc::new("old"));
        assert_eq!(cache.get(id(1)).as_deref(), Some(&"old"));
        cache.changed();
        assert!(cache.get(id(1)).is_none());
        // Read before the change, remembered after it.
        cache.put(id(1), before, &Arc::new("old"));
        assert!(cache.get(id(1)).is_none());
        cache.put(id(1), cache.generation(), &Arc::new("new"));
        assert_eq!(cache.get(id(1)).as_deref(), Some(&"new"));
    }

    #[test]
    fn it_never_holds_more_than_its_capacity() {
        let cache = Cache::new(2);
        for n in 0..10 {
            cache.put(AccountId::from_entropy(n), 0, &Arc::new(n));
            assert!(cache.entries.read().len() <= 2);
        }
        assert!(cache.get(AccountId::from_entropy(9)).is_some());
    }
}
