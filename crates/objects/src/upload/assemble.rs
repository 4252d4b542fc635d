//! Making one object of parts. Pure: what is stored and what the client lists go in, the object comes out.

use crate::hasher::{Md5, digest, join_crcs};
use crate::limits::{OBJECT_BYTES_MAX, PART_BYTES_MIN};
use crate::records::{ETagRecord, PartRecord, Piece, UploadRecord};
use crate::{Checksum, ChecksumAlgorithm, ChecksumKind, CompleteUpload, CompletedPart, ObjectError, StoredChecksum};
use baleen_types::ETag;
use std::collections::BTreeMap;

/// An object made of parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assembled {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) size: u64,
    pub(crate) etag: ETagRecord,
    pub(crate) checksum: StoredChecksum,
    /// Those of the parts, one behind the other, of which a composite one is made; else none.
    pub(crate) digests: Vec<u8>,
}

/// Checks a completion against the parts that are stored, and puts them together.
pub(crate) fn assemble(
    upload: &UploadRecord,
    stored: &BTreeMap<u16, PartRecord>,
    request: &CompleteUpload,
) -> Result<Assembled, ObjectError> {
    let parts = chosen_parts(stored, &request.parts)?;
    check_sizes(&parts)?;
    let size = parts.iter().map(|part| part.piece.size).sum();
    if size > OBJECT_BYTES_MAX {
        return Err(ObjectError::TooLarge {
            limit: OBJECT_BYTES_MAX,
        });
    }
    if let Some(expected) = request.size.filter(|expected| *expected != size) {
        return Err(ObjectError::SizeMismatch { expected, got: size });
    }
    let (checksum, digests) = whole_checksum(upload, &parts)?;
    if request.checksum_kind.is_some_and(|kind| kind != checksum.kind) {
        return Err(ObjectError::ChecksumKindMismatch(checksum.kind));
    }
    if let Some(said) = &request.checksum {
        let (ours, theirs) = (checksum.checksum.algorithm(), said.algorithm());
        if ours != theirs {
            let (ours, theirs) = (ours.as_str(), theirs.as_str());
            return Err(ObjectError::ChecksumNotAllowed(format!(
                "the upload was begun with {ours}, and its completion comes with {theirs}"
            )));
        }
        if *said != checksum.checksum {
            return Err(ObjectError::BadChecksum { algorithm: ours });
        }
    }
    Ok(Assembled {
        etag: etag_of(parts.iter().map(|part| part.md5)),
        pieces: parts.iter().map(|part| part.piece).collect(),
        size,
        checksum,
        digests,
    })
}

/// The entity tag of an object of these parts.
fn etag_of(md5s: impl Iterator<Item = [u8; 16]>) -> ETagRecord {
    let mut all = Md5::new();
    let mut parts = 0;
    for md5 in md5s {
        all.update(&md5);
        parts += 1;
    }
    ETagRecord {
        md5: all.finish(),
        parts: Some(parts),
    }
}

/// The entity tag that a list of parts leads to; `None` if one of its tags cannot be that of a part.
pub(crate) fn listed_etag(listed: &[CompletedPart]) -> Option<ETagRecord> {
    let mut md5s = Vec::with_capacity(listed.len());
    for part in listed {
        let mut md5 = [0; 16];
        hex::decode_to_slice(part.etag.as_str(), &mut md5).ok()?;
        md5s.push(md5);
    }
    Some(etag_of(md5s.into_iter()))
}

/// The stored parts that are listed. The list must ascend (Complete Multipart Upload: "PartNumber must be in sequential
/// order"); gaps are allowed, as AWS allows them.
fn chosen_parts<'s>(
    stored: &'s BTreeMap<u16, PartRecord>,
    listed: &[CompletedPart],
) -> Result<Vec<&'s PartRecord>, ObjectError> {
    if listed.is_empty() {
        return Err(ObjectError::NoParts);
    }
    if !listed.is_sorted_by(|a, b| a.number < b.number) {
        return Err(ObjectError::InvalidPartOrder);
    }
    let choose = |listed: &CompletedPart| {
        let number = listed.number.get();
        let matching = |part: &&PartRecord| {
            let checksum_fits = listed.checksum.as_ref().is_none_or(|said| has_checksum(part, said));
            ETag::from_md5(part.md5) == listed.etag && checksum_fits
        };
        stored
            .get(&number)
            .filter(matching)
            .ok_or(ObjectError::InvalidPart { part: number })
    };
    listed.iter().map(choose).collect()
}

fn has_checksum(part: &PartRecord, said: &Checksum) -> bool {
    part.checksums
        .iter()
        .any(|stored| stored.checksum().is_ok_and(|stored| stored == *said))
}

fn check_sizes(parts: &[&PartRecord]) -> Result<(), ObjectError> {
    let all_but_last = &parts[..parts.len().saturating_sub(1)];
    match all_but_last.iter().find(|part| part.piece.size < PART_BYTES_MIN) {
        Some(part) => Err(ObjectError::PartTooSmall {
            part: part.piece.part,
            size: part.piece.size,
            min: PART_BYTES_MIN,
        }),
        None => Ok(()),
    }
}

/// The checksum of the whole, from those of the parts; and these, if it is made of them as they are.
fn whole_checksum(upload: &UploadRecord, parts: &[&PartRecord]) -> Result<(StoredChecksum, Vec<u8>), ObjectError> {
    let algorithm = ChecksumAlgorithm::from(upload.algorithm);
    let mut checksums = Vec::with_capacity(parts.len());
    for part in parts {
        let first = part
            .checksums
            .first()
            .ok_or_else(|| ObjectError::corrupt("a part has no checksum"))?;
        checksums.push((first.checksum()?, part.piece.size));
    }
    match upload.kind() {
        ChecksumKind::FullObject => {
            let parts: Vec<_> = checksums.iter().map(|(checksum, size)| (checksum, *size)).collect();
            let joined = join_crcs(algorithm, &parts);
            joined
                .map(|joined| (StoredChecksum::full(joined), Vec::new()))
                .ok_or_else(|| ObjectError::corrupt("an upload's checksum cannot be joined"))
        }
        ChecksumKind::Composite => {
            let all: Vec<u8> = checksums
                .iter()
                .flat_map(|(checksum, _)| checksum.digest())
                .copied()
                .collect();
            let whole = StoredChecksum {
                checksum: digest(algorithm, &all),
                kind: ChecksumKind::Composite,
                parts: Some(u16::try_from(parts.len()).map_err(ObjectError::corrupt)?),
            };
            Ok((whole, all))
        }
    }
}

#[cfg(test)]
mod tests;
