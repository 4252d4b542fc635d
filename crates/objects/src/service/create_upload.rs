//! Beginning an upload.

use super::list_uploads::upload_of;
use super::{CHECKSUM_DEFAULT, Objects};
use crate::keys;
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::{EncryptionRecord, UploadRecord};
use crate::{ChecksumKind, CreateUpload, ObjectError, Upload, UploadPath};
use baleen_meta::{Request, record};
use baleen_types::{AccountId, UploadId};

impl Objects {
    /// Begins a multipart upload.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`]; [`ObjectError::ChecksumNotAllowed`] for a kind which the algorithm does not have;
    /// [`ObjectError::MetadataTooLarge`]; [`ObjectError::LockMissing`], [`ObjectError::RetainUntilPast`].
    pub async fn create_upload(&self, request: CreateUpload) -> Result<Upload, ObjectError> {
        request.headers.check()?;
        let algorithm = request.checksum_algorithm.unwrap_or(CHECKSUM_DEFAULT);
        let kind = request.checksum_kind.unwrap_or(algorithm.usual_kind());
        if !algorithm.allows(kind) {
            let (name, kind) = (algorithm.as_str(), kind.as_str());
            return Err(ObjectError::ChecksumNotAllowed(format!(
                "{name} has no checksum of type {kind}"
            )));
        }
        let mut made = UploadRecord {
            initiated_ns: self.clock.now().as_nanos(),
            headers: (&request.headers).into(),
            tags: request.tags.into_pairs(),
            lock: request.lock.into(),
            acl: (&request.acl).into(),
            algorithm: algorithm.into(),
            chosen: request.checksum_algorithm.is_some(),
            composite: kind == ChecksumKind::Composite,
            encryption: EncryptionRecord::No,
            initiator: request.initiator.map(AccountId::as_u64),
        };
        self.blobs.check_space(0)?;
        let path = UploadPath {
            at: request.at,
            upload: UploadId::from_bytes(self.new_id()),
        };
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let bucket = self.open_bucket(&path.at.bucket).await?;
            bucket.record.check_lock(&request.lock, self.clock.now())?;
            // Here, so that a bucket's default holds for all that is begun after it was set. The key is made with it.
            let in_bucket = (&path.at.bucket, &bucket);
            (made.encryption, _) = self.encryption_of_new(in_bucket, &request.encrypt).await?;
            let rules = self.rules_of(&bucket.record).await?;
            let key = keys::upload(bucket.id, &path.at.key, path.upload);
            let commit = Request::new()
                .unchanged(bucket.key, Some(bucket.stored))
                .absent(key.clone())
                .put(key, record::encode(&made)?);
            if self.meta.commit(commit).await?.is_committed() {
                return upload_of(path, &made, rules.as_deref());
            }
        }
        Err(ObjectError::Contended)
    }
}
