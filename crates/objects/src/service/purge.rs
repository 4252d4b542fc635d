//! Removing all that an account has stored.

use super::{Objects, OpenBucket, Pages};
use crate::limits::DELETE_KEYS_MAX;
use crate::records::{BucketId, LockRecord, ObjectRecord, VersionRecord};
use crate::{DeleteObject, Governance, ListVersions, Lock, ObjectError, ObjectVersion, keys};
use baleen_meta::{Snapshot, record};
use baleen_types::{AccountId, BucketName, ObjectPath, Timestamp};
use std::sync::Arc;

/// What a purge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Objects that are gone.
    pub objects: u64,
    /// Buckets that are gone, with their unfinished uploads.
    pub buckets: u64,
    /// Buckets that are still there, because something in them may not be deleted or was written meanwhile.
    pub buckets_left: u64,
}

impl Objects {
    /// Whether something of an account is under a lock now. Of the buckets that have object lock all versions may be read.
    pub async fn is_anything_locked(&self, owner: AccountId) -> Result<bool, ObjectError> {
        let snapshot = self.meta.snapshot().await?;
        let now = self.clock.now();
        for name in self.bucket_names(&snapshot, owner).await? {
            let key = keys::bucket(&name);
            let bucket = OpenBucket::new(&name, key.clone(), snapshot.get(&key).await?)?;
            if bucket.record.object_lock.is_some() && is_one_locked(&snapshot, bucket.id, now).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Deletes an account's objects and buckets, and then its named keys. May stop anywhere, and be called again until nothing is left; who calls it
    /// has made sure that nobody acts for the account any more.
    ///
    /// It deletes as any client does, so what is protected from deletion stays, and with it its bucket.
    pub async fn purge_account(self: &Arc<Self>, owner: AccountId) -> Result<Purged, ObjectError> {
        let mut purged = Purged::default();
        for bucket in self.bucket_names(&self.meta.snapshot().await?, owner).await? {
            purged.objects += self.purge_bucket(&bucket).await?;
            match self.delete_bucket(&bucket).await {
                Ok(()) => purged.buckets += 1,
                Err(ObjectError::NoSuchBucket(_)) => {}
                Err(ObjectError::BucketNotEmpty(_)) => purged.buckets_left += 1,
                Err(error) => return Err(error),
            }
        }
        if purged.buckets_left == 0 {
            // Not before: what a lock still protects is kept readable.
            self.kms.purge_account(owner).await?;
            self.put_account_block(owner, None).await?;
        }
        Ok(purged)
    }

    /// Deletes the versions of a bucket page by page, each page once: what stays does not make this run on.
    async fn purge_bucket(self: &Arc<Self>, bucket: &BucketName) -> Result<u64, ObjectError> {
        let mut objects = 0;
        let mut after = None;
        loop {
            let page = ListVersions {
                bucket: bucket.clone(),
                prefix: String::new(),
                delimiter: String::new(),
                after: after.take(),
                max_keys: DELETE_KEYS_MAX,
            };
            let page = match self.list_versions(page).await {
                Ok(page) => page,
                Err(ObjectError::NoSuchBucket(_)) => return Ok(objects),
                Err(error) => return Err(error),
            };
            let deletions = page.entries.into_iter().map(|entry| {
                DeleteObject::from(ObjectVersion {
                    at: ObjectPath {
                        bucket: bucket.clone(),
                        key: entry.key,
                    },
                    version: Some(entry.version),
                })
            });
            for deleted in self.delete_many(bucket, deletions.collect()).await? {
                match deleted {
                    Ok(deleted) => objects += u64::from(deleted.existed && !deleted.is_marker),
                    // It stays, and so does its bucket.
                    Err(ObjectError::Locked) => {}
                    Err(error) => return Err(error),
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(objects);
            }
        }
    }
}

/// Whether one of the versions in a bucket is protected at a time.
async fn is_one_locked(snapshot: &Snapshot, bucket: BucketId, now: Timestamp) -> Result<bool, ObjectError> {
    let current: LockOf = |value| Ok(Some(record::decode::<ObjectRecord>(value)?.lock));
    let noncurrent: LockOf = |value| match VersionRecord::decode(value)? {
        VersionRecord::Object(object) => Ok(Some(object.lock)),
        VersionRecord::Marker(_) => Ok(None),
    };
    for (prefix, lock_of) in [
        (keys::object(bucket, ""), current),
        (keys::versions(bucket, ""), noncurrent),
    ] {
        let mut pages = Pages::new(snapshot, &prefix);
        while let Some(page) = pages.next().await? {
            for entry in &page {
                let lock = lock_of(&entry.value)?.map(Lock::from);
                if lock.is_some_and(|lock| lock.protects(now, Governance::Holds)) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// The lock in the value of a version, if it can have one.
type LockOf = fn(&[u8]) -> Result<Option<LockRecord>, ObjectError>;
