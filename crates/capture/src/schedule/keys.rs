//! The two keys of a schedule: its record, under its account and one of the account's slots; and while it is not paused, an entry
//! by when it is due, by which a pass finds it without reading the others. And one of each capture that it began, until that is told.

use super::record::{StoredSchedule, damaged};
use crate::CaptureError;
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::{Entry, Request};
use baleen_types::{AccountId, CaptureId, ScheduleId};
use bytes::Bytes;

/// When what waits for no time is due: behind all times, where the watchers find it.
pub(super) const NEVER: i64 = i64::MAX;

pub(super) fn of_account(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::Schedule).u64(account.as_u64()).finish()
}

pub(super) fn key(account: AccountId, slot: u8) -> Vec<u8> {
    KeyWriter::new(Table::Schedule).u64(account.as_u64()).u8(slot).finish()
}

pub(super) fn slot_in_key(key: &[u8]) -> Result<u8, CaptureError> {
    let mut reader = KeyReader::new(key, Table::Schedule)?;
    reader.u64()?;
    let slot = reader.u8()?;
    reader.end()?;
    Ok(slot)
}

pub(super) fn all_due() -> Vec<u8> {
    KeyWriter::new(Table::ScheduleDue).finish()
}

/// What the entries begin with of those that wait for no time.
pub(super) fn at_never() -> Vec<u8> {
    KeyWriter::new(Table::ScheduleDue).u64(NEVER.unsigned_abs()).finish()
}

/// Which schedule an entry is of.
pub(super) fn in_watch_row(entry: &Entry) -> Result<(AccountId, u8, ScheduleId), CaptureError> {
    let (_, account, slot) = in_due_key(&entry.key)?;
    let id = entry.value[..].try_into().map_err(|_| damaged())?;
    Ok((account, slot, ScheduleId::from_bytes(id)))
}

/// Before all that is due then, or later.
pub(super) fn due_at(due_ns: i64) -> Vec<u8> {
    KeyWriter::new(Table::ScheduleDue)
        .u64(u64::try_from(due_ns).unwrap_or(0))
        .finish()
}

pub(super) fn due_key(due_ns: i64, account: AccountId, slot: u8) -> Vec<u8> {
    KeyWriter::new(Table::ScheduleDue)
        .u64(u64::try_from(due_ns).unwrap_or(0))
        .u64(account.as_u64())
        .u8(slot)
        .finish()
}

pub(super) fn in_due_key(key: &[u8]) -> Result<(i64, AccountId, u8), CaptureError> {
    let mut reader = KeyReader::new(key, Table::ScheduleDue)?;
    let due_ns = i64::try_from(reader.u64()?).unwrap_or(i64::MAX);
    let account = AccountId::from_u64(reader.u64()?).map_err(|_| CaptureError::Damaged("account id"))?;
    let slot = reader.u8()?;
    reader.end()?;
    Ok((due_ns, account, slot))
}

/// What the entries begin with of captures of which nobody was told yet.
pub(super) fn all_began() -> Vec<u8> {
    KeyWriter::new(Table::ScheduleBegan).finish()
}

pub(super) fn began_key(account: AccountId, capture: CaptureId) -> Vec<u8> {
    KeyWriter::new(Table::ScheduleBegan)
        .u64(account.as_u64())
        .fixed(capture.as_bytes())
        .finish()
}

/// Which capture an entry is of, and which schedule began it.
pub(super) fn in_began_row(entry: &Entry) -> Result<(AccountId, CaptureId, ScheduleId), CaptureError> {
    let mut reader = KeyReader::new(&entry.key, Table::ScheduleBegan)?;
    let account = AccountId::from_u64(reader.u64()?).map_err(|_| CaptureError::Damaged("account id"))?;
    let capture = CaptureId::from_bytes(reader.fixed()?);
    reader.end()?;
    let schedule = entry.value[..].try_into().map_err(|_| damaged())?;
    Ok((account, capture, ScheduleId::from_bytes(schedule)))
}

/// The entry by which a pass finds a schedule.
pub(super) fn due_row(record: &StoredSchedule, account: AccountId, slot: u8) -> Request {
    match record.due_ns {
        Some(due_ns) => Request::new().put(due_key(due_ns, account, slot), Bytes::copy_from_slice(&record.id)),
        None => Request::new(),
    }
}
