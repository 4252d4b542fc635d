use super::*;

fn outcome(lines: &[(&'static str, &str)]) -> String {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    match header_lock(&headers) {
        Ok(lock) => {
            let kept = lock
                .retention
                .map(|kept| format!("{} {}", mode_text(kept.mode), kept.until));
            let hold = lock.legal_hold.map(|hold| hold_text(hold).to_owned());
            kept.into_iter().chain(hold).collect::<Vec<_>>().join(" ")
        }
        Err(fault) => fault.code.to_owned(),
    }
}

#[test]
fn headers() {
    let date = (RETAIN_UNTIL, "2030-01-02T03:04:05Z");
    let (gov, com) = ((MODE, "GOVERNANCE"), (MODE, "COMPLIANCE"));
    let until = |text| (RETAIN_UNTIL, text);
    for (lines, expected) in [
        (&[][..], ""),
        (&[gov, date], "GOVERNANCE 2030-01-02T03:04:05.000000Z"),
        (
            &[com, until("2030-01-02T03:04:05.05+01:00")],
            "COMPLIANCE 2030-01-02T02:04:05.050000Z",
        ),
        // Told to the millisecond, and so kept to it, not below.
        (
            &[com, until("2030-01-02T03:04:05.0500001Z")],
            "COMPLIANCE 2030-01-02T03:04:05.051000Z",
        ),
        (&[(LEGAL_HOLD, "ON")], "ON"),
        (
            &[(LEGAL_HOLD, "OFF"), gov, date],
            "GOVERNANCE 2030-01-02T03:04:05.000000Z OFF",
        ),
        (&[(LEGAL_HOLD, ""), (MODE, ""), until("")], ""),
        (&[gov], "InvalidArgument"),
        (&[date], "InvalidArgument"),
        (&[(MODE, "governance"), date], "InvalidArgument"),
        (&[(MODE, "ENTERPRISE"), date], "InvalidArgument"),
        (&[(MODE, "ü"), date], "InvalidArgument"),
        (&[gov, gov, date], "InvalidArgument"),
        (&[gov, date, date], "InvalidArgument"),
        (&[gov, until("tomorrow")], "InvalidArgument"),
        (&[gov, until("2030-01-02")], "InvalidArgument"),
        (&[gov, until("2030-02-30T00:00:00Z")], "InvalidArgument"),
        (&[gov, until("2262-04-12T00:00:00Z")], "InvalidArgument"),
        (&[com, until("9999-12-31T23:59:59Z")], "InvalidArgument"),
        (&[(LEGAL_HOLD, "on")], "InvalidArgument"),
        (&[(LEGAL_HOLD, "true")], "InvalidArgument"),
        (&[(LEGAL_HOLD, "ON"), (LEGAL_HOLD, "OFF")], "InvalidArgument"),
    ] {
        assert_eq!(outcome(lines), expected, "{lines:?}");
    }
}

#[test]
fn days_that_remain() {
    let now = Timestamp::parse_rfc3339("2026-11-27T08:00:00Z").unwrap();
    for (until, days) in [
        ("2026-12-27T08:00:00Z", "30.000000000"),
        // Within half a minute, as the clocks and the way of a request have it.
        ("2026-12-27T07:59:31Z", "30.000000000"),
        ("2026-12-27T08:00:29Z", "30.000000000"),
        ("2026-12-27T08:01:00Z", "30.000694444"),
        ("2026-12-27T07:59:00Z", "29.999305555"),
        ("2026-11-27T20:00:00Z", "0.500000000"),
        ("2026-11-27T08:00:00Z", "0.000000000"),
        ("2020-11-27T08:00:00Z", "0.000000000"),
    ] {
        let until = Timestamp::parse_rfc3339(until).unwrap();
        assert_eq!(remaining_days(now, until), days, "{until}");
    }
}
