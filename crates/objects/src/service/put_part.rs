//! Storing one part of an upload.

use super::commit::{Failure, settle, submit};
use super::elsewhere::Elsewhere;
use super::encryption::Sealing;
use super::ingest::{Incoming, Ingested};
use super::list_uploads::part_of;
use super::put::in_own_task;
use super::step::{attach, detach};
use super::{Objects, OpenBucket, no_such_upload};
use crate::keys;
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::{ChecksumRecord, PartRecord, Piece, UploadRecord};
use crate::{Checksum, CustomerKey, ObjectError, Part, PutPart, UploadPath};
use baleen_meta::{Outcome, Request, record};
use baleen_types::UploadId;
use bytes::Bytes;
use std::sync::Arc;

/// The upload that a part is for: its id, and its record as it must still be when the part is committed.
struct Target {
    upload: UploadId,
    key: Vec<u8>,
    stored: Bytes,
    elsewhere: Elsewhere,
}

impl Objects {
    /// Stores a part; returns when it is durable. A part of that number which was there before is replaced then, and not
    /// touched on any error.
    ///
    /// # Errors
    /// As [`Objects::put`], and [`ObjectError::NoSuchUpload`], also if the upload ends while the part is on its way.
    pub async fn put_part(self: &Arc<Self>, request: PutPart) -> Result<Part, ObjectError> {
        let path = &request.upload;
        let bucket = self.open_bucket(&path.at.bucket).await?;
        let key = keys::upload(bucket.id, &path.at.key, path.upload);
        let stored = self.meta.get(&key).await?.ok_or_else(|| no_such_upload(path.upload))?;
        let upload: UploadRecord = record::decode(&stored)?;
        let algorithm = upload.algorithm.into();
        let sent = request
            .expect
            .checksum
            .as_ref()
            .map(Checksum::algorithm)
            .or(request.expect.checksum_algorithm);
        if let Some(sent) = sent.filter(|sent| upload.chosen && *sent != algorithm) {
            return Err(ObjectError::ChecksumNotAllowed(format!(
                "the upload was begun with {}, and this part comes with {}",
                algorithm.as_str(),
                sent.as_str()
            )));
        }
        let sealing = self
            .sealing_of_part((&bucket, path), &upload, request.key.as_ref())
            .await?;
        let incoming = Incoming {
            body: request.body,
            length: request.length,
            expect: request.expect,
            algorithm: Some(algorithm),
            id: self.new_id(),
            part: Some(request.part),
            sealing,
        };
        let Ingested {
            size,
            md5,
            checksums,
            at,
            inline,
            written,
        } = self.ingest(&bucket, incoming).await?;
        let part = PartRecord {
            md5,
            modified_ns: self.clock.now().as_nanos(),
            checksums: checksums.iter().map(ChecksumRecord::from).collect(),
            piece: Piece {
                part: request.part.get(),
                size,
                at,
            },
        };
        let answer = part_of(&part, upload.encryption.encrypted()?)?;
        let target = Target {
            upload: path.upload,
            key,
            stored,
            elsewhere: self.elsewhere(&bucket.record).await?,
        };
        let this = Arc::clone(self);
        let commit = async move {
            let submitted = submit(written);
            let outcome = this.commit_part(target, part, inline).await;
            settle(submitted, &outcome, true);
            outcome.map_err(Failure::into_error)
        };
        in_own_task(commit).await?;
        Ok(answer)
    }

    /// The key for a part of an upload. Who began the upload with a key brings it with each part (AWS, "Using server-side
    /// encryption with customer-provided keys", multipart uploads).
    async fn sealing_of_part(
        &self,
        (bucket, path): (&OpenBucket, &UploadPath),
        upload: &UploadRecord,
        key: Option<&CustomerKey>,
    ) -> Result<Option<Sealing>, ObjectError> {
        check_part_key(upload, key)?;
        let in_bucket = (&path.at.bucket, bucket);
        self.sealing(in_bucket, &upload.encryption, key).await
    }

    async fn commit_part(&self, target: Target, part: PartRecord, inline: Option<Bytes>) -> Result<(), Failure> {
        let key = keys::part(target.upload, part.number()?);
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let old = self.meta.get(&key).await?;
            let mut request = Request::new()
                .unchanged(target.key.clone(), Some(target.stored.clone()))
                .unchanged(key.clone(), old.clone())
                .put(key.clone(), record::encode(&part)?)
                // Completions and aborts look at this instead of at each part: so they see a part that came in between.
                .add(keys::part_changes(target.upload), 1);
            request = attach(request, &part.piece, inline.as_ref(), &target.elsewhere)?;
            let mut freed = Vec::new();
            if let Some(old) = old {
                request = detach(
                    request,
                    &record::decode::<PartRecord>(&old)?.piece,
                    &mut freed,
                    &target.elsewhere,
                );
            }
            match self.meta.commit(request).await? {
                Outcome::Committed => {
                    self.blobs.release(freed);
                    self.regions.hint();
                    return Ok(());
                }
                Outcome::Conflict { key } if key == target.key => {
                    return Err(no_such_upload(target.upload).into());
                }
                Outcome::Conflict { .. } => {}
            }
        }
        Err(ObjectError::Contended.into())
    }
}

/// Whether what comes for an upload comes with its key, if it has one.
pub(super) fn check_part_key(upload: &UploadRecord, key: Option<&CustomerKey>) -> Result<(), ObjectError> {
    upload.encryption.encrypted()?.unlock(key).map_err(|error| match error {
        ObjectError::KeyMissing => ObjectError::PartKeyMissing,
        ObjectError::KeyWrong | ObjectError::KeyNotApplicable => ObjectError::PartKeyWrong,
        other => other,
    })
}
