//! Amending a version: what is said of it changes, its bytes, its place among the versions and its time do not.

use super::Objects;
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::{BucketRecord, ObjectRecord, VersionRecord};
use crate::{ObjectError, ObjectVersion, Version, keys};
use baleen_meta::{Request, record};

impl Objects {
    /// Changes the record of a version where it is; without a name, that of the version which is current when the change is
    /// made. Returns its name, where the bucket keeps versions.
    ///
    /// The commit is conditional on the row that was read and on nothing else. A version that moves from one table to the
    /// other, or goes, takes its row with it, and a record holds the id of its version, so no other version ever has the same
    /// row: then all is read and decided again. `change` may thus run more than once, each time on the record as it is.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::NoSuchKey`], [`ObjectError::NoSuchVersion`],
    /// [`ObjectError::DeleteMarker`], and what `change` says.
    pub(super) async fn amend(
        &self,
        of: &ObjectVersion,
        change: impl Fn(&BucketRecord, &mut ObjectRecord) -> Result<(), ObjectError> + Send,
    ) -> Result<Option<Version>, ObjectError> {
        let mut turn = None;
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let bucket = self.open_bucket(&of.at.bucket).await?;
            let found = self.find(&bucket, of).await?;
            let mut amended = found.record.clone();
            change(&bucket.record, &mut amended)?;
            let name = bucket.keeps_versions().then(|| found.record.name());
            if amended == found.record {
                return Ok(name);
            }
            let object_key = keys::object(bucket.id, of.at.key.as_str());
            let value = record::encode(&amended)?;
            let value = if found.key == object_key {
                value
            } else {
                VersionRecord::amended(&found.stored, &value)?
            };
            let commit = Request::new()
                .unchanged(found.key.clone(), Some(found.stored))
                .put(found.key, value);
            if self.meta.commit(commit).await?.is_committed() {
                return Ok(name);
            }
            if turn.is_none() {
                turn = Some(self.queue_of(&object_key).lock().await);
            }
        }
        Err(ObjectError::Contended)
    }
}
