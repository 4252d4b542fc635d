//! Completing an upload: one commit which makes the object and ends the upload.

use super::commit::{Becomes, Change, Changed, Failure};
use super::elsewhere::Elsewhere;
use super::put::in_own_task;
use super::put_part::check_part_key;
use super::step::detach;
use super::{Objects, OpenBucket, no_such_upload, scan_all};
use crate::keys;
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::{
    BodyRecord, ChecksumRecord, CompletedRecord, EncryptionRecord, ExtentPage, ObjectRecord, PAGE_PIECES_MAX,
    PartRecord, Piece, RECORD_PIECES_MAX, UploadRecord,
};
use crate::upload::assemble::{Assembled, assemble, listed_etag};
use crate::{CompleteUpload, CustomerKey, Governance, ObjectError, Stored, UploadPath};
use baleen_meta::{Request, record};
use baleen_types::Timestamp;
use baleen_usage::Source;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An upload with its parts, all of one moment.
pub(super) struct OpenUpload {
    key: Vec<u8>,
    stored: Bytes,
    record: UploadRecord,
    changes: Option<Bytes>,
    pub(super) parts: BTreeMap<u16, PartRecord>,
}

impl Objects {
    /// Makes the object of an upload's parts; parts that are not listed are freed. A repeated call with the same list is
    /// answered as the first one (peers' failure F18), for a day.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchUpload`]; [`ObjectError::NoParts`], [`ObjectError::InvalidPartOrder`],
    /// [`ObjectError::InvalidPart`], [`ObjectError::PartTooSmall`], [`ObjectError::SizeMismatch`],
    /// [`ObjectError::BadChecksum`], [`ObjectError::KeyMissing`], [`ObjectError::PartKeyWrong`]; [`ObjectError::PreconditionFailed`]. On any of them the upload is unchanged.
    pub async fn complete_upload(self: &Arc<Self>, request: CompleteUpload) -> Result<Stored, ObjectError> {
        let this = Arc::clone(self);
        in_own_task(async move { this.complete(request).await }).await
    }

    async fn complete(&self, request: CompleteUpload) -> Result<Stored, ObjectError> {
        let path = &request.upload;
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let bucket = self.open_bucket(&path.at.bucket).await?;
            let key = keys::upload(bucket.id, &path.at.key, path.upload);
            let Some(upload) = self.open_upload(key, path).await? else {
                return self.completed_before(&bucket, &request).await;
            };
            check_key(&upload.record, request.key.as_ref())?;
            let assembled = assemble(&upload.record, &upload.parts, &request)?;
            let completed = CompletedRecord {
                bucket: bucket.id,
                key: path.at.key.as_str().to_owned(),
                etag: assembled.etag,
                checksum: Some((&assembled.checksum).into()),
                size: assembled.size,
                modified_ns: self.clock.now().as_nanos(),
                encryption: upload.record.encryption.clone(),
            };
            let elsewhere = self.elsewhere(&bucket.record).await?.of_many(upload.parts.len());
            let (also, freed) = completion((path, &upload), &assembled, &completed, &elsewhere)?;
            let object = object_of(&upload, &assembled, &completed, path);
            let expiry = self.expiry_of(&bucket, path.at.key.as_str(), &object).await?;
            let change = Change {
                at: path.at.clone(),
                bucket: bucket.id,
                condition: request.condition.clone(),
                becomes: Becomes::Object(Box::new(object), Source::Upload),
                governance: Governance::Holds,
                also,
            };
            match self.change(change).await.map_err(Failure::into_error)? {
                Changed::Done(done) => {
                    self.blobs.release(freed);
                    return Ok(Stored {
                        version: done.version,
                        expiry,
                        ..stored_of(&completed)?
                    });
                }
                // A part came, or the upload ended, after it was read.
                Changed::AlsoFailed => {}
            }
        }
        Err(ObjectError::Contended)
    }

    /// Reads an upload and all its parts from one snapshot.
    pub(super) async fn open_upload(&self, key: Vec<u8>, path: &UploadPath) -> Result<Option<OpenUpload>, ObjectError> {
        let snapshot = self.meta.snapshot().await?;
        let Some(stored) = snapshot.get(&key).await? else {
            return Ok(None);
        };
        let changes = snapshot.get(&keys::part_changes(path.upload)).await?;
        let mut parts = BTreeMap::new();
        for entry in scan_all(&snapshot, &keys::parts(path.upload)).await? {
            parts.insert(keys::part_number_of(&entry.key)?, record::decode(&entry.value)?);
        }
        let record = record::decode(&stored)?;
        Ok(Some(OpenUpload {
            key,
            stored,
            record,
            changes,
            parts,
        }))
    }

    /// The answer to a completion of an upload that is not open: the first answer, if this is a repetition.
    async fn completed_before(&self, bucket: &OpenBucket, request: &CompleteUpload) -> Result<Stored, ObjectError> {
        let path = &request.upload;
        let gone = || no_such_upload(path.upload);
        let stored = self
            .meta
            .get(&keys::completed_upload(path.upload))
            .await?
            .ok_or_else(gone)?;
        let completed: CompletedRecord = record::decode(&stored)?;
        let same_object = completed.bucket == bucket.id && completed.key == path.at.key.as_str();
        if same_object && listed_etag(&request.parts) == Some(completed.etag) {
            if request.key.is_some() {
                completed.encryption.encrypted()?.unlock(request.key.as_ref())?;
            }
            stored_of(&completed)
        } else {
            Err(gone())
        }
    }
}

impl OpenUpload {
    pub(super) fn initiated(&self) -> Timestamp {
        Timestamp::from_nanos(self.record.initiated_ns)
    }

    /// Ends the upload if neither it nor any part has changed since it was read; what the parts hold is not touched.
    pub(super) fn end(&self, path: &UploadPath) -> Result<Request, ObjectError> {
        let changes = keys::part_changes(path.upload);
        let mut request = Request::new()
            .unchanged(self.key.clone(), Some(self.stored.clone()))
            .unchanged(changes.clone(), self.changes.clone())
            .delete(self.key.clone())
            .delete(changes);
        for part in self.parts.values() {
            request = request.delete(keys::part(path.upload, part.number()?));
        }
        Ok(request)
    }
}

/// Whether a completion comes with what it needs of a customer's key (AWS, CompleteMultipartUpload,
/// `x-amz-server-side-encryption-customer-key`: needed "only when the object was created using a checksum algorithm"). Without
/// it nothing of the bytes is told, and a key that is sent has to be the right one.
fn check_key(upload: &UploadRecord, key: Option<&CustomerKey>) -> Result<(), ObjectError> {
    let is_customers = matches!(upload.encryption, EncryptionRecord::Customer { .. });
    if key.is_some() {
        check_part_key(upload, key)
    } else if is_customers && upload.chosen {
        Err(ObjectError::KeyMissing)
    } else {
        Ok(())
    }
}

/// The object that an upload makes.
fn object_of(
    upload: &OpenUpload,
    assembled: &Assembled,
    completed: &CompletedRecord,
    path: &UploadPath,
) -> ObjectRecord {
    let (body, part_digests) = match pages_of(&assembled.pieces) {
        0 => (BodyRecord::Pieces(assembled.pieces.clone()), assembled.digests.clone()),
        pages => {
            let id = *path.upload.as_bytes();
            (BodyRecord::Pages { id, pages }, Vec::new())
        }
    };
    ObjectRecord {
        // Both are given by the change.
        version: [0; 16],
        is_null: true,
        size: assembled.size,
        modified_ns: completed.modified_ns,
        etag: assembled.etag,
        checksum: completed.checksum.clone(),
        headers: upload.record.headers.clone(),
        tags: upload.record.tags.clone(),
        lock: upload.record.lock,
        acl: upload.record.acl.clone(),
        encryption: upload.record.encryption.clone(),
        body,
        part_digests,
    }
}

/// What a completion writes besides the object's record, and the extents of the parts which were not listed.
fn completion(
    (path, upload): (&UploadPath, &OpenUpload),
    assembled: &Assembled,
    completed: &CompletedRecord,
    elsewhere: &Elsewhere,
) -> Result<(Request, Vec<baleen_blob::Extent>), ObjectError> {
    let mut request = upload.end(path)?;
    if pages_of(&assembled.pieces) > 0 {
        let digest_bytes = assembled.digests.len() / assembled.pieces.len();
        let mut digests = assembled.digests.as_slice();
        for (page, pieces) in (0..).zip(assembled.pieces.chunks(PAGE_PIECES_MAX)) {
            let (own, rest) = digests.split_at(digest_bytes * pieces.len());
            digests = rest;
            let value = ExtentPage {
                pieces: pieces.to_vec(),
                digests: own.to_vec(),
            };
            request = request.put(
                keys::extent_page(*path.upload.as_bytes(), page),
                record::encode(&value)?,
            );
        }
    }
    let mut freed = Vec::new();
    let mut listed = assembled.pieces.iter().map(|piece| piece.part).peekable();
    for (number, part) in &upload.parts {
        // Both ascend.
        if listed.next_if_eq(number).is_none() {
            request = detach(request, &part.piece, &mut freed, elsewhere);
        }
    }
    let request = request.put(keys::completed_upload(path.upload), record::encode(completed)?);
    Ok((request, freed))
}

/// How many pages the pieces need; none if they fit into the object's record.
fn pages_of(pieces: &[Piece]) -> u32 {
    let pages = match pieces.len() {
        0..=RECORD_PIECES_MAX => 0,
        more => more.div_ceil(PAGE_PIECES_MAX),
    };
    // At most ten thousand parts.
    u32::try_from(pages).unwrap_or(u32::MAX)
}

fn stored_of(completed: &CompletedRecord) -> Result<Stored, ObjectError> {
    Ok(Stored {
        etag: completed.etag.etag(),
        checksum: completed.checksum.as_ref().map(ChecksumRecord::stored).transpose()?,
        size: completed.size,
        modified: Timestamp::from_nanos(completed.modified_ns),
        encrypted: completed.encryption.encrypted()?,
        // A client that repeats the call is told all but these: it may be noncurrent or gone by now.
        version: None,
        expiry: None,
    })
}

#[cfg(test)]
mod tests;
