//! The compact date of signatures, `20130524T000000Z`.

use std::fmt;

use baleen_types::Timestamp;
use time::{Date, Month, PrimitiveDateTime, Time};

use crate::Error;

/// A second in time, together with its spelling `YYYYMMDDTHHMMSSZ`.
///
/// Invariant: the text is always a real date of the calendar, 16 ASCII characters.
///
/// ```
/// use baleen_signing::AmzDate;
/// assert_eq!(AmzDate::parse(b"20130524T000000Z").unwrap().timestamp().as_secs(), 1_369_353_600);
/// assert!(AmzDate::parse(b"20130231T000000Z").is_err());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AmzDate {
    text: [u8; 16],
    at: Timestamp,
}

impl AmzDate {
    /// Reads the compact form.
    ///
    /// # Errors
    /// [`Error::MalformedDate`] for anything else.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let text: [u8; 16] = text.try_into().map_err(|_| Error::MalformedDate)?;
        if text[8] != b'T' || text[15] != b'Z' {
            return Err(Error::MalformedDate);
        }
        let year = i32::from(two_digits(&text, 0)?) * 100 + i32::from(two_digits(&text, 2)?);
        let month = Month::try_from(two_digits(&text, 4)?).map_err(|_| Error::MalformedDate)?;
        let date = Date::from_calendar_date(year, month, two_digits(&text, 6)?).map_err(|_| Error::MalformedDate)?;
        let time = Time::from_hms(two_digits(&text, 9)?, two_digits(&text, 11)?, two_digits(&text, 13)?)
            .map_err(|_| Error::MalformedDate)?;
        let at = Timestamp::from_secs(PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp());
        Ok(Self { text, at })
    }

    /// The second of a point in time. Times outside the years 1677 to 2262 do not exist in [`Timestamp`].
    #[must_use]
    pub fn from_timestamp(at: Timestamp) -> Self {
        let moment = at.to_datetime();
        let year = moment.year().unsigned_abs();
        let mut text = *b"00000000T000000Z";
        let fields = [
            (0, year / 100),
            (2, year % 100),
            (4, u32::from(u8::from(moment.month()))),
            (6, u32::from(moment.day())),
            (9, u32::from(moment.hour())),
            (11, u32::from(moment.minute())),
            (13, u32::from(moment.second())),
        ];
        for (at, value) in fields {
            // Every value is below 100, so that the casts keep it.
            text[at] = b'0' + u8::try_from(value / 10).unwrap_or(0);
            text[at + 1] = b'0' + u8::try_from(value % 10).unwrap_or(0);
        }
        Self {
            text,
            at: Timestamp::from_secs(at.as_secs()),
        }
    }

    /// The whole compact form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        ascii(&self.text)
    }

    /// The day alone, `YYYYMMDD`, as it stands in a scope.
    #[must_use]
    pub fn day(&self) -> &str {
        ascii(&self.text[..8])
    }

    /// The moment itself.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.at
    }
}

impl fmt::Display for AmzDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AmzDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn two_digits(text: &[u8; 16], at: usize) -> Result<u8, Error> {
    match (text[at], text[at + 1]) {
        (tens @ b'0'..=b'9', ones @ b'0'..=b'9') => Ok((tens - b'0') * 10 + (ones - b'0')),
        _ => Err(Error::MalformedDate),
    }
}
