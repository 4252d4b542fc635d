//! Object lock: of buckets, and of versions that are there.

use super::Objects;
use crate::records::{BucketRecord, LockRecord, VersioningRecord};
use crate::{Governance, LegalHold, Lock, ObjectError, ObjectLock, ObjectVersion, Retention, Version};
use baleen_meta::Request;
use baleen_types::{BucketName, Timestamp};

impl Objects {
    /// Lets versions in a bucket be locked, for ever, and says how those are that come without a lock. What is there already
    /// stays as it is.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`]; [`ObjectError::LockNeedsVersions`] for a bucket that keeps no versions now.
    pub async fn set_object_lock(&self, name: &BucketName, lock: ObjectLock) -> Result<(), ObjectError> {
        self.change_bucket(name, |record| {
            if record.versioning != VersioningRecord::Enabled {
                return Err(ObjectError::LockNeedsVersions);
            }
            record.object_lock = Some(lock.into());
            Ok(Request::new())
        })
        .await
    }

    /// Replaces the retention of a version, or with `None` takes it away. Returns which version it was.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::NoSuchKey`], [`ObjectError::NoSuchVersion`],
    /// [`ObjectError::DeleteMarker`]; [`ObjectError::LockMissing`] in a bucket without object lock;
    /// [`ObjectError::RetainUntilPast`]; [`ObjectError::Locked`] if it would loosen what may not be loosened.
    pub async fn put_retention(
        &self,
        of: &ObjectVersion,
        retention: Option<Retention>,
        governance: Governance,
    ) -> Result<Option<Version>, ObjectError> {
        self.amend_lock(of, |lock, now| lock.retain(retention, now, governance))
            .await
    }

    /// Sets or takes away the legal hold of a version. Returns which version it was.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::NoSuchKey`], [`ObjectError::NoSuchVersion`],
    /// [`ObjectError::DeleteMarker`]; [`ObjectError::LockMissing`] in a bucket without object lock.
    pub async fn put_legal_hold(&self, of: &ObjectVersion, hold: LegalHold) -> Result<Option<Version>, ObjectError> {
        self.amend_lock(of, |lock, _| {
            lock.legal_hold = Some(hold);
            Ok(())
        })
        .await
    }

    async fn amend_lock(
        &self,
        of: &ObjectVersion,
        change: impl Fn(&mut Lock, Timestamp) -> Result<(), ObjectError> + Send + Sync,
    ) -> Result<Option<Version>, ObjectError> {
        self.amend(of, |bucket, object| {
            if bucket.object_lock.is_none() {
                return Err(ObjectError::LockMissing);
            }
            let mut lock = Lock::from(object.lock);
            change(&mut lock, self.clock.now())?;
            object.lock = lock.into();
            Ok(())
        })
        .await
    }
}

impl BucketRecord {
    /// Checks a lock that a new version is to have.
    pub(super) fn check_lock(&self, lock: &Lock, now: Timestamp) -> Result<(), ObjectError> {
        if self.object_lock.is_none() && !lock.is_empty() {
            return Err(ObjectError::LockMissing);
        }
        lock.check_new(now)
    }

    /// The lock of a new version: as it was asked for, and else as the bucket has it. The time of the default is counted from
    /// the making of the bucket at least, so that a clock which starts in 1970 promises no retention that is over.
    pub(super) fn lock_of_new(&self, asked: LockRecord, made: Timestamp) -> Result<LockRecord, ObjectError> {
        let Some(locking) = &self.object_lock else {
            return Ok(asked);
        };
        let mut lock = Lock::from(asked);
        if let Some(default) = locking.object_lock()?.default_retention {
            let made = made.max(Timestamp::from_nanos(self.created_ns));
            lock.retention.get_or_insert_with(|| default.of_version(made));
        }
        Ok(lock.into())
    }
}
