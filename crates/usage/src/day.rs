//! Days and minutes of UTC.

use baleen_types::{Invalid, Timestamp};
use std::fmt;

const SECONDS_PER_DAY: i64 = 86_400;

/// A day of UTC, from 1970-01-01 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Day(pub(crate) u32);

impl Day {
    /// The day of a time; times before 1970 count as its first day.
    pub fn of(at: Timestamp) -> Self {
        Self(u32::try_from(at.as_secs() / SECONDS_PER_DAY).unwrap_or(0))
    }

    /// Reads a day: a date, or the RFC 3339 time of any moment of it (seed 004, RSListBillingData, `From`).
    ///
    /// ```
    /// use baleen_usage::Day;
    /// assert_eq!(Day::parse("2020-03-04T23:59:59.999Z").unwrap(), Day::parse("2020-03-04").unwrap());
    /// assert!(Day::parse("1969-12-31").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let date = time::macros::format_description!("[year]-[month]-[day]");
        let at = match time::Date::parse(text, &date) {
            Ok(date) => Some(Timestamp::from_datetime(date.midnight().assume_utc())),
            Err(_) => Timestamp::parse_rfc3339(text).ok(),
        };
        match at {
            Some(at) if at >= Timestamp::EPOCH => Ok(Self::of(at)),
            _ => Err(Invalid::new(
                "day",
                "an ISO 8601 date such as 2020-03-04 or 2020-03-04T00:00:00Z is expected",
            )),
        }
    }

    /// When it begins.
    pub fn start(self) -> Timestamp {
        Timestamp::from_secs(i64::from(self.0) * SECONDS_PER_DAY)
    }

    /// The day so many days later.
    #[must_use]
    pub fn plus(self, days: u32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The days from this to `last`, both included; none if `last` is before.
    pub fn through(self, last: Self) -> u32 {
        last.0.checked_sub(self.0).map_or(0, |days| days.saturating_add(1))
    }
}

impl fmt::Display for Day {
    /// As the reports write it: `2020-04-03T00:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.start().to_datetime().date();
        write!(
            f,
            "{}-{:02}-{:02}T00:00:00Z",
            date.year(),
            u8::from(date.month()),
            date.day()
        )
    }
}

/// The minute of a time, counted from 1970; times before count as its first.
pub(crate) fn minute_of(at: Timestamp) -> u32 {
    u32::try_from(at.as_secs() / 60).unwrap_or(0)
}

/// When a minute begins.
pub(crate) fn minute_start(minute: u32) -> Timestamp {
    Timestamp::from_secs(i64::from(minute) * 60)
}

/// The day of a minute.
pub(crate) fn day_of_minute(minute: u32) -> Day {
    Day(minute / (24 * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written() {
        for (text, number) in [
            ("1970-01-01", 0),
            ("1970-01-01T23:59:59.999999999Z", 0),
            ("1970-01-02T00:00:00Z", 1),
            ("1970-01-02T01:00:00+02:00", 0),
            ("2020-03-04T00:00:00.000Z", 18_325),
            ("2024-02-29", 19_782),
        ] {
            assert_eq!(Day::parse(text).unwrap(), Day(number), "{text}");
        }
        assert_eq!(Day(18_325).to_string(), "2020-03-04T00:00:00Z");
        for wrong in [
            "",
            "2023-02-29",
            "04/03/2020",
            "2020-3-4",
            "20200304",
            "1969-12-31",
            "1970-01-01T00:00:00+00:01",
            "2020-03-04T00:00:00",
            "99999-01-01",
            "2020-03-04 ",
            "-2020-03-04",
        ] {
            assert!(Day::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn arithmetic_does_not_wrap() {
        assert_eq!(Day(3).through(Day(3)), 1);
        assert_eq!(Day(3).through(Day(2)), 0);
        assert_eq!(Day(0).through(Day(u32::MAX)), u32::MAX);
        assert_eq!(Day(u32::MAX).plus(1), Day(u32::MAX));
        assert_eq!(Day::of(Timestamp::from_nanos(i64::MIN)), Day(0));
        assert_eq!(minute_of(Timestamp::from_nanos(-1)), 0);
        // The last time there is still has its own.
        assert_eq!(
            Day::of(Timestamp::from_nanos(i64::MAX)).to_string(),
            "2262-04-11T00:00:00Z"
        );
        assert_eq!(day_of_minute(minute_of(Timestamp::from_secs(86_399))), Day(0));
        assert_eq!(day_of_minute(minute_of(Timestamp::from_secs(86_400))), Day(1));
        assert_eq!(minute_start(2), Timestamp::from_secs(120));
    }
}
