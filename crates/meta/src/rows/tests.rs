use super::*;
use crate::engine::Change;

fn change(key: &str) -> Batch {
    Batch {
        changes: vec![Change {
            key: key.into(),
            value: None,
        }],
    }
}

fn ticket(rows: &Rows, key: &str) -> Ticket {
    match rows.get(key.as_bytes()) {
        Known::Unknown(ticket) => ticket,
        Known::Row(value) => panic!("{key} is known: {value:?}"),
    }
}

fn is_known(rows: &Rows, key: &str) -> bool {
    matches!(rows.get(key.as_bytes()), Known::Row(_))
}

static OLD_VALUE: Bytes = Bytes::from_static(b"old");
const OLD: Option<&Bytes> = Some(&OLD_VALUE);

#[test]
fn what_was_read_is_known_until_it_changes() {
    let rows = Rows::new();
    for value in [OLD, None] {
        rows.keep(b"k", ticket(&rows, "k"), value);
        assert!(matches!(rows.get(b"k"), Known::Row(found) if found.as_ref() == value));
        let closing = rows.close(&change("k"));
        assert!(!is_known(&rows, "k"));
        drop(closing);
        assert!(!is_known(&rows, "k"));
    }
}

/// A reader asks the engine and is slow, and a commit happens at each point of its way.
#[test]
fn nothing_is_kept_that_was_read_beside_a_commit() {
    let rows = Rows::new();
    let before = ticket(&rows, "k");
    let closing = rows.close(&change("k"));
    rows.keep(b"k", before, OLD);
    assert!(!is_known(&rows, "k"), "read before, kept while it is under way");
    let meanwhile = ticket(&rows, "k");
    rows.keep(b"k", meanwhile, OLD);
    assert!(!is_known(&rows, "k"), "read and kept while it is under way");
    drop(closing);
    for (ticket, when) in [(before, "before"), (meanwhile, "meanwhile")] {
        rows.keep(b"k", ticket, OLD);
        assert!(!is_known(&rows, "k"), "read {when}, kept after it");
    }
    rows.keep(b"k", ticket(&rows, "k"), OLD);
    assert!(is_known(&rows, "k"));
}

#[test]
fn several_are_known_at_one_moment_or_not_at_all() {
    let rows = Rows::new();
    let keys = [b"a".to_vec(), b"b".to_vec()];
    rows.keep(b"a", ticket(&rows, "a"), OLD);
    assert!(rows.get_all(&keys).is_err());
    rows.keep(b"b", ticket(&rows, "b"), None);
    assert_eq!(rows.get_all(&keys).ok(), Some(vec![OLD.cloned(), None]));
    // Another key of a shard that is closed is still known by itself, but not as of one moment with others.
    let neighbour = (0_u32..100_000)
        .map(|number| format!("n{number}"))
        .find(|name| place(name.as_bytes()) == place(b"a"))
        .unwrap();
    let closing = rows.close(&change(&neighbour));
    assert!(is_known(&rows, "a"));
    assert!(rows.get_all(&keys).is_err());
    drop(closing);
    assert!(rows.get_all(&keys).is_ok());
}

#[test]
fn memory_is_bounded_and_large_rows_are_left_out() {
    let rows = Rows::new();
    let value = Bytes::from(vec![1; 4096]);
    for number in 0..3 * ROW_CACHE_BYTES / value.len() {
        let key = format!("key {number}");
        rows.keep(key.as_bytes(), ticket(&rows, &key), Some(&value));
    }
    let (mut bytes, mut counted) = (0, 0);
    for shard in &rows.shards {
        let state = shard.state.lock();
        bytes += state.bytes;
        counted += state
            .rows
            .iter()
            .map(|(key, value)| cost(key, value.as_ref()))
            .sum::<usize>();
    }
    assert_eq!(bytes, counted);
    assert!((ROW_CACHE_BYTES / 2..=ROW_CACHE_BYTES).contains(&bytes), "{bytes}");
    let large = Bytes::from(vec![1; CACHED_ROW_BYTES_MAX]);
    rows.keep(b"large", ticket(&rows, "large"), Some(&large));
    assert!(!is_known(&rows, "large"));
}
