use super::*;
use crate::{Day, LifecycleFilter, NoncurrentExpiration};

const DAY: Duration = Duration::from_hours(24);

fn time(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn days(days: u32) -> NonZeroU32 {
    NonZeroU32::new(days).unwrap()
}

fn on(prefix: &str) -> LifecycleFilter {
    LifecycleFilter {
        prefix: Some(prefix.into()),
        ..LifecycleFilter::default()
    }
}

/// A rule which does nothing yet.
fn rule(id: &str, filter: LifecycleFilter) -> LifecycleRule {
    LifecycleRule {
        id: id.into(),
        is_enabled: true,
        filter,
        expiration: None,
        noncurrent: None,
        abort: None,
    }
}

fn expiring(id: &str, filter: LifecycleFilter, expiration: Expiration) -> LifecycleRule {
    LifecycleRule {
        expiration: Some(expiration),
        ..rule(id, filter)
    }
}

fn rules(rules: Vec<LifecycleRule>) -> Rules {
    let lifecycle = Lifecycle {
        rules,
        ..Lifecycle::default()
    };
    Rules::new(lifecycle, DAY)
}

#[test]
fn days_are_counted_and_then_the_next_midnight_comes() {
    for (made, after, at) in [
        // AWS's own example.
        ("2014-01-15T10:30:00Z", 3, "2014-01-19T00:00:00Z"),
        ("2014-01-15T00:00:00.000000001Z", 1, "2014-01-17T00:00:00Z"),
        ("2014-01-15T23:59:59.999999999Z", 1, "2014-01-17T00:00:00Z"),
        ("2014-01-15T00:00:00Z", 1, "2014-01-17T00:00:00Z"),
        ("2024-02-28T12:00:00Z", 1, "2024-03-01T00:00:00Z"),
        ("2023-02-28T12:00:00Z", 1, "2023-03-02T00:00:00Z"),
        ("2026-12-31T12:00:00Z", 1, "2027-01-02T00:00:00Z"),
        ("2026-03-29T00:30:00Z", 365, "2027-03-30T00:00:00Z"),
        // A clock that stood wrong.
        ("1969-12-30T12:00:00Z", 1, "1970-01-01T00:00:00Z"),
    ] {
        assert_eq!(due(time(made), days(after), DAY), time(at), "{made} + {after}");
    }
    for (made, after, day, at) in [
        (0, 1, 10, 20),
        (9, 1, 10, 20),
        (10, 1, 10, 30),
        (14, 3, 10, 50),
        (3, 2, 1, 6),
    ] {
        let due = due(Timestamp::from_secs(made), days(after), Duration::from_secs(day));
        assert_eq!(due, Timestamp::from_secs(at), "{made} + {after} days of {day} s");
    }
    for day in [DAY, Duration::from_nanos(1), Duration::ZERO, Duration::MAX] {
        let never = due(Timestamp::from_nanos(i64::MAX - 1), days(u32::MAX), day);
        assert!(never > Timestamp::from_nanos(i64::MAX / 2), "{day:?}");
    }
}

#[test]
fn the_rule_that_acts_first_is_told() {
    let day = Day::beginning_at(time("2026-02-01T00:00:00Z").as_secs()).unwrap();
    let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let tagged = |tags: &[(String, String)]| LifecycleFilter {
        tags: tags.to_vec(),
        ..on("")
    };
    let sized = |larger_than, smaller_than| LifecycleFilter {
        larger_than,
        smaller_than,
        ..LifecycleFilter::default()
    };
    let off = LifecycleRule {
        is_enabled: false,
        ..expiring("off", on(""), Expiration::Days(days(1)))
    };
    let rules = rules(vec![
        off,
        expiring("all", LifecycleFilter::default(), Expiration::Days(days(100))),
        expiring("logs", on("logs/"), Expiration::Days(days(10))),
        expiring("logs again", on("logs/"), Expiration::Days(days(10))),
        expiring("dated", on("dated/"), Expiration::On(day)),
        expiring("red", tagged(&[tag("colour", "red")]), Expiration::Days(days(20))),
        expiring(
            "red round",
            tagged(&[tag("form", "round"), tag("colour", "red")]),
            Expiration::Days(days(5)),
        ),
        expiring("large", sized(Some(1000), None), Expiration::Days(days(30))),
        expiring("empty", sized(None, Some(1)), Expiration::Days(days(31))),
        expiring("markers", on(""), Expiration::Markers(true)),
    ]);
    let made = time("2026-01-01T12:00:00Z");
    for (key, size, tags, at, by) in [
        ("a", 1, &[][..], "2026-04-12T00:00:00Z", "all"),
        ("logs", 1, &[], "2026-04-12T00:00:00Z", "all"),
        ("logs/", 1, &[], "2026-01-12T00:00:00Z", "logs"),
        ("Logs/", 1, &[], "2026-04-12T00:00:00Z", "all"),
        ("dated/a", 1, &[], "2026-02-01T00:00:00Z", "dated"),
        ("dated/a", 1, &[tag("colour", "red")], "2026-01-22T00:00:00Z", "red"),
        ("a", 1, &[tag("colour", "Red")], "2026-04-12T00:00:00Z", "all"),
        (
            "a",
            1,
            &[tag("colour", "red"), tag("form", "round")],
            "2026-01-07T00:00:00Z",
            "red round",
        ),
        ("a", 1000, &[], "2026-04-12T00:00:00Z", "all"),
        ("a", 1001, &[], "2026-02-01T00:00:00Z", "large"),
        ("a", 0, &[], "2026-02-02T00:00:00Z", "empty"),
    ] {
        let expiry = Expiry {
            at: time(at),
            rule: by.into(),
        };
        assert_eq!(
            rules.expiry(&Subject { key, size, tags }, made),
            Some(expiry),
            "{key} {size} {tags:?}"
        );
    }
}

#[test]
fn a_marker_goes_at_once_or_at_its_age() {
    let made = time("2026-01-01T12:00:00Z");
    let (early, late) = (time("2026-01-02T23:59:59Z"), time("2026-01-03T00:00:00Z"));
    let tagged = LifecycleFilter {
        tags: vec![("a".into(), "b".into())],
        ..on("")
    };
    let day = Day::beginning_at(late.as_secs()).unwrap();
    for (filter, expiration, at_early, at_late) in [
        (on(""), Expiration::Markers(true), true, true),
        (on(""), Expiration::Markers(false), false, false),
        (on(""), Expiration::Days(days(1)), false, true),
        (on(""), Expiration::On(day), false, true),
        (on("b"), Expiration::Markers(true), false, false),
        (tagged, Expiration::Days(days(1)), false, false),
    ] {
        let rules = rules(vec![expiring("r", filter, expiration)]);
        assert_eq!(rules.is_marker_due("a", made, early), at_early, "{rules:?}");
        assert_eq!(rules.is_marker_due("a", made, late), at_late, "{rules:?}");
    }
}

#[test]
fn noncurrent_versions_go_when_they_are_old_and_enough_newer_ones_are_there() {
    let keeping = |id: &str, filter, after, newer| LifecycleRule {
        noncurrent: Some(NoncurrentExpiration {
            days: days(after),
            newer,
        }),
        ..rule(id, filter)
    };
    let large = LifecycleFilter {
        larger_than: Some(10),
        ..on("")
    };
    let rules = rules(vec![
        keeping("two", on(""), 1, 2),
        keeping("old", on(""), 10, 0),
        keeping("large", large, 5, 1),
    ]);
    let since = time("2026-01-01T12:00:00Z");
    for (now, size, newer, of_marker) in [
        ("2026-01-02T23:59:59Z", 1, None, None),
        ("2026-01-03T00:00:00Z", 1, Some(2), Some(2)),
        ("2026-01-07T00:00:00Z", 10, Some(2), Some(2)),
        ("2026-01-07T00:00:00Z", 11, Some(1), Some(2)),
        ("2026-01-12T00:00:00Z", 11, Some(0), Some(0)),
    ] {
        let (tags, key) = (&[][..], "a");
        let of = Subject { key, size, tags };
        assert_eq!(rules.newer_needed(&of, since, time(now)), newer, "{now}, {size} bytes");
        assert_eq!(rules.newer_needed_of_marker(key, since, time(now)), of_marker, "{now}");
    }
}

#[test]
fn each_key_is_looked_at_once() {
    let rules = rules(vec![
        expiring("1", on("b/"), Expiration::Days(days(1))),
        expiring("2", on("b/c"), Expiration::Days(days(2))),
        expiring("3", on("a"), Expiration::Markers(true)),
        expiring("4", on("b"), Expiration::Days(days(2))),
        expiring("5", on("a/b"), Expiration::Days(days(2))),
        LifecycleRule {
            abort: Some(days(1)),
            ..rule("6", LifecycleFilter::default())
        },
    ]);
    for (about, prefixes) in [
        (About::Objects, &["a/b", "b"][..]),
        (About::Markers, &["a", "b"]),
        (About::Noncurrent, &[]),
        (About::Uploads, &[""]),
    ] {
        assert_eq!(rules.prefixes(about), prefixes, "{about:?}");
    }
}
