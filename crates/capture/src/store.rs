//! Reading and changing records.

use crate::CaptureError;
use crate::limits::COMMIT_ATTEMPTS_MAX;
use baleen_meta::record::{self, Record};
use baleen_meta::{Meta, Outcome, Request};
use bytes::Bytes;

/// A record together with the bytes it was read from, which a conditional change compares.
pub(crate) struct Read<R> {
    pub(crate) record: R,
    pub(crate) bytes: Bytes,
}

/// Reads one record.
pub(crate) async fn read<R: Record>(meta: &Meta, key: &[u8]) -> Result<Option<Read<R>>, CaptureError> {
    meta.get(key).await?.map(decode).transpose()
}

pub(crate) fn decode<R: Record>(bytes: Bytes) -> Result<Read<R>, CaptureError> {
    let record = record::decode(&bytes).map_err(baleen_meta::Error::from)?;
    Ok(Read { record, bytes })
}

pub(crate) fn encode<R: Record>(record: &R) -> Result<Bytes, CaptureError> {
    Ok(record::encode(record).map_err(baleen_meta::Error::from)?)
}

/// What a change decided about a record.
pub(crate) enum Change<T> {
    /// Store the record as it now is, with these further writes.
    Store(Request, T),
    /// Leave it.
    Leave(T),
}

/// Reads a record, lets `change` edit it, and stores it, until no other writer came between.
///
/// # Errors
/// `missing` when there is no such record; what `change` says; `Contended` when others kept winning.
pub(crate) async fn update<R: Record, T>(
    meta: &Meta,
    key: &[u8],
    missing: impl Fn() -> CaptureError,
    mut change: impl FnMut(&mut R) -> Result<Change<T>, CaptureError>,
) -> Result<(R, T), CaptureError> {
    for _ in 0..COMMIT_ATTEMPTS_MAX {
        let Read { mut record, bytes } = read::<R>(meta, key).await?.ok_or_else(&missing)?;
        match change(&mut record)? {
            Change::Leave(answer) => return Ok((record, answer)),
            Change::Store(further, answer) => {
                let request = Request::new()
                    .unchanged(key, Some(bytes))
                    .put(key, encode(&record)?)
                    .and(further);
                if let Outcome::Committed = meta.commit(request).await? {
                    return Ok((record, answer));
                }
            }
        }
    }
    Err(CaptureError::Contended)
}
