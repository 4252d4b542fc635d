//! What every engine has to do, run on each of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use baleen_meta::{Direction, FjallSettings, Meta, Outcome, Request, Scan, feed};
use baleen_types::{Classify, FaultKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The engines under test; the folder is kept as long as the store.
fn stores() -> Vec<(&'static str, Meta, Option<tempfile::TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let fjall = Meta::open_fjall(folder.path(), FjallSettings::default()).unwrap();
    vec![("model", Meta::open_model(), None), ("fjall", fjall, Some(folder))]
}

/// One step of a case.
enum Step {
    /// Commits and expects that outcome: `None` committed, else the conflicting key.
    Commit(Request, Option<&'static str>),
    /// Scans and expects `key=value` entries.
    Scan(Scan, &'static [&'static str]),
    /// Reads a counter.
    Counter(&'static str, i128),
}

async fn check(name: &str, steps: Vec<Step>) {
    for (engine, meta, _folder) in stores() {
        for (at, step) in steps.iter().enumerate() {
            let context = format!("{name}, step {at}, engine {engine}");
            match step {
                Step::Commit(request, conflict) => {
                    let expected = conflict.map_or(Outcome::Committed, |key| Outcome::Conflict {
                        key: key.as_bytes().to_vec(),
                    });
                    assert_eq!(meta.commit(request.clone()).await.unwrap(), expected, "{context}");
                }
                Step::Scan(scan, expected) => {
                    let found = meta.scan(scan.clone()).await.unwrap();
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let found: Vec<_> = found
                        .iter()
                        .map(|entry| format!("{}={}", text(&entry.key), text(&entry.value)))
                        .collect();
                    assert_eq!(found, *expected, "{context}");
                }
                Step::Counter(key, expected) => {
                    assert_eq!(meta.counter(key.as_bytes()).await.unwrap(), *expected, "{context}");
                }
            }
        }
    }
}

fn put(pairs: &[(&str, &'static str)]) -> Request {
    pairs
        .iter()
        .fold(Request::new(), |request, (key, value)| request.put(*key, *value))
}

#[tokio::test]
async fn conditions_decide() {
    use Step::{Commit, Scan as Scanned};
    check(
        "conditions",
        vec![
            Commit(put(&[("a", "1")]).absent("a"), None),
            Commit(put(&[("a", "2")]).absent("a"), Some("a")),
            Commit(put(&[("a", "2")]).unchanged("a", Some("1".into())), None),
            Commit(put(&[("b", "9")]).unchanged("a", Some("1".into())), Some("a")),
            Commit(Request::new().delete("a").unchanged("a", Some("2".into())), None),
            Commit(put(&[("c", "3")]).unchanged("a", None), None),
            Scanned(Scan::prefix(b""), &["c=3"]),
        ],
    )
    .await;
}

#[tokio::test]
async fn scans_go_both_ways() {
    use Step::{Commit, Scan as Scanned};
    let all = || Scan::prefix(b"k");
    check(
        "scans",
        vec![
            Commit(
                put(&[("k1", "a"), ("k2", "b"), ("k3", "c"), ("l", "d"), ("j", "e")]),
                None,
            ),
            Scanned(all(), &["k1=a", "k2=b", "k3=c"]),
            Scanned(all().backward(), &["k3=c", "k2=b", "k1=a"]),
            Scanned(all().limit(2), &["k1=a", "k2=b"]),
            Scanned(all().backward().limit(1), &["k3=c"]),
            Scanned(all().after("k1"), &["k2=b", "k3=c"]),
            Scanned(all().backward().after("k3"), &["k2=b", "k1=a"]),
            Scanned(all().keys_only(), &["k1=", "k2=", "k3="]),
            Scanned(all().limit(0), &[]),
            Scanned(all().after("k9"), &[]),
            Scanned(Scan::prefix(b"zz"), &[]),
        ],
    )
    .await;
    assert_eq!(all().direction, Direction::Forward);
}

#[tokio::test]
async fn counters_add_up() {
    use Step::{Commit, Counter};
    let add = |delta| Request::new().add("n", delta);
    check(
        "counters",
        vec![
            Counter("n", 0),
            Commit(add(5), None),
            Commit(add(-7).add("n", 1), None),
            Counter("n", -1),
            Commit(add(1).absent("n"), Some("n")),
            Counter("n", -1),
            Commit(Request::new().delete("n").add("n", 3), None),
            Counter("n", 3),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_feed_is_in_commit_order() {
    for (engine, meta, _folder) in stores() {
        for payload in ["one", "two", "three"] {
            assert!(meta.commit(Request::new().feed(payload)).await.unwrap().is_committed());
        }
        let entries = meta.scan(feed::entries_after(meta.committer(), 1)).await.unwrap();
        let sequences: Vec<_> = entries
            .iter()
            .map(|entry| feed::parse_entry_key(&entry.key).unwrap().1)
            .collect();
        assert_eq!(sequences, [2, 3], "{engine}");
        assert_eq!(entries[0].value, "two", "{engine}");
    }
}

#[tokio::test]
async fn a_snapshot_does_not_change() {
    for (engine, meta, _folder) in stores() {
        meta.commit(put(&[("a", "1"), ("b", "1")])).await.unwrap();
        let snapshot = meta.snapshot().await.unwrap();
        meta.commit(put(&[("a", "2"), ("c", "2")]).delete("b")).await.unwrap();
        let keys = ["c", "a", "b", "a"].map(|key| key.as_bytes().to_vec());
        let text = |values: Vec<Option<bytes::Bytes>>| -> Vec<_> {
            values
                .into_iter()
                .map(|value| value.map(|value| String::from_utf8_lossy(&value).into_owned()))
                .collect()
        };
        let one = Some("1".to_owned());
        let before = text(snapshot.get_many(&keys).await.unwrap());
        assert_eq!(before, [None, one.clone(), one.clone(), one], "{engine}");
        let two = Some("2".to_owned());
        assert_eq!(
            text(meta.get_many(&keys).await.unwrap()),
            [two.clone(), two.clone(), None, two],
            "{engine}"
        );
        let old = snapshot.scan(Scan::prefix(b"")).await.unwrap();
        assert_eq!(
            old.iter().map(|entry| entry.key.as_ref()).collect::<Vec<_>>(),
            [b"a", b"b"],
            "{engine}"
        );
    }
}

#[tokio::test]
async fn limits_are_held_and_can_be_reached() {
    use baleen_meta::{KEY_BYTES_MAX, REQUEST_BYTES_MAX, VALUE_BYTES_MAX};
    let (key, value) = (vec![b'O'; KEY_BYTES_MAX], vec![7; VALUE_BYTES_MAX]);
    for (engine, meta, _folder) in stores() {
        meta.commit(Request::new().put(key.clone(), value.clone()))
            .await
            .unwrap();
        assert_eq!(meta.get(&key).await.unwrap().unwrap(), value, "{engine}");
        for (kind, refused) in [
            (FaultKind::Invalid, Request::new().delete("")),
            (
                FaultKind::TooLarge,
                Request::new().delete(vec![b'O'; KEY_BYTES_MAX + 1]),
            ),
            (
                FaultKind::TooLarge,
                Request::new().put("k", vec![0; VALUE_BYTES_MAX + 1]),
            ),
            (
                FaultKind::TooLarge,
                (0..=u8::try_from(REQUEST_BYTES_MAX / VALUE_BYTES_MAX).unwrap())
                    .fold(Request::new(), |all, at| all.put([b'k', at], value.clone())),
            ),
        ] {
            assert_eq!(meta.commit(refused).await.unwrap_err().kind(), kind, "{engine}");
        }
        assert_eq!(meta.get(b"").await.unwrap_err().kind(), FaultKind::Invalid, "{engine}");
        assert_eq!(meta.scan(Scan::prefix(b"")).await.unwrap().len(), 1, "{engine}");
    }
}

#[tokio::test]
async fn an_add_to_another_value_is_refused_wholly() {
    for (engine, meta, _folder) in stores() {
        meta.commit(put(&[("n", "text")])).await.unwrap();
        let error = meta.commit(put(&[("k", "v")]).add("n", 1)).await.unwrap_err();
        assert_eq!(error.kind(), FaultKind::Corrupt, "{engine}");
        assert_eq!(meta.get(b"k").await.unwrap(), None, "{engine}");
    }
}

#[tokio::test]
async fn a_long_scan_stops_at_its_limit_and_goes_on() {
    for (engine, meta, _folder) in stores() {
        for part in 0..12_u16 {
            let put = |request: Request, at: u16| request.put((part * 1000 + at).to_be_bytes(), "");
            meta.commit((0..1000).fold(Request::new(), put)).await.unwrap();
        }
        let all = Scan::prefix(b"");
        let page = meta
            .scan(Scan {
                limit: usize::MAX,
                ..all.clone()
            })
            .await
            .unwrap();
        assert_eq!(page.len(), baleen_meta::SCAN_ENTRIES_MAX, "{engine}");
        let rest = meta.scan(all.after(page[page.len() - 1].key.to_vec())).await.unwrap();
        assert_eq!(rest.len(), 2000, "{engine}");
    }
}

/// A page is read in several turns of which each begins anew: it is whole, in both directions, and goes on where it ended.
#[tokio::test]
async fn a_page_of_several_turns_is_whole() {
    let key = |n: u32| format!("{n:04}").into_bytes();
    for (engine, meta, _folder) in stores() {
        for begin in [0, 700] {
            let request = (begin..begin + 700).fold(Request::new(), |request, n| request.put(key(n), key(n)));
            assert_eq!(meta.commit(request).await.unwrap(), Outcome::Committed, "{engine}");
        }
        for limit in [511, 512, 513, 1000, 1024, 1025, 2000] {
            for (direction, keys_only) in [
                (Direction::Forward, false),
                (Direction::Backward, false),
                (Direction::Forward, true),
            ] {
                let scan = Scan {
                    direction,
                    keys_only,
                    ..Scan::prefix(b"").limit(limit)
                };
                let found = meta.scan(scan).await.unwrap();
                let mut expected: Vec<_> = (0..1400).map(key).collect();
                if direction == Direction::Backward {
                    expected.reverse();
                }
                expected.truncate(limit);
                let keys: Vec<_> = found.iter().map(|entry| entry.key.to_vec()).collect();
                assert_eq!(keys, expected, "{engine} {limit} {direction:?}");
                for entry in found {
                    let value: &[u8] = if keys_only { b"" } else { &entry.key };
                    assert_eq!(entry.value, value, "{engine} {limit} {direction:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn feed_and_counters_go_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Meta::open_fjall(folder.path(), FjallSettings::default()).unwrap();
    for round in 1..4_u8 {
        let meta = open();
        meta.commit(Request::new().feed(vec![round]).add("n", 2)).await.unwrap();
        // A consumer that takes entries away does not set the numbering back.
        let first = feed::entry_key(meta.committer(), u64::from(round));
        assert_eq!(meta.get(&first).await.unwrap().unwrap(), vec![round]);
        meta.commit(Request::new().delete(first)).await.unwrap();
    }
    assert_eq!(open().counter(b"n").await.unwrap(), 6);
}

#[tokio::test]
async fn a_store_is_opened_once() {
    let folder = tempfile::tempdir().unwrap();
    let _meta = Meta::open_fjall(folder.path(), FjallSettings::default()).unwrap();
    let error = Meta::open_fjall(folder.path(), FjallSettings::default()).unwrap_err();
    assert_eq!(error.kind(), FaultKind::Unavailable);
    assert!(error.to_string().contains("in use by another process"), "{error}");
}

/// Two rows always change together, and readers ask again and again: they see both as of one moment, never what was there before
/// a commit that was acknowledged when they began to ask, and time never goes back, whether they ask for one row, for several or for a
/// range.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_is_read_is_what_was_committed_last() {
    const ROUNDS: u64 = 400;
    let number = |value: &Option<bytes::Bytes>| {
        let text = value.as_ref().map_or("0", |value| std::str::from_utf8(value).unwrap());
        text.parse::<u64>().unwrap()
    };
    for (engine, meta, _folder) in stores() {
        let acknowledged = Arc::new(AtomicU64::new(0));
        let mut readers = tokio::task::JoinSet::new();
        for reader in 0..2 {
            let (meta, acknowledged) = (meta.clone(), Arc::clone(&acknowledged));
            readers.spawn(async move {
                let keys = [b"left".to_vec(), b"right".to_vec()];
                let mut last = 0;
                while last < ROUNDS {
                    let least = acknowledged.load(Ordering::SeqCst);
                    let pair = meta.get_many(&keys).await.unwrap();
                    let alone = meta.get(b"left").await.unwrap();
                    let page = meta.scan(Scan::prefix(b"right")).await.unwrap();
                    let page = page.into_iter().next().map(|entry| entry.value);
                    assert_eq!(pair[0], pair[1], "{engine}, reader {reader}");
                    for (how, value) in [("both", &pair[0]), ("one", &alone), ("a range", &page)] {
                        let now = number(value);
                        assert!(
                            now >= least.max(last),
                            "{engine}, {how}: {now} after {least} and {last}"
                        );
                        last = now;
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        for round in 1..=ROUNDS {
            let value = round.to_string();
            // Rows between the two make a commit long enough to be met halfway.
            let both = (0..64).fold(Request::new().put("left", value.clone()), |both, row| {
                both.put(format!("other {row}"), value.clone())
            });
            let both = both.put("right", value);
            assert_eq!(meta.commit(both).await.unwrap(), Outcome::Committed);
            acknowledged.store(round, Ordering::SeqCst);
        }
        readers.join_all().await;
    }
}
