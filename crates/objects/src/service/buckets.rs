//! Operations on buckets.

use super::lifecycle::lifecycle_rows;
use super::usage::bucket_usage_in;
use super::{Objects, OpenBucket, scan_all};
use crate::bucket::kept_for;
use crate::keys::{self, Counted};
use crate::limits::{BUCKETS_PER_ACCOUNT_MAX, COMMIT_ATTEMPTS_MAX, UPLOADS_ABORTED_WITH_BUCKET_MAX};
use crate::records::{BucketId, BucketRecord, ObjectLockRecord, VersioningRecord};
use crate::{Bucket, BucketUsage, CreateBucket, NewSettings, ObjectError, SettingKind};
use baleen_meta::{Outcome, Request, Scan, counter, record};
use baleen_types::{AccountId, BucketName};
use bytes::Bytes;
use std::sync::Arc;

impl Objects {
    /// Makes a bucket.
    ///
    /// # Errors
    /// [`ObjectError::BucketAlreadyOwnedByYou`], [`ObjectError::BucketAlreadyExists`], [`ObjectError::TooManyBuckets`].
    pub async fn create_bucket(self: &Arc<Self>, new: CreateBucket) -> Result<Bucket, ObjectError> {
        self.create_bucket_with(new, NewSettings::default()).await
    }

    /// Makes a bucket which has settings from its beginning.
    ///
    /// # Errors
    /// As [`Objects::create_bucket`].
    pub async fn create_bucket_with(
        self: &Arc<Self>,
        new: CreateBucket,
        settings: NewSettings,
    ) -> Result<Bucket, ObjectError> {
        // Or many that are made at once would all count the same, and be more together than an account may have.
        let this = Arc::clone(self);
        let (owner, work) = (
            new.owner.as_u64(),
            async move { this.create_in_turn(new, settings).await },
        );
        let made = self.turns.run(owner, work).await;
        made.map_err(|error| ObjectError::Storage(Box::new(error)))?
    }

    async fn create_in_turn(&self, new: CreateBucket, settings: NewSettings) -> Result<Bucket, ObjectError> {
        let key = keys::bucket(&new.name);
        let made = BucketRecord {
            id: BucketId(self.entropy.number()),
            owner: new.owner.as_u64(),
            region: new.region.as_str().to_owned(),
            created_ns: self.clock.now().as_nanos(),
            versioning: if new.object_lock {
                VersioningRecord::Enabled
            } else {
                VersioningRecord::Never
            },
            object_lock: new.object_lock.then(ObjectLockRecord::default),
            settings: settings.0.iter().fold(0, |kinds, (kind, _)| kinds | kind.bit()),
            revision: 0,
            has_key: false,
        };
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            if let Some(stored) = self.meta.get(&key).await? {
                let existing: BucketRecord = record::decode(&stored)?;
                return Err(if existing.owner == made.owner {
                    ObjectError::BucketAlreadyOwnedByYou(new.name)
                } else {
                    ObjectError::BucketAlreadyExists(new.name)
                });
            }
            if kept_for(&new.name).is_some_and(|account| account != new.owner) {
                return Err(ObjectError::BucketAlreadyExists(new.name));
            }
            // Asked second: what is said of a bucket that exists does not depend on the quota.
            let of_owner = Scan::prefix(&keys::bucket_by_owner(new.owner, "")).keys_only();
            if self.meta.scan(of_owner.limit(BUCKETS_PER_ACCOUNT_MAX)).await?.len() >= BUCKETS_PER_ACCOUNT_MAX {
                return Err(ObjectError::TooManyBuckets {
                    limit: BUCKETS_PER_ACCOUNT_MAX,
                });
            }
            let mut request = Request::new()
                .absent(key.clone())
                .put(key.clone(), record::encode(&made)?)
                .put(keys::bucket_by_owner(new.owner, new.name.as_str()), Bytes::new());
            for (kind, setting) in &settings.0 {
                request = request.put(keys::setting(made.id, *kind), setting.clone());
            }
            if self.meta.commit(request).await?.is_committed() {
                return made.bucket(&new.name);
            }
        }
        Err(ObjectError::Contended)
    }

    /// Tells what a bucket is.
    pub async fn head_bucket(&self, name: &BucketName) -> Result<Bucket, ObjectError> {
        self.open_bucket(name).await?.record.bucket(name)
    }

    /// Lets a bucket keep versions, or stop to make new ones.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`]; [`ObjectError::VersioningNeeded`] for a bucket with object lock, unless it is to be
    /// enabled.
    pub async fn set_versioning(&self, name: &BucketName, is_enabled: bool) -> Result<(), ObjectError> {
        self.change_bucket(name, |record| {
            if record.object_lock.is_some() && !is_enabled {
                return Err(ObjectError::VersioningNeeded);
            }
            record.versioning = if is_enabled {
                VersioningRecord::Enabled
            } else {
                VersioningRecord::Suspended
            };
            Ok(Request::new())
        })
        .await
    }

    /// Changes a bucket's record, and writes what the new one asks for besides.
    pub(super) async fn change_bucket(
        &self,
        name: &BucketName,
        change: impl Fn(&mut BucketRecord) -> Result<Request, ObjectError>,
    ) -> Result<(), ObjectError> {
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let OpenBucket {
                key,
                stored,
                mut record,
                ..
            } = self.open_bucket(name).await?;
            let also = change(&mut record)?;
            record.revision = record.revision.wrapping_add(1);
            let request = also
                .unchanged(key.clone(), Some(stored))
                .put(key, record::encode(&record)?);
            if self.meta.commit(request).await?.is_committed() {
                return Ok(());
            }
        }
        Err(ObjectError::Contended)
    }

    /// Tells what a bucket holds: a sum of counters, not a walk.
    pub async fn bucket_usage(&self, name: &BucketName) -> Result<BucketUsage, ObjectError> {
        let bucket = self.open_bucket(name).await?;
        bucket_usage_in(&self.meta.snapshot().await?, bucket.id).await
    }

    /// Lists the buckets of an account by name.
    pub async fn list_buckets(&self, owner: AccountId) -> Result<Vec<Bucket>, ObjectError> {
        let snapshot = self.meta.snapshot().await?;
        let names = self.bucket_names(&snapshot, owner).await?;
        let keys: Vec<_> = names.iter().map(keys::bucket).collect();
        let stored = snapshot.get_many(&keys).await?;
        let open = |((name, key), stored)| OpenBucket::new(name, key, stored)?.record.bucket(name);
        names.iter().zip(keys).zip(stored).map(open).collect()
    }

    /// Deletes a bucket without objects. Unfinished uploads do not keep it: they go with it.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::BucketNotEmpty`].
    pub async fn delete_bucket(&self, name: &BucketName) -> Result<(), ObjectError> {
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let bucket = self.open_bucket(name).await?;
            // The count and the look at the objects belong to one moment. While every counter is as it was then, their sum
            // is, and so is the number of objects: whatever came and went in between. A committer whose first put to this
            // bucket comes in between has a counter which is not in this snapshot; before there are several committers,
            // they need a list of themselves, so that its absence can be a condition too.
            let snapshot = self.meta.snapshot().await?;
            let counters = scan_all(&snapshot, &keys::counters(bucket.id)).await?;
            // The newest version of a key is in one of these.
            for current in [keys::object(bucket.id, ""), keys::marker(bucket.id, "")] {
                let any = Scan::prefix(&current).limit(1).keys_only();
                if !snapshot.scan(any).await?.is_empty() {
                    return Err(ObjectError::BucketNotEmpty(name.clone()));
                }
            }
            let mut request = Request::new().unchanged(bucket.key.clone(), Some(bucket.stored.clone()));
            for what in [Counted::Objects, Counted::Markers] {
                let own = keys::counter(bucket.id, self.meta.committer(), what);
                if !counters.iter().any(|entry| entry.key == own) {
                    request = request.absent(own);
                }
            }
            let mut left = 0;
            for entry in counters {
                let what = keys::counted(&entry.key)?;
                if what == Counted::Objects as u8 || what == Counted::Markers as u8 {
                    left += counter::decode(&entry.value)?;
                    request = request.unchanged(entry.key.to_vec(), Some(entry.value));
                }
                request = request.delete(entry.key.to_vec());
            }
            if left != 0 {
                return Err(ObjectError::corrupt("an empty bucket's counters are not zero"));
            }
            let owner = bucket.record.bucket(name)?.owner;
            let settings = SettingKind::ALL.into_iter();
            let request = settings
                .map(|kind| keys::setting(bucket.id, kind))
                .chain(lifecycle_rows(bucket.id))
                .fold(request, Request::delete)
                .delete(keys::bucket_key(bucket.id))
                .delete(bucket.key)
                .delete(keys::bucket_by_owner(owner, name.as_str()))
                .put(keys::dead_bucket(bucket.id), Bytes::from_static(&[1]));
            match self.meta.commit(request).await? {
                Outcome::Committed => {
                    // What this leaves, or fails to do, the sweep does.
                    let collected = self.collect_bucket(bucket.id, UPLOADS_ABORTED_WITH_BUCKET_MAX).await;
                    if let Err(error) = collected {
                        tracing::warn!(%error, "the uploads of a deleted bucket are left to the next sweep");
                    }
                    return Ok(());
                }
                Outcome::Conflict { .. } => {}
            }
        }
        Err(ObjectError::Contended)
    }
}
