//! What every engine has to do, run on each of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use baleen_meta::{Direction, FjallSettings, Meta, Outcome, Request, Scan, feed};

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
