use super::*;
use Governance::{Bypassed, Holds};
use RetentionMode::{Compliance, Governance as Gov};

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn retention(mode: RetentionMode, until: i64) -> Retention {
    Retention { mode, until: at(until) }
}

/// What protects a version at second 100.
#[test]
fn what_protects() {
    for (kept, hold, held, bypassed) in [
        (None, None, false, false),
        (None, Some(LegalHold::Off), false, false),
        (None, Some(LegalHold::On), true, true),
        (Some(retention(Gov, 101)), None, true, false),
        (Some(retention(Gov, 100)), None, false, false),
        (Some(retention(Gov, 99)), None, false, false),
        (Some(retention(Compliance, 101)), None, true, true),
        (Some(retention(Compliance, 100)), None, false, false),
        (Some(retention(Gov, 101)), Some(LegalHold::Off), true, false),
        (Some(retention(Gov, 101)), Some(LegalHold::On), true, true),
        (Some(retention(Compliance, 99)), Some(LegalHold::On), true, true),
    ] {
        let lock = Lock {
            retention: kept,
            legal_hold: hold,
        };
        assert_eq!(lock.protects(at(100), Holds), held, "{lock:?}");
        assert_eq!(lock.protects(at(100), Bypassed), bypassed, "{lock:?}, bypassed");
    }
}

/// How a retention may be replaced at second 100, without and with the right to bypass governance.
#[test]
fn how_a_retention_changes() {
    let (g, c) = (
        |until| Some(retention(Gov, until)),
        |until| Some(retention(Compliance, until)),
    );
    for (old, new, held, bypassed, why) in [
        (None, g(101), true, true, "the first"),
        (None, c(101), true, true, "the first"),
        (None, g(100), false, false, "not in the future"),
        (None, None, true, true, "nothing to take away"),
        (g(200), g(201), true, true, "longer"),
        (g(200), g(200), true, true, "the same"),
        (g(200), g(199), false, true, "shorter"),
        (g(200), None, false, true, "taken away"),
        (g(200), c(300), false, true, "another mode"),
        (g(200), c(150), false, true, "another mode, and shorter"),
        (g(200), g(99), false, false, "not in the future"),
        (c(200), c(201), true, true, "longer"),
        (c(200), c(200), true, true, "the same"),
        (c(200), c(199), false, false, "shorter"),
        (c(200), None, false, false, "taken away"),
        (c(200), g(300), false, false, "to the weaker mode"),
        (c(100), g(101), true, true, "after it is over"),
        (c(100), None, true, true, "after it is over"),
        (g(99), None, true, true, "after it is over"),
    ] {
        for (governance, allowed) in [(Holds, held), (Bypassed, bypassed)] {
            let mut lock = Lock {
                retention: old,
                legal_hold: None,
            };
            let outcome = lock.retain(new, at(100), governance);
            assert_eq!(outcome.is_ok(), allowed, "{old:?} to {new:?}, {governance:?}: {why}");
            assert_eq!(lock.retention, if allowed { new } else { old }, "{why}");
        }
    }
}

#[test]
fn the_limits_of_a_default() {
    use RetentionPeriod::{Days, Years};
    for (period, fits) in [
        (Days(0), false),
        (Days(1), true),
        (Days(36_500), true),
        (Days(36_501), false),
        (Days(u32::MAX), false),
        (Years(0), false),
        (Years(1), true),
        (Years(100), true),
        (Years(101), false),
    ] {
        assert_eq!(DefaultRetention::new(Gov, period).is_ok(), fits, "{period:?}");
    }
}

#[test]
fn days_and_years_of_a_default() {
    use RetentionPeriod::{Days, Years};
    for (made, period, until) in [
        ("2026-11-27T08:00:00Z", Days(1), "2026-11-28T08:00:00Z"),
        ("2026-11-27T08:00:00Z", Days(365), "2027-11-27T08:00:00Z"),
        ("2026-11-27T08:00:00.25Z", Years(1), "2027-11-27T08:00:00.25Z"),
        // A leap day lies between: a year of the calendar is longer than 365 days.
        ("2027-11-27T08:00:00Z", Years(1), "2028-11-27T08:00:00Z"),
        ("2028-02-29T08:00:00Z", Years(1), "2029-03-01T08:00:00Z"),
        ("2028-02-29T08:00:00Z", Years(4), "2032-02-29T08:00:00Z"),
        ("2028-02-29T08:00:00Z", Years(100), "2128-02-29T08:00:00Z"),
    ] {
        let default = DefaultRetention::new(Compliance, period).unwrap();
        let made = Timestamp::parse_rfc3339(made).unwrap();
        let until = Timestamp::parse_rfc3339(until).unwrap();
        assert_eq!(
            default.of_version(made),
            Retention {
                mode: Compliance,
                until
            }
        );
    }
    let made = Timestamp::parse_rfc3339("2026-11-27T08:00:00.0000001Z").unwrap();
    let default = DefaultRetention::new(Gov, Days(1)).unwrap();
    let until = Timestamp::parse_rfc3339("2026-11-28T08:00:00.001Z").unwrap();
    assert_eq!(default.of_version(made).until, until, "as it is told");
    // At the end of what a time can be it is kept for ever, and not for no time.
    let end = Timestamp::from_nanos(i64::MAX);
    for period in [Days(36_500), Years(100)] {
        let default = DefaultRetention::new(Compliance, period).unwrap();
        assert_eq!(default.of_version(end).until, end);
    }
}
