//! Removing what goes by the lifecycle rules of its bucket.
//!
//! A pass (see [`pass`]) finds what may be due; here it is decided, in the commit that removes it. The commit is conditional
//! on the bucket's record, which changes with its rules, and on the rows that they were asked about, so nothing goes by rules
//! that do not hold any more, nor in a state in which they would have kept it (peers' failure F28).

mod pass;

pub use pass::{Expired, ExpiryWitness};

use super::Objects;
use super::commit::{Becomes, Change, Changed, Failure, Present};
use super::put::in_own_task;
use super::step::{Step, detach};
use crate::lifecycle::rules::Rules;
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::{BucketId, VersionBytes, VersionRecord};
use crate::{Deleted, Governance, ObjectError, UploadPath, WriteCondition, keys};
use baleen_meta::{Request, Scan};
use baleen_types::{ObjectPath, Timestamp};
use std::sync::Arc;

/// What may be due at a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiring {
    /// The current object.
    Current,
    /// The current delete marker, if nothing else is left of the key.
    Marker,
    /// A noncurrent version.
    Noncurrent(VersionBytes),
}

impl Objects {
    /// Removes what is due now; `None` if it is not.
    pub(super) async fn expire_in(
        &self,
        step: &mut Step,
        present: &Present,
        expiring: Expiring,
        now: Timestamp,
    ) -> Result<Option<Deleted>, ObjectError> {
        let Some(rules) = self.rules_of(&present.bucket.record).await? else {
            return Ok(None);
        };
        let key = present.at.key.as_str();
        match expiring {
            Expiring::Current => {
                let expiry = present.object.as_ref().and_then(|object| {
                    let object = &object.record;
                    rules.expiry(&object.subject(key), object.modified())
                });
                if expiry.is_none_or(|expiry| expiry.at > now) {
                    return Ok(None);
                }
                self.hide(step, present).await
            }
            Expiring::Marker => {
                let Some(marker) = present.marker.as_ref().map(|marker| marker.record) else {
                    return Ok(None);
                };
                // What comes and goes at a key is in a commit that is conditional on the rows which `present` holds; what
                // only goes does no harm.
                let others = Scan::prefix(&keys::versions_of(present.bucket.id, key)).limit(1);
                let is_alone = self.meta.scan(others.keys_only()).await?.is_empty();
                if !is_alone || !rules.is_marker_due(key, marker.modified(), now) {
                    return Ok(None);
                }
                self.remove_version(step, present, marker.name()).await
            }
            Expiring::Noncurrent(version) => self.expire_noncurrent(step, present, (&rules, version), now).await,
        }
    }

    async fn expire_noncurrent(
        &self,
        step: &mut Step,
        present: &Present,
        (rules, version): (&Rules, VersionBytes),
        now: Timestamp,
    ) -> Result<Option<Deleted>, ObjectError> {
        let (bucket, key) = (present.bucket.id, present.at.key.as_str());
        let place = keys::version(bucket, key, version);
        let Some(value) = self.meta.get(&place).await? else {
            return Ok(None);
        };
        let found = VersionRecord::decode(&value)?;
        let since = match VersionRecord::since(&value)? {
            Some(since) => since,
            None => self.successor_made(present, &place).await?,
        };
        let needed = match &found {
            VersionRecord::Object(object) => rules.newer_needed(&object.subject(key), since, now),
            VersionRecord::Marker(_) => rules.newer_needed_of_marker(key, since, now),
        };
        let Some(needed) = needed else { return Ok(None) };
        if !self.has_newer((bucket, key, version), needed).await? {
            return Ok(None);
        }
        step.require(place, Some(value));
        self.remove_noncurrent(step, present, found.name()).await
    }

    /// When the version was made that came after one of which it was not noted when it became noncurrent.
    async fn successor_made(&self, present: &Present, place: &[u8]) -> Result<Timestamp, ObjectError> {
        let all = Scan::prefix(&keys::versions_of(present.bucket.id, present.at.key.as_str()));
        let newer = Scan::range(all.range.0, std::ops::Bound::Excluded(place.to_vec()));
        if let Some(next) = self.meta.scan(newer.backward().limit(1)).await?.first() {
            return Ok(VersionRecord::decode(&next.value)?.modified());
        }
        let object = present.object.as_ref().map(|object| object.record.modified());
        let current = object.or(present.marker.as_ref().map(|marker| marker.record.modified()));
        current.ok_or_else(|| ObjectError::corrupt("a key with versions has no current one"))
    }

    /// Whether so many noncurrent versions of the key are newer. One that is removed while this is decided was there when it
    /// was decided; one that becomes current changes what `present` holds.
    async fn has_newer(
        &self,
        (bucket, key, version): (BucketId, &str, VersionBytes),
        needed: u32,
    ) -> Result<bool, ObjectError> {
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        let newest = Scan::prefix(&keys::versions_of(bucket, key)).limit(needed).keys_only();
        let newest = self.meta.scan(newest).await?;
        let own = keys::version(bucket, key, version);
        Ok(newest.len() >= needed && newest.iter().all(|entry| entry.key != own))
    }

    /// Removes what is due at a key of the bucket as it was found.
    pub(super) async fn expire_at(
        self: &Arc<Self>,
        bucket: BucketId,
        at: ObjectPath,
        expiring: Expiring,
    ) -> Result<Deleted, ObjectError> {
        let change = Change {
            at,
            bucket,
            condition: WriteCondition::None,
            becomes: Becomes::Expired(expiring),
            governance: Governance::Holds,
            also: Request::new(),
        };
        let this = Arc::clone(self);
        match in_own_task(async move { this.change(change).await.map_err(Failure::into_error) }).await? {
            Changed::Done(deleted) => Ok(deleted),
            Changed::AlsoFailed => Err(ObjectError::Contended),
        }
    }

    /// Ends an upload that is due now, and frees its parts; tells whether it was.
    pub(super) async fn expire_upload(self: &Arc<Self>, path: UploadPath) -> Result<bool, ObjectError> {
        let this = Arc::clone(self);
        in_own_task(async move { this.try_expire_upload(&path).await }).await
    }

    async fn try_expire_upload(&self, path: &UploadPath) -> Result<bool, ObjectError> {
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let bucket = self.open_bucket(&path.at.bucket).await?;
            let key = keys::upload(bucket.id, &path.at.key, path.upload);
            let (rules, upload) = (self.rules_of(&bucket.record).await?, self.open_upload(key, path).await?);
            let (Some(rules), Some(upload)) = (rules, upload) else {
                return Ok(false);
            };
            let expiry = rules.abort(path.at.key.as_str(), upload.initiated());
            if expiry.is_none_or(|expiry| expiry.at > self.clock.now()) {
                return Ok(false);
            }
            let mut request = upload.end(path)?.unchanged(bucket.key, Some(bucket.stored));
            let elsewhere = self.elsewhere(&bucket.record).await?.of_many(upload.parts.len());
            let mut freed = Vec::new();
            for part in upload.parts.values() {
                request = detach(request, &part.piece, &mut freed, &elsewhere);
            }
            if self.meta.commit(request).await?.is_committed() {
                self.blobs.release(freed);
                self.regions.hint();
                return Ok(true);
            }
        }
        Err(ObjectError::Contended)
    }
}
