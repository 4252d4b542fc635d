//! Random work on the embedded engine against a plain map, with restarts and compactions in between: same outcomes, same contents.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use baleen_meta::{Compact, Direction, Entry, FjallSettings, Meta, Outcome, Request, Scan, counter};
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

/// Few keys, so that requests meet. Counters live under their own first byte, and are also put and deleted.
fn key() -> impl Strategy<Value = Vec<u8>> {
    (prop_oneof![Just(b'O'), Just(b'C')], 0..6_u8).prop_map(|(table, name)| vec![table, name])
}

/// Small values, values that go into value files, and a counter.
fn value() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        (0..4_u8).prop_map(|byte| Bytes::from(vec![byte; 3])),
        (0..4_u8).prop_map(|byte| Bytes::from(vec![byte; 1500])),
        Just(counter::encode(40)),
    ]
}

#[derive(Clone, Debug)]
enum Op {
    Absent(Vec<u8>),
    /// Unchanged since the latest read; `stale` expects something else.
    Unchanged {
        key: Vec<u8>,
        stale: bool,
    },
    Put(Vec<u8>, Bytes),
    Delete(Vec<u8>),
    Add(Vec<u8>, i64),
}

#[derive(Clone, Debug)]
enum Act {
    /// Requests that are sent together.
    Commit(Vec<Vec<Op>>),
    Scan(Scan),
    Compact,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        1 => key().prop_map(Op::Absent),
        2 => (key(), prop::bool::weighted(0.2)).prop_map(|(key, stale)| Op::Unchanged { key, stale }),
        5 => (key(), value()).prop_map(|(key, value)| Op::Put(key, value)),
        2 => key().prop_map(Op::Delete),
        3 => (key(), -5..9_i64).prop_map(|(key, delta)| Op::Add(key, delta)),
    ]
}

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![
        Just(Bound::Unbounded),
        key().prop_map(Bound::Included),
        key().prop_map(Bound::Excluded)
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let scan = (bound(), bound(), any::<bool>(), 0..9_usize, any::<bool>());
    let scan = scan.prop_map(|(from, to, backward, limit, keys_only)| Scan {
        range: (from, to),
        direction: if backward {
            Direction::Backward
        } else {
            Direction::Forward
        },
        limit,
        keys_only,
    });
    prop_oneof![
        8 => prop::collection::vec(prop::collection::vec(op(), 1..5), 1..4).prop_map(Act::Commit),
        4 => scan.prop_map(Act::Scan),
        1 => Just(Act::Compact),
        1 => Just(Act::Reopen),
    ]
}

type Map = BTreeMap<Vec<u8>, Bytes>;

/// The semantics of a request, said once more and simpler: `Err` is a counter that refuses.
fn apply(map: &mut Map, request: &[Op], before: &Map) -> Result<Outcome, ()> {
    let conflict = |key: &Vec<u8>| Ok(Outcome::Conflict { key: key.clone() });
    for op in request {
        match op {
            Op::Absent(key) if map.contains_key(key) => return conflict(key),
            Op::Unchanged { key, stale } if map.get(key) != expected(before, key, *stale).as_ref() => {
                return conflict(key);
            }
            _ => {}
        }
    }
    let mut after = map.clone();
    for op in request {
        match op {
            Op::Put(key, value) => drop(after.insert(key.clone(), value.clone())),
            Op::Delete(key) => drop(after.remove(key)),
            Op::Add(key, delta) => {
                let count = after
                    .get(key)
                    .map_or(Ok(0), |value| counter::decode(value))
                    .map_err(drop)?;
                after.insert(key.clone(), counter::encode(count + i128::from(*delta)));
            }
            Op::Absent(_) | Op::Unchanged { .. } => {}
        }
    }
    *map = after;
    Ok(Outcome::Committed)
}

fn expected(before: &Map, key: &Vec<u8>, stale: bool) -> Option<Bytes> {
    if stale {
        Some(Bytes::from_static(b"never stored"))
    } else {
        before.get(key).cloned()
    }
}

fn request(ops: &[Op], before: &Map) -> Request {
    ops.iter().cloned().fold(Request::new(), |request, op| match op {
        Op::Absent(key) => request.absent(key),
        Op::Unchanged { key, stale } => {
            let expected = expected(before, &key, stale);
            request.unchanged(key, expected)
        }
        Op::Put(key, value) => request.put(key, value),
        Op::Delete(key) => request.delete(key),
        Op::Add(key, delta) => request.add(key, delta),
    })
}

fn scan_map(map: &Map, scan: &Scan) -> Vec<Entry> {
    let inside = |key: &Vec<u8>| {
        let (from, to) = &scan.range;
        (match from {
            Bound::Included(from) => key >= from,
            Bound::Excluded(from) => key > from,
            Bound::Unbounded => true,
        }) && (match to {
            Bound::Included(to) => key <= to,
            Bound::Excluded(to) => key < to,
            Bound::Unbounded => true,
        })
    };
    let mut found: Vec<_> = map
        .iter()
        .filter(|(key, _)| inside(key))
        .map(|(key, value)| Entry {
            key: Bytes::from(key.clone()),
            value: if scan.keys_only { Bytes::new() } else { value.clone() },
        })
        .collect();
    if scan.direction == Direction::Backward {
        found.reverse();
    }
    found.truncate(scan.limit);
    found
}

async fn run(acts: Vec<Act>) {
    let folder = tempfile::tempdir().unwrap();
    // So small that nearly every request starts a flush.
    let settings = || FjallSettings {
        write_buffer_bytes: 4096,
        ..FjallSettings::default()
    };
    let open = || Meta::open_fjall(folder.path(), settings()).unwrap();
    let (mut fjall, model, mut map) = (open(), Meta::open_model(), Map::new());
    for act in acts {
        match act {
            Act::Commit(requests) => {
                let before = map.clone();
                let right: Vec<_> = requests.iter().map(|ops| apply(&mut map, ops, &before)).collect();
                for meta in [&fjall, &model] {
                    // Polled in order, so they are queued in order and may share a group.
                    let all = requests.iter().map(|ops| meta.commit(request(ops, &before)));
                    let found = futures::future::join_all(all).await;
                    let found: Vec<_> = found.into_iter().map(|result| result.map_err(drop)).collect();
                    assert_eq!(found, right, "{meta:?}");
                }
            }
            Act::Scan(scan) => {
                let right = scan_map(&map, &scan);
                for meta in [&fjall, &model] {
                    assert_eq!(meta.scan(scan.clone()).await.unwrap(), right, "{scan:?}");
                }
            }
            Act::Compact => {
                let all = Compact {
                    bytes_per_second: None,
                    free_percent_max: 0,
                };
                for meta in [&fjall, &model] {
                    meta.compact(all, &Arc::default()).await.unwrap();
                    let usage = meta.usage().await.unwrap();
                    let live: usize = map.iter().map(|(key, value)| key.len() + value.len()).sum();
                    assert_eq!((usage.rows, usage.live_bytes), (map.len() as u64, live as u64));
                }
            }
            Act::Reopen => {
                drop(fjall);
                fjall = open();
            }
        }
    }
    for meta in [&fjall, &model] {
        assert_eq!(
            meta.scan(Scan::prefix(b"")).await.unwrap(),
            scan_map(&map, &Scan::prefix(b""))
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_engines_do_what_a_map_does(acts in prop::collection::vec(act(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(acts));
    }
}
