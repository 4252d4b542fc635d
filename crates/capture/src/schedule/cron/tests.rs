use super::*;
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// The next times of a pattern, from `2026-11-28T13:20:30.5Z` (a Saturday) on.
fn check(pattern: &str, wanted: &[&str]) {
    let cron = Cron::parse(pattern).unwrap_or_else(|invalid| panic!("{pattern}: {}", invalid.why));
    let mut now = at("2026-11-28T13:20:30.5Z");
    for wanted in wanted {
        now = cron.next(now, MINUTE).unwrap();
        assert_eq!(now, at(wanted), "{pattern}");
    }
}

#[test]
fn patterns_are_due_when_cron_says() {
    check("* * * * *", &["2026-11-28T13:21:00Z", "2026-11-28T13:22:00Z"]);
    check("*/5 * * * *", &["2026-11-28T13:25:00Z", "2026-11-28T13:30:00Z"]);
    check("59 23 * * *", &["2026-11-28T23:59:00Z", "2026-11-29T23:59:00Z"]);
    check("0 0 1 * *", &["2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"]);
    check("0 8 * * MON-FRI", &["2026-11-30T08:00:00Z", "2026-12-01T08:00:00Z"]);
    check("0 8 * * 7", &["2026-11-29T08:00:00Z", "2026-12-06T08:00:00Z"]);
    check("@hourly", &["2026-11-28T14:00:00Z"]);
    check("  0 0 29 2 *  ", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]);
    check("0 0 L * *", &["2026-11-30T00:00:00Z", "2026-12-31T00:00:00Z"]);
    // A 29th of February that is a Monday.
    check("0 0 29 2 +MON", &["2044-02-29T00:00:00Z"]);
    // Either day, as cron has it.
    check(
        "0 0 13 * FRI",
        &["2026-12-04T00:00:00Z", "2026-12-11T00:00:00Z", "2026-12-13T00:00:00Z"],
    );
}

#[test]
fn what_is_no_pattern_is_refused() {
    let long = "1,".repeat(CRON_BYTES_MAX);
    for wrong in [
        "",
        " ",
        "*",
        "* * * *",
        "* * * * * *",
        "0 * * * * * *",
        "*/30 * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "a * * * *",
        "*/0 * * * *",
        "5-1 * * * *",
        "@reboot",
        "@every 1s",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "* * * * *; rm",
        "\u{ff11} * * * *",
        long.as_str(),
    ] {
        let refused = Cron::parse(wrong).expect_err(wrong);
        assert!(!refused.why.is_empty(), "{wrong}");
    }
}

/// A trial's minute is shorter and nothing else changes.
#[test]
fn a_minute_may_be_shorter() {
    let cron = Cron::parse("*/2 * * * *").unwrap();
    let now = Timestamp::from_secs(1_800_000_000);
    let second = Duration::from_secs(1);
    let first = cron.next(now, second).unwrap();
    assert_eq!(first, now.plus(2 * second));
    assert_eq!(cron.next(first, second).unwrap(), first.plus(2 * second));
    let odd = Duration::from_millis(700);
    let (a, b) = (
        cron.next(now, odd).unwrap(),
        cron.next(cron.next(now, odd).unwrap(), odd).unwrap(),
    );
    assert!(
        a > now && b.since(a).abs_diff(2 * odd) <= Duration::from_nanos(1),
        "{a:?} {b:?}"
    );
}

proptest! {
    /// No text makes it panic, or search for long; what is taken has times, each behind the one before and on a minute.
    #[test]
    fn any_text_is_a_pattern_or_refused(text in "[-*/,0-9LW#?+@A-Za-z ]{0,40}", secs in 0_i64..4_000_000_000) {
        if let Ok(cron) = Cron::parse(&text) {
            let now = Timestamp::from_secs(secs);
            if let Some(next) = cron.next(now, MINUTE) {
                prop_assert!(next > now && next.as_secs() % 60 == 0, "{next:?}");
                prop_assert_eq!(cron.last(next, MINUTE), Some(next));
                // Nothing lies between them.
                let last = cron.last(now, MINUTE).filter(|last| *last > Timestamp::EPOCH);
                prop_assert!(last.is_none_or(|last| last <= now && cron.next(last, MINUTE) == Some(next)), "{last:?}");
            }
        }
    }

    #[test]
    fn fields_of_numbers_hold(minute in 0_u32..60, hour in 0_u32..24, secs in 0_i64..4_000_000_000) {
        let cron = Cron::parse(&format!("{minute} {hour} * * *")).unwrap();
        let now = Timestamp::from_secs(secs);
        let next = cron.next(now, MINUTE).unwrap();
        let found = next.to_datetime();
        prop_assert_eq!((u32::from(found.minute()), u32::from(found.hour()), found.second()), (minute, hour, 0));
        prop_assert!(next > now && next.since(now) <= Duration::from_hours(24));
    }
}

/// Who has mistyped a field is told which, and what it may be.
#[test]
fn the_field_at_fault_is_named() {
    for (text, words) in [
        ("60 3 * * *", "minute 60: 0 to 59"),
        ("0 60 * * *", "hour 60: 0 to 23"),
        ("5-1 * * * *", "minute 5-1: 0 to 59"),
        ("0 0 32 * *", "day 32: 1 to 31"),
        ("0 0 * 13 *", "month 13: 1 to 12"),
        ("0 0 * * MOD", "weekday MOD: 0 to 7"),
        ("@nightly", "@nightly is none of the words"),
        ("* * * *", "a pattern has five fields"),
        ("* * * * * *", "a pattern has five fields"),
    ] {
        let refused = Cron::parse(text).unwrap_err();
        assert!(refused.why.starts_with(words), "{text}: {}", refused.why);
    }
}
