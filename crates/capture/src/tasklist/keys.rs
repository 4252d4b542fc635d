//! The keys of capture tasks, beside those of captures (`capture/record.rs`).

use super::DAY;
use crate::CaptureError;
use crate::capture::StoredTask;
use crate::ownership::sha256;
use baleen_meta::Request;
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_types::{AccountId, CaptureId, SiteName, Timestamp};
use bytes::Bytes;

fn folded(instance: &str) -> String {
    instance.to_ascii_lowercase()
}

pub(super) fn slots_of(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::TaskSlot).u64(account.as_u64()).finish()
}

pub(crate) fn slot_key(account: AccountId, slot: u8) -> Vec<u8> {
    KeyWriter::new(Table::TaskSlot).u64(account.as_u64()).u8(slot).finish()
}

pub(super) fn slot_in_key(key: &[u8]) -> Result<u8, CaptureError> {
    let mut reader = KeyReader::new(key, Table::TaskSlot)?;
    reader.u64()?;
    let slot = reader.u8()?;
    reader.end()?;
    Ok(slot)
}

pub(super) fn name_key(account: AccountId, instance: &SiteName, name: &str) -> Vec<u8> {
    name_key_of(account, instance.as_str(), name)
}

fn name_key_of(account: AccountId, instance: &str, name: &str) -> Vec<u8> {
    KeyWriter::new(Table::TaskName)
        .u64(account.as_u64())
        .text(folded(instance))
        .fixed(&sha256(name.as_bytes()))
        .finish()
}

pub(super) fn by_time_of_account(account: AccountId) -> Vec<u8> {
    KeyWriter::new(Table::TaskByTime).u64(account.as_u64()).finish()
}

pub(super) fn by_time_of_instance(account: AccountId, instance: &SiteName) -> Vec<u8> {
    KeyWriter::new(Table::TaskByTime)
        .u64(account.as_u64())
        .text(folded(instance.as_str()))
        .finish()
}

pub(super) fn by_time_key(account: AccountId, instance: &SiteName, submitted: Timestamp, id: CaptureId) -> Vec<u8> {
    by_time_key_of(account, instance.as_str(), submitted, id)
}

fn by_time_key_of(account: AccountId, instance: &str, submitted: Timestamp, id: CaptureId) -> Vec<u8> {
    // Turned over, so that the newest comes first; times before 1970 are no times of a capture.
    let newest_first = u64::MAX - u64::try_from(submitted.as_nanos()).unwrap_or(0);
    KeyWriter::new(Table::TaskByTime)
        .u64(account.as_u64())
        .text(folded(instance))
        .u64(newest_first)
        .fixed(id.as_bytes())
        .finish()
}

pub(super) fn id_in_time_key(key: &[u8]) -> Result<CaptureId, CaptureError> {
    let mut reader = KeyReader::new(key, Table::TaskByTime)?;
    reader.u64()?;
    reader.text()?;
    reader.u64()?;
    let id = CaptureId::from_bytes(reader.fixed()?);
    reader.end()?;
    Ok(id)
}

/// What a task is found by, without its record.
pub(super) fn forget(task: &StoredTask, (account, id): (AccountId, CaptureId), submitted: Timestamp) -> Request {
    Request::new()
        .delete(name_key_of(account, &task.instance, &task.name))
        .delete(by_time_key_of(account, &task.instance, submitted, id))
}

pub(super) fn all_expiries() -> Vec<u8> {
    KeyWriter::new(Table::TaskExpiry).finish()
}

pub(super) fn expiry_key(at: Timestamp, (account, id): (AccountId, CaptureId)) -> Vec<u8> {
    KeyWriter::new(Table::TaskExpiry)
        .u64(u64::try_from(at.as_nanos()).unwrap_or(0))
        .u64(account.as_u64())
        .fixed(id.as_bytes())
        .finish()
}

pub(super) fn in_expiry_key(key: &[u8]) -> Result<(Timestamp, (AccountId, CaptureId)), CaptureError> {
    let mut reader = KeyReader::new(key, Table::TaskExpiry)?;
    let at = i64::try_from(reader.u64()?).unwrap_or(i64::MAX);
    let account = AccountId::parse(&format!("{:012}", reader.u64()?));
    let id = CaptureId::from_bytes(reader.fixed()?);
    reader.end()?;
    let account = account.map_err(|_| CaptureError::Damaged("account id"))?;
    Ok((Timestamp::from_nanos(at), (account, id)))
}

/// The write that has a task that ended now forgotten when its days are over.
pub(crate) fn forget_later(
    task: &StoredTask,
    object: &str,
    owner: (AccountId, CaptureId),
    ended: Timestamp,
) -> Request {
    let at = ended.plus(DAY * u32::from(task.hold_days));
    Request::new().put(expiry_key(at, owner), Bytes::copy_from_slice(object.as_bytes()))
}
