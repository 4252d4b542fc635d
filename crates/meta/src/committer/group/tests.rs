use super::*;

type Changes = Vec<(Vec<u8>, Option<Bytes>)>;

/// Judges requests upon a state and returns the verdicts (`+` committed, `-` conflict, `!` error) and the changes.
fn decide(stored: &[(&str, &'static [u8])], requests: &[Request]) -> (String, Changes) {
    let group = Group::new(requests);
    let find = |key: &Vec<u8>| {
        stored
            .iter()
            .find(|(name, _)| name.as_bytes() == key)
            .map(|(_, value)| *value)
    };
    let read: Vec<_> = group
        .keys()
        .iter()
        .map(|key| find(key).map(Bytes::from_static))
        .collect();
    let decision = group.decide(
        &read,
        FeedCursor {
            committer: CommitterId(1),
            last: 7,
        },
    );
    let verdict = |verdict: &Result<Outcome>| match verdict {
        Ok(Outcome::Committed) => '+',
        Ok(Outcome::Conflict { .. }) => '-',
        Err(_) => '!',
    };
    let mut changes: Vec<_> = decision
        .batch
        .changes
        .into_iter()
        .map(|change| (change.key, change.value))
        .collect();
    changes.sort();
    (decision.verdicts.iter().map(verdict).collect(), changes)
}

fn change(key: &str, value: Option<&'static [u8]>) -> (Vec<u8>, Option<Bytes>) {
    (key.as_bytes().to_vec(), value.map(Bytes::from_static))
}

#[test]
fn later_requests_see_earlier_ones() {
    let make = |value: &'static str| Request::new().absent("k").put("k", value);
    let (verdicts, changes) = decide(&[], &[make("1"), make("2"), Request::new().delete("k"), make("3")]);
    assert_eq!(verdicts, "+-++");
    assert_eq!(changes, [change("k", Some(b"3"))]);
}

#[test]
fn a_conflict_changes_nothing() {
    let stale = Request::new()
        .unchanged("k", Some("old".into()))
        .put("k", "x")
        .put("l", "x")
        .feed("x");
    let (verdicts, changes) = decide(&[("k", b"new")], &[stale]);
    assert_eq!((verdicts.as_str(), changes), ("-", vec![]));
}

#[test]
fn each_key_changes_once() {
    let request = Request::new().put("k", "1").delete("k").put("k", "2").delete("l");
    let (_, changes) = decide(&[], &[request.clone(), request]);
    assert_eq!(changes, [change("k", Some(b"2")), change("l", None)]);
}

#[test]
fn a_refused_add_undoes_its_request_only() {
    let good = Request::new().add("n", 2).put("k", "1").feed("first");
    let bad = Request::new().put("k", "2").add("n", 5).feed("lost").add("text", 1);
    let (verdicts, changes) = decide(&[("text", b"not a counter")], &[good.clone(), bad, good]);
    assert_eq!(verdicts, "+!+");
    let keys: Vec<_> = changes.iter().map(|(key, _)| key.clone()).collect();
    let (first, second) = (feed::entry_key(CommitterId(1), 8), feed::entry_key(CommitterId(1), 9));
    assert_eq!(
        keys,
        [
            first,
            second,
            feed::head_key(CommitterId(1)),
            b"k".to_vec(),
            b"n".to_vec()
        ]
    );
    assert_eq!(changes[4].1, Some(counter::encode(4)));
    assert_eq!(changes[2].1.as_deref(), Some(9_u64.to_be_bytes().as_slice()));
}

#[test]
fn deciding_twice_gives_the_same() {
    let requests = [
        Request::new().add("n", 1).feed("x"),
        Request::new().absent("k").put("k", "v"),
    ];
    let group = Group::new(&requests);
    let read = vec![None; group.keys().len()];
    let start = FeedCursor {
        committer: CommitterId(1),
        last: 0,
    };
    assert_eq!(group.decide(&read, start).batch, group.decide(&read, start).batch);
}
