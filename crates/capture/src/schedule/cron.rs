//! When a cron pattern is due, in UTC.
//!
//! croner knows the language and walks the calendar; this file holds it to what a schedule may say: five fields, so that no two
//! times are less than a minute apart, and a time that comes within [`HORIZON`], so that no search is long.

use crate::limits::CRON_BYTES_MAX;
use baleen_types::{Invalid, Timestamp};
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDateTime, CronDateTime, Resolution, Weekday};
use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;
use time::{Date, Month, OffsetDateTime, Time};

/// A minute, as patterns mean it.
pub(crate) const MINUTE: Duration = Duration::from_mins(1);

/// How far ahead a time is looked for: a 29th of February that has to be a Monday comes within 40 years.
const HORIZON: Duration = Duration::from_hours(24 * 366 * 50);

/// The times of a schedule: five fields in the manner of cron (minute, hour, day, month, weekday), or a word such as `@hourly`.
///
/// ```
/// use baleen_capture::Cron;
/// assert!(Cron::parse("*/5 8-17 * * MON-FRI").is_ok());
/// assert!(Cron::parse("* * * * * *").is_err(), "seconds are not possible");
/// assert!(Cron::parse("0 0 30 2 *").is_err(), "it never comes");
/// ```
#[derive(Clone, PartialEq)]
pub struct Cron {
    text: String,
    pattern: croner::Cron,
}

impl Cron {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it; also that no such time ever comes.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.len() > CRON_BYTES_MAX || !text.is_ascii() {
            let why = format!("a cron pattern has at most {CRON_BYTES_MAX} ASCII characters");
            return Err(Invalid::new("cron", why));
        }
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build();
        let pattern = parser
            .parse(text)
            .map_err(|error| Invalid::new("cron", field_at_fault(text).unwrap_or_else(|| words(&error))))?;
        let cron = Self {
            text: text.to_owned(),
            pattern,
        };
        // Wherever the search begins, what comes at all comes within the horizon.
        if cron.next(Timestamp::EPOCH, MINUTE).is_none() {
            return Err(Invalid::new("cron", "there is no such time in any year"));
        }
        Ok(cron)
    }

    /// The pattern as it was sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first time behind `now` where a minute lasts as long as `minute` says, counted from the last midnight: a minute, unless the
    /// operator tries things out.
    pub fn next(&self, now: Timestamp, minute: Duration) -> Option<Timestamp> {
        near(now, minute, |start| self.pattern.find_next_occurrence(start, false))
    }

    /// The last time that is not behind `now`, by the same minutes.
    pub(crate) fn last(&self, now: Timestamp, minute: Duration) -> Option<Timestamp> {
        near(now, minute, |start| self.pattern.find_previous_occurrence(start, true))
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({})", self.text)
    }
}

const NANOS: i64 = 1_000_000_000;
const DAY_NANOS: i64 = 24 * 60 * 60 * NANOS;

/// The time that is found from `now` on, where a minute lasts as long as `minute` says.
fn near(
    now: Timestamp,
    minute: Duration,
    find: impl FnOnce(&Moment) -> Result<Moment, CronError>,
) -> Option<Timestamp> {
    let midnight = now.as_nanos().div_euclid(DAY_NANOS) * DAY_NANOS;
    let since = scale(now.as_nanos() - midnight, MINUTE, minute, false)?;
    let secs = midnight.checked_add(since)?.div_euclid(NANOS);
    let start = Moment {
        secs,
        horizon: Some(secs.checked_add(i64::try_from(HORIZON.as_secs()).ok()?)?),
    };
    let found = find(&start).ok()?;
    // Rounded up: a time that is a little early would be found again.
    let since = scale(
        found.secs.checked_mul(NANOS)?.checked_sub(midnight)?,
        minute,
        MINUTE,
        true,
    )?;
    Some(Timestamp::from_nanos(midnight.checked_add(since)?))
}

/// `nanos` * `by` / `of`.
fn scale(nanos: i64, by: Duration, of: Duration, up: bool) -> Option<i64> {
    let (by, of) = (
        i128::try_from(by.as_nanos()).ok()?,
        i128::try_from(of.as_nanos().max(1)).ok()?,
    );
    let product = i128::from(nanos) * by;
    let scaled = product.div_euclid(of) + i128::from(up && product.rem_euclid(of) != 0);
    i64::try_from(scaled).ok()
}

/// The fields, and what each may say.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day", "1 to 31, or L for the last one"),
    ("month", "1 to 12, or JAN to DEC"),
    ("weekday", "0 to 7, or SUN to SAT"),
];

/// The first field that is wrong by itself, in words. None where a word of its own stands for all, or the number of fields is wrong.
fn field_at_fault(text: &str) -> Option<String> {
    if text.starts_with('@') {
        let words = "@hourly, @daily, @weekly, @monthly or @yearly";
        return Some(format!("{text} is none of the words for a pattern: {words}"));
    }
    let fields: Vec<_> = text.split_ascii_whitespace().collect();
    if fields.len() != FIELDS.len() {
        return None;
    }
    let is_wrong = |at: &usize| {
        let mut alone = ["*"; FIELDS.len()];
        alone[*at] = fields[*at];
        let parser = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed);
        parser.build().parse(&alone.join(" ")).is_err()
    };
    let at = (0..FIELDS.len()).find(is_wrong)?;
    let (name, range) = FIELDS[at];
    Some(format!(
        "{name} {}: {range} is expected, one of them, a list (1,5), a range from the smaller on (1-5), or steps (*/5)",
        fields[at]
    ))
}

/// What croner says, in words for who wrote the pattern.
fn words(error: &CronError) -> String {
    match error {
        CronError::EmptyPattern => "a pattern has five fields: minute, hour, day, month, weekday".to_owned(),
        CronError::InvalidPattern(_) => {
            "a pattern has five fields: minute, hour, day, month, weekday; seconds and years are not possible"
                .to_owned()
        }
        CronError::IllegalCharacters(why) | CronError::ComponentError(why) => why.clone(),
        CronError::InvalidDate | CronError::InvalidTime | CronError::TimeSearchLimitExceeded => {
            "there is no such time in any year".to_owned()
        }
    }
}

/// A second of UTC, as croner walks them.
#[derive(Clone, Copy, Debug)]
struct Moment {
    secs: i64,
    /// Behind which nothing is looked for.
    horizon: Option<i64>,
}

impl Moment {
    fn at(self) -> OffsetDateTime {
        Timestamp::from_secs(self.secs).to_datetime()
    }
}

impl CronDateTime for Moment {
    fn to_civil(&self) -> CivilDateTime {
        let at = self.at();
        let fields = (i32::from(u8::from(at.month())), at.year());
        CivilDateTime::from_ymd_hms_opt(
            fields.1,
            fields.0.unsigned_abs(),
            at.day().into(),
            at.hour().into(),
            at.minute().into(),
            at.second().into(),
        )
        .expect("the calendar of the time crate has only days that there are")
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(self.at().weekday().number_days_from_sunday().into())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let small = |number: u32| u8::try_from(number).map_err(|_| CronError::InvalidDate);
        let month = Month::try_from(small(civil.month())?).map_err(|_| CronError::InvalidDate)?;
        let date = Date::from_calendar_date(civil.year(), month, small(civil.day())?);
        let time = Time::from_hms(small(civil.hour())?, small(civil.minute())?, small(civil.second())?);
        let date = date.map_err(|_| CronError::InvalidDate)?;
        let secs = date
            .with_time(time.map_err(|_| CronError::InvalidTime)?)
            .assume_utc()
            .unix_timestamp();
        if self.horizon.is_some_and(|horizon| secs > horizon) {
            return Err(CronError::TimeSearchLimitExceeded);
        }
        Ok(Resolution::Single(Self { secs, ..*self }))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        let secs = self.secs.checked_add(seconds)?;
        Some(Self { secs, ..*self })
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.secs.cmp(&other.secs)
    }
}

#[cfg(test)]
mod tests;
