//! The parts of a capture's file that its store has taken: one row each, committed before the next part is sent.
//!
//! They say what a killed process left in the store, which is a valid file: parts are cut between packets. A row is never
//! followed by the part after it without being there, so those of a file are a run from the first one. They go in the commit
//! that ends the capture.

use crate::agent::Piece;
use crate::capture::Counts;
use crate::sink::SentPart;
use crate::{CaptureError, engine, store};
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::record::first_version;
use baleen_meta::{Meta, REQUEST_BYTES_MAX, Request, SCAN_ENTRIES_MAX, Scan};
use baleen_types::{AccountId, CaptureId, Timestamp};
use serde::{Deserialize, Serialize};

/// A part as it is stored, under its capture, file and number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPart {
    tag: String,
    part_bytes: u64,
    packets_until: u64,
    bytes_until: u64,
    dropped_until: u64,
    ends_file: bool,
    taken_ns: i64,
}
first_version!(StoredPart, "capture part");

/// A part that the store has, and what the file holds with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) part: SentPart,
    pub(crate) part_bytes: u64,
    pub(crate) after: Counts,
    pub(crate) ends_file: bool,
    /// When the store had it.
    pub(crate) taken: Timestamp,
}

/// The bytes of a key of a part, and what a request counts for each of its operations beside it, rounded up.
const ROW_REMOVED_BYTES: usize = 64;

const _: () = assert!(engine::PARTS_MAX as usize <= SCAN_ENTRIES_MAX);
const _: () = assert!(engine::PARTS_MAX as usize * ROW_REMOVED_BYTES <= REQUEST_BYTES_MAX);

impl Kept {
    /// What there is to know of a piece that the store has taken as this part.
    pub(crate) fn of(piece: &Piece, part: SentPart, taken: Timestamp) -> Self {
        Self {
            part,
            part_bytes: piece.bytes.len() as u64,
            after: piece.after,
            ends_file: piece.ends_file,
            taken,
        }
    }
}

fn prefix(owner: (AccountId, CaptureId)) -> KeyWriter {
    KeyWriter::new(Table::CapturePart)
        .u64(owner.0.as_u64())
        .fixed(owner.1.as_bytes())
}

/// The commit that notes a part. One that was sent before takes the place of what was noted of it: the store has the last.
pub(crate) fn note(owner: (AccountId, CaptureId), file: u16, kept: &Kept) -> Result<Request, CaptureError> {
    let stored = StoredPart {
        tag: kept.part.tag.clone(),
        part_bytes: kept.part_bytes,
        packets_until: kept.after.packets,
        bytes_until: kept.after.bytes,
        dropped_until: kept.after.dropped,
        ends_file: kept.ends_file,
        taken_ns: kept.taken.as_nanos(),
    };
    let key = prefix(owner).u16(file).u16(kept.part.number).finish();
    Ok(Request::new().put(key, store::encode(&stored)?))
}

/// The parts of one file, from the first up to the first that is not there.
pub(crate) async fn read(meta: &Meta, owner: (AccountId, CaptureId), file: u16) -> Result<Vec<Kept>, CaptureError> {
    let scan = Scan::prefix(&prefix(owner).u16(file).finish()).limit(SCAN_ENTRIES_MAX);
    let mut parts = Vec::new();
    for (entry, expected) in meta.scan(scan).await?.into_iter().zip(1..) {
        let mut reader = KeyReader::new(&entry.key, Table::CapturePart)?;
        reader.u64()?;
        reader.fixed::<{ CaptureId::BYTES }>()?;
        reader.u16()?;
        let number = reader.u16()?;
        reader.end()?;
        if number != expected {
            break;
        }
        let stored = store::decode::<StoredPart>(entry.value)?.record;
        parts.push(Kept {
            part: SentPart {
                number,
                tag: stored.tag,
            },
            part_bytes: stored.part_bytes,
            after: Counts {
                packets: stored.packets_until,
                bytes: stored.bytes_until,
                dropped: stored.dropped_until,
            },
            ends_file: stored.ends_file,
            taken: Timestamp::from_nanos(stored.taken_ns),
        });
    }
    Ok(parts)
}

/// The writes that forget the parts of a capture, or as many of them as fit into one request; see [`forget_rest`].
pub(crate) async fn forget(meta: &Meta, owner: (AccountId, CaptureId)) -> Result<Request, CaptureError> {
    forget_all(meta, &prefix(owner).finish()).await
}

/// Forgets the parts of a capture that one request did not, once it is stored that the capture is over. Until then they are
/// what a start makes files of.
pub(crate) async fn forget_rest(meta: &Meta, owner: (AccountId, CaptureId)) -> Result<(), CaptureError> {
    loop {
        let request = forget(meta, owner).await?;
        if request.is_empty() {
            return Ok(());
        }
        meta.commit(request).await?;
    }
}

/// The writes that forget the parts of one file.
pub(crate) async fn forget_file(
    meta: &Meta,
    owner: (AccountId, CaptureId),
    file: u16,
) -> Result<Request, CaptureError> {
    forget_all(meta, &prefix(owner).u16(file).finish()).await
}

async fn forget_all(meta: &Meta, prefix: &[u8]) -> Result<Request, CaptureError> {
    let scan = Scan::prefix(prefix).keys_only().limit(SCAN_ENTRIES_MAX);
    let rows = meta.scan(scan).await?;
    Ok(rows
        .into_iter()
        .fold(Request::new(), |request, row| request.delete(row.key.to_vec())))
}

#[cfg(test)]
mod tests;
