//! A keyspace in memory which can be stopped at a chosen point, to try one certain order of events.

use async_trait::async_trait;
use baleen_meta::{Batch, CommitterId, Decide, Direction, Engine, Entry, Meta, Result, Scan, View};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

type Map = Arc<BTreeMap<Vec<u8>, Bytes>>;

/// Where the keyspace can be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Values were read; who asked does not have them yet.
    Read,
    /// A snapshot is about to be taken.
    Snapshot,
    /// A page was read; who asked does not have it yet.
    Scanned,
    /// A group was committed and can be seen; nobody was told. No other commit goes on meanwhile.
    Committed,
}

/// A stop of whoever comes first to a point; all others pass.
pub struct Stop {
    reached: oneshot::Receiver<()>,
    go: oneshot::Sender<()>,
}

impl Stop {
    /// Waits until somebody is there.
    pub async fn reached(&mut self) {
        (&mut self.reached).await.unwrap();
    }

    /// Lets him go on.
    pub fn go(self) {
        self.go.send(()).unwrap();
    }
}

#[derive(Clone, Default)]
pub struct Gates {
    armed: Arc<Mutex<Option<Armed>>>,
    map: Arc<Mutex<Map>>,
    views: Arc<AtomicUsize>,
}

struct Armed {
    point: Point,
    reached: oneshot::Sender<()>,
    go: oneshot::Receiver<()>,
}

impl Gates {
    /// Stops the next one to come to a point; forgets an earlier stop that nobody came to.
    pub fn stop_at(&self, point: Point) -> Stop {
        let ((reached_in, reached), (go, go_out)) = (oneshot::channel(), oneshot::channel());
        *self.armed.lock().unwrap() = Some(Armed {
            point,
            reached: reached_in,
            go: go_out,
        });
        Stop { reached, go }
    }

    /// Opens the keyspace as it was committed: again, after who had it open was killed.
    pub fn open(&self) -> Meta {
        let engine = GatedEngine {
            map: self.map.clone(),
            gates: self.clone(),
        };
        Meta::with_engine(engine, CommitterId::EMBEDDED).unwrap()
    }

    /// Snapshots that are held.
    pub fn views(&self) -> usize {
        self.views.load(Ordering::Relaxed)
    }

    async fn pass(&self, point: Point) {
        let armed = self.armed.lock().unwrap().take_if(|armed| armed.point == point);
        if let Some(armed) = armed {
            armed.reached.send(()).unwrap();
            armed.go.await.unwrap();
        }
    }
}

/// A keyspace, and its gates.
pub fn gated() -> (Meta, Gates) {
    let gates = Gates::default();
    (gates.open(), gates)
}

struct GatedEngine {
    map: Arc<Mutex<Map>>,
    gates: Gates,
}

#[async_trait]
impl Engine for GatedEngine {
    async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
        let values = values(&self.map.lock().unwrap(), keys);
        self.gates.pass(Point::Read).await;
        Ok(values)
    }

    async fn snapshot(&self) -> Result<Box<dyn View>> {
        self.gates.pass(Point::Snapshot).await;
        self.gates.views.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(GatedView {
            map: self.map.lock().unwrap().clone(),
            gates: self.gates.clone(),
        }))
    }

    async fn commit(&self, keys: &[Vec<u8>], decide: Decide<'_>) -> Result<()> {
        let batch: Batch = decide(&values(&self.map.lock().unwrap(), keys));
        {
            let mut map = self.map.lock().unwrap();
            let map = Arc::make_mut(&mut map);
            for change in batch.changes {
                match change.value {
                    Some(value) => map.insert(change.key, value),
                    None => map.remove(&change.key),
                };
            }
        }
        self.gates.pass(Point::Committed).await;
        Ok(())
    }
}

struct GatedView {
    map: Map,
    gates: Gates,
}

impl Drop for GatedView {
    fn drop(&mut self) {
        self.gates.views.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl View for GatedView {
    async fn get_many(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>> {
        Ok(values(&self.map, keys))
    }

    async fn scan(&self, scan: Scan) -> Result<Vec<Entry>> {
        assert_eq!(scan.direction, Direction::Forward);
        let entry = |(key, value): (&Vec<u8>, &Bytes)| Entry {
            key: Bytes::copy_from_slice(key),
            value: if scan.keys_only { Bytes::new() } else { value.clone() },
        };
        let page = self.map.range(scan.range).take(scan.limit).map(entry).collect();
        self.gates.pass(Point::Scanned).await;
        Ok(page)
    }
}

fn values(map: &BTreeMap<Vec<u8>, Bytes>, keys: &[Vec<u8>]) -> Vec<Option<Bytes>> {
    keys.iter().map(|key| map.get(key).cloned()).collect()
}
