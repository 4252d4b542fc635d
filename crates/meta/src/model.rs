//! The model engine: an ordered map in memory. It is the executable specification of [`Engine`] and serves tests of the
//! services; it keeps nothing.

use crate::engine::{Decide, Engine, View};
use crate::{Direction, Entry, Result, Scan};
use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

type Map = Arc<BTreeMap<Vec<u8>, Bytes>>;

/// An ordered map; a snapshot is a shared copy of it.
#[derive(Debug, Default)]
pub(crate) struct ModelEngine {
    map: Mutex<Map>,
}

#[async_trait]
impl Engine for ModelEngine {
    async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
        Ok(get_many(&self.map.lock(), keys))
    }

    async fn snapshot(&self) -> Result<Box<dyn View>> {
        Ok(Box::new(ModelView(self.map.lock().clone())))
    }

    async fn commit(&self, keys: &[Vec<u8>], decide: Decide<'_>) -> Result<()> {
        let mut map = self.map.lock();
        let batch = decide(&get_many(&map, keys));
        let map = Arc::make_mut(&mut map);
        for change in batch.changes {
            match change.value {
                Some(value) => map.insert(change.key, value),
                None => map.remove(&change.key),
            };
        }
        Ok(())
    }
}

struct ModelView(Map);

#[async_trait]
impl View for ModelView {
    async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
        Ok(get_many(&self.0, keys))
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Entry>> {
        let range = self.0.range(scan.range);
        let entry = |(key, value): (&Vec<u8>, &Bytes)| Entry {
            key: Bytes::copy_from_slice(key),
            value: if scan.keys_only { Bytes::new() } else { value.clone() },
        };
        Ok(match scan.direction {
            Direction::Forward => range.take(scan.limit).map(entry).collect(),
            Direction::Backward => range.rev().take(scan.limit).map(entry).collect(),
        })
    }
}

fn get_many(map: &BTreeMap<Vec<u8>, Bytes>, keys: &[Vec<u8>]) -> Vec<Option<Bytes>> {
    keys.iter().map(|key| map.get(key).cloned()).collect()
}
