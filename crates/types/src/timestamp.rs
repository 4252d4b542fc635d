//! Points in time.

use crate::Invalid;
use std::fmt;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

/// A point in time: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds. Taken from `baleen_runtime::Clock` only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// Makes it from nanoseconds since the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Makes it from whole seconds since the epoch; saturates in the year 2262.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// This time and `duration`; saturates.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)),
        )
    }

    /// The time from `earlier` to this; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The distance of two times, whichever is first.
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_nanos(self.0.abs_diff(other.0))
    }

    /// The time as the `time` crate's type, for formats that only one wire family needs.
    pub fn to_datetime(self) -> OffsetDateTime {
        // Every i64 of nanoseconds lies within the years 1677 to 2262, which that type holds.
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// Takes a time of the `time` crate; saturates outside the years 1677 to 2262.
    pub fn from_datetime(at: OffsetDateTime) -> Self {
        let nanos = at.unix_timestamp_nanos();
        Self(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Reads RFC 3339 with any offset.
    ///
    /// ```
    /// use baleen_types::Timestamp;
    /// assert_eq!(Timestamp::parse_rfc3339("1970-01-01T01:00:01+01:00").unwrap(), Timestamp::from_secs(1));
    /// assert!(Timestamp::parse_rfc3339("yesterday").is_err());
    /// ```
    pub fn parse_rfc3339(text: &str) -> Result<Self, Invalid> {
        OffsetDateTime::parse(text, &Rfc3339)
            .map(Self::from_datetime)
            .map_err(|_| Invalid::new("time", "RFC 3339 is expected, such as 2026-01-02T03:04:05Z"))
    }

    /// RFC 3339 in UTC with microseconds and `Z`, as the PCAPs door writes times (`2022-04-22T18:54:13.397413Z`).
    pub fn to_rfc3339_micros(self) -> String {
        self.rfc3339(Self::MICROS)
    }

    /// RFC 3339 in UTC with milliseconds and `Z`, as S3 and IAM write times.
    pub fn to_rfc3339_millis(self) -> String {
        self.rfc3339(Self::MILLIS)
    }

    /// Adds the form with microseconds to a text. Log lines and listings have thousands of them.
    pub fn push_rfc3339_micros(self, text: &mut String) {
        self.push_rfc3339(Self::MICROS, text);
    }

    /// Adds the form with milliseconds to a text.
    pub fn push_rfc3339_millis(self, text: &mut String) {
        self.push_rfc3339(Self::MILLIS, text);
    }

    /// RFC 3339 in UTC with whole seconds and `Z`, as billing writes times (`2020-04-23T12:35:00Z`).
    pub fn to_rfc3339_secs(self) -> String {
        self.rfc3339(Self::SECS)
    }

    /// Bytes before the `Z` of the forms of RFC 3339.
    const SECS: usize = 19;
    const MILLIS: usize = 23;
    const MICROS: usize = 26;

    fn rfc3339(self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 1);
        self.push_rfc3339(bytes, &mut text);
        text
    }

    /// By hand, which is a fifth of the work of a general formatter.
    fn push_rfc3339(self, bytes: usize, text: &mut String) {
        let at = self.to_datetime();
        // Four digits always: see `to_datetime`.
        let (year, micros) = (at.year().unsigned_abs(), at.microsecond());
        let mut digits = *b"0000-00-00T00:00:00.000000";
        for (place, value) in [
            (0, year / 100),
            (2, year % 100),
            (5, u32::from(u8::from(at.month()))),
            (8, u32::from(at.day())),
            (11, u32::from(at.hour())),
            (14, u32::from(at.minute())),
            (17, u32::from(at.second())),
            (20, micros / 10_000),
            (22, micros / 100 % 100),
            (24, micros % 100),
        ] {
            // Every value is below 100.
            digits[place] = b'0' + u8::try_from(value / 10).unwrap_or(0);
            digits[place + 1] = b'0' + u8::try_from(value % 10).unwrap_or(0);
        }
        text.push_str(std::str::from_utf8(&digits[..bytes]).unwrap_or_default());
        text.push('Z');
    }

    /// The basic ISO 8601 form of signatures: `20260102T030405Z`.
    pub fn to_basic(self) -> String {
        let shape = format_description!("[year][month][day]T[hour][minute][second]Z");
        self.to_datetime().format(&shape).unwrap_or_default()
    }

    /// Reads the basic ISO 8601 form of signatures.
    pub fn parse_basic(text: &str) -> Result<Self, Invalid> {
        let shape = format_description!("[year][month][day]T[hour][minute][second]Z");
        time::PrimitiveDateTime::parse(text, &shape)
            .map(|at| Self::from_datetime(at.assume_utc()))
            .map_err(|_| Invalid::new("time", "YYYYMMDDThhmmssZ is expected"))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339_micros())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

#[cfg(test)]
mod tests;
