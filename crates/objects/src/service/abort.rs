//! Aborting an upload.

use super::put::in_own_task;
use super::step::detach;
use super::{Objects, no_such_upload};
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::BucketId;
use crate::{ObjectError, UploadPath, keys};
use std::sync::Arc;

impl Objects {
    /// Ends an upload and frees its parts. A completed upload is no longer there to be aborted, so its object is safe
    /// (peers' failure F16).
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::NoSuchUpload`].
    pub async fn abort_upload(self: &Arc<Self>, path: &UploadPath) -> Result<(), ObjectError> {
        let bucket = self.open_bucket(&path.at.bucket).await?.id;
        let (this, path) = (Arc::clone(self), path.clone());
        in_own_task(async move { this.abort(bucket, &path).await }).await
    }

    /// Aborts an upload of a bucket that may be gone.
    pub(super) async fn abort(&self, bucket: BucketId, path: &UploadPath) -> Result<(), ObjectError> {
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let key = keys::upload(bucket, &path.at.key, path.upload);
            let upload = self
                .open_upload(key, path)
                .await?
                .ok_or_else(|| no_such_upload(path.upload))?;
            let mut request = upload.end(path)?;
            let elsewhere = self.regions.everywhere().of_many(upload.parts.len());
            let mut freed = Vec::new();
            for part in upload.parts.values() {
                request = detach(request, &part.piece, &mut freed, &elsewhere);
            }
            if self.meta.commit(request).await?.is_committed() {
                self.blobs.release(freed);
                self.regions.hint();
                return Ok(());
            }
        }
        Err(ObjectError::Contended)
    }
}
