//! Keys of this crate's tables; their components are listed in `baleen_meta::keys::Table`.

use crate::Day;
use crate::day::{day_of_minute, minute_of};
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::{CommitterId, Error};
use baleen_types::{AccountId, Timestamp};

/// What a row counts. The numbers are the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum What {
    UploadBytes = 1,
    UploadObjects = 2,
    CopyBytes = 3,
    CopyObjects = 4,
    DeleteBytes = 5,
    DeleteObjects = 6,
    DownloadBytes = 7,
    /// The change of the ghost space in a day; only in rows of days.
    GhostBytes = 8,
}

impl What {
    const ALL: [Self; 8] = [
        Self::UploadBytes,
        Self::UploadObjects,
        Self::CopyBytes,
        Self::CopyObjects,
        Self::DeleteBytes,
        Self::DeleteObjects,
        Self::DownloadBytes,
        Self::GhostBytes,
    ];

    fn parse(number: u8) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|what| *what as u8 == number)
            .ok_or(Error::MalformedKey {
                why: "usage of an unknown kind",
            })
    }
}

/// The key of a minute's rows but for what they count: built once for all adds of a change.
pub(crate) struct MinuteKey {
    prefix: KeyWriter,
    committer: CommitterId,
}

impl MinuteKey {
    pub(crate) fn at(account: AccountId, at: Timestamp, region: &str, committer: CommitterId) -> Self {
        Self {
            prefix: minutes_of(account).u32(minute_of(at)).text(region),
            committer,
        }
    }

    pub(crate) fn of(&self, what: What) -> Vec<u8> {
        self.prefix.clone().u8(what as u8).u32(self.committer.0).finish()
    }
}

/// The prefix of an account's rows of minutes.
pub(crate) fn minutes_of(account: AccountId) -> KeyWriter {
    KeyWriter::new(Table::UsageLive).u64(account.as_u64())
}

/// The prefix of all rows of minutes.
pub(crate) fn minutes() -> KeyWriter {
    KeyWriter::new(Table::UsageLive)
}

/// The number of the account in the key of a row of a minute.
pub(crate) fn account_of_minute(key: &[u8]) -> Result<u64, Error> {
    KeyReader::new(key, Table::UsageLive)?.u64()
}

/// The key of a day's row.
pub(crate) fn day_row(account: AccountId, region: &str, day: Day, what: What, committer: CommitterId) -> Vec<u8> {
    days_of(account)
        .text(region)
        .u32(day.0)
        .u8(what as u8)
        .u32(committer.0)
        .finish()
}

/// The prefix of an account's rows of days.
pub(crate) fn days_of(account: AccountId) -> KeyWriter {
    KeyWriter::new(Table::Usage).u64(account.as_u64())
}

/// What the key of a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowKey {
    pub(crate) region: String,
    pub(crate) day: Day,
    /// Of a row of a minute.
    pub(crate) minute: Option<u32>,
    pub(crate) what: What,
    pub(crate) committer: CommitterId,
}

/// Reads the key of a row of a minute.
pub(crate) fn read_minute(key: &[u8]) -> Result<RowKey, Error> {
    let mut reader = KeyReader::new(key, Table::UsageLive)?;
    reader.u64()?;
    let minute = reader.u32()?;
    let read = RowKey {
        region: reader.string()?,
        day: day_of_minute(minute),
        minute: Some(minute),
        what: What::parse(reader.u8()?)?,
        committer: CommitterId(reader.u32()?),
    };
    reader.end()?;
    Ok(read)
}

/// Reads the key of a row of a day.
pub(crate) fn read_day(key: &[u8]) -> Result<RowKey, Error> {
    let mut reader = KeyReader::new(key, Table::Usage)?;
    reader.u64()?;
    let read = RowKey {
        region: reader.string()?,
        day: Day(reader.u32()?),
        minute: None,
        what: What::parse(reader.u8()?)?,
        committer: CommitterId(reader.u32()?),
    };
    reader.end()?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_they_were_written_and_damaged_ones_refused() {
        let account = AccountId::from_entropy(1);
        let at = Timestamp::from_secs(86_400 * 3 + 61);
        for what in What::ALL {
            let minute = MinuteKey::at(account, at, "SJC03", CommitterId(7)).of(what);
            let day = day_row(account, "SJC03", Day(3), what, CommitterId(7));
            let (minute_key, day_key) = (read_minute(&minute).unwrap(), read_day(&day).unwrap());
            assert_eq!(minute_key.minute, Some(3 * 1440 + 1));
            let as_day = RowKey {
                minute: None,
                ..minute_key
            };
            assert_eq!(as_day, day_key);
            assert_eq!((day_key.what, day_key.region.as_str()), (what, "SJC03"));
            for cut in 0..minute.len() {
                assert!(read_minute(&minute[..cut]).is_err(), "{cut}");
                assert!(read_day(&day[..cut]).is_err(), "{cut}");
            }
            assert!(read_minute(&[minute.as_slice(), b"x"].concat()).is_err());
        }
        let mut unknown = day_row(account, "r", Day(3), What::GhostBytes, CommitterId(7));
        let at = unknown.len() - 5;
        unknown[at] = 99;
        assert!(read_day(&unknown).is_err());
    }
}
