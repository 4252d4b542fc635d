//! A pass over all that lifecycle rules are about.
//!
//! It takes no input and converges: what it leaves, the next one finds. There is no index of what is due when: rules change,
//! and to read every record of a bucket in order is cheap. It reads page by page, without a snapshot that lasts, and notes now
//! and then how far it is, so that in a large store it comes to an end however often the server is started anew.

use super::Expiring;
use crate::lifecycle::rules::{About, Rules};
use crate::limits::{EXPIRY_PAGE, EXPIRY_PAGES_UNNOTED_MAX};
use crate::records::{BucketId, BucketRecord, MarkerRecord, ObjectRecord, UploadRecord, VersionRecord};
use crate::service::Objects;
use crate::service::list_uploads::later;
use crate::{Governance, Lock, ObjectError, SettingKind, UploadPath, keys};
use async_trait::async_trait;
use baleen_meta::keys::{KeyWriter, Table, prefix_range};
use baleen_meta::record::first_version;
use baleen_meta::{Entry, Request, Scan, record};
use baleen_runtime::Shutdown;
use baleen_types::{AccountId, BucketName, ObjectKey, ObjectPath, Timestamp};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::ops::Bound;
use std::sync::Arc;

/// What a pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Versions, delete markers and uploads that were looked at.
    pub looked_at: u64,
    /// Current objects that are gone, or hidden by a delete marker.
    pub objects: u64,
    /// Noncurrent versions that are gone.
    pub versions: u64,
    /// Delete markers that are gone.
    pub markers: u64,
    /// Unfinished uploads that were ended.
    pub uploads: u64,
    /// What is due and under a lock.
    pub locked: u64,
}

impl Expired {
    /// What was done after `before`.
    fn since(self, before: Self) -> Self {
        Self {
            looked_at: self.looked_at - before.looked_at,
            objects: self.objects - before.objects,
            versions: self.versions - before.versions,
            markers: self.markers - before.markers,
            uploads: self.uploads - before.uploads,
            locked: self.locked - before.locked,
        }
    }

    /// Whether anything is gone.
    pub fn is_any(&self) -> bool {
        self.objects + self.versions + self.markers + self.uploads > 0
    }
}

/// Is told what a pass does. A function of what was done so far is one that cares for no bucket.
#[async_trait]
pub trait ExpiryWitness: Send + Sync {
    /// What was done so far, in all buckets.
    fn so_far(&self, expired: &Expired);

    /// What is gone of a bucket: told once in a pass, when that is through with the bucket, stops or fails. The pass waits for it.
    async fn removed(&self, bucket: &BucketName, owner: AccountId, removed: Expired);
}

#[async_trait]
impl<F: Fn(&Expired) + Send + Sync> ExpiryWitness for F {
    fn so_far(&self, expired: &Expired) {
        self(expired);
    }

    async fn removed(&self, _bucket: &BucketName, _owner: AccountId, _removed: Expired) {}
}

/// How far a pass is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PassRecord {
    bucket: String,
    /// Which of [`STAGES`].
    stage: u8,
    /// The row that was looked at last.
    row: Vec<u8>,
}
first_version!(PassRecord, "pass of lifecycle rules");

fn pass_key() -> Vec<u8> {
    KeyWriter::new(Table::System).tail("objects/lifecycle")
}

/// What is looked at in a bucket, in this order.
const STAGES: [About; 4] = [About::Objects, About::Noncurrent, About::Markers, About::Uploads];

/// Removals at work at once: enough that they share their syncs.
const REMOVALS_AT_ONCE: usize = 64;

/// What may be due.
enum Candidate {
    At(ObjectKey, Expiring),
    Upload(UploadPath),
    /// It is due, and held.
    Locked,
}

/// Whether a pass goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walked {
    ToTheEnd,
    Stopped,
}

impl Objects {
    /// Removes what is due by the lifecycle rules of all buckets. To be run now and then, one at a time. Stops early with
    /// `shutdown`; the next one goes on there.
    ///
    /// # Errors
    /// The first thing that could not be read or removed; what could is removed all the same, unless the store itself fails.
    pub async fn expire(
        self: &Arc<Self>,
        shutdown: &Shutdown,
        witness: impl ExpiryWitness,
    ) -> Result<Expired, ObjectError> {
        let noted = self.meta.get(&pass_key()).await?;
        // One that a later release wrote, or that is damaged, begins anew.
        let place = noted.and_then(|noted| record::decode(&noted).ok()).unwrap_or_default();
        let mut pass = Pass {
            objects: self,
            shutdown,
            witness: &witness,
            place,
            expired: Expired::default(),
            pages_unnoted: 0,
            failure: None,
        };
        if pass.run().await? == Walked::Stopped {
            pass.note().await?;
            return Ok(pass.expired);
        }
        self.meta.commit(Request::new().delete(pass_key())).await?;
        match pass.failure {
            Some(failure) => Err(failure),
            None => Ok(pass.expired),
        }
    }
}

struct Pass<'a> {
    objects: &'a Arc<Objects>,
    shutdown: &'a Shutdown,
    witness: &'a dyn ExpiryWitness,
    place: PassRecord,
    expired: Expired,
    pages_unnoted: u32,
    /// The first of what could not be done.
    failure: Option<ObjectError>,
}

/// A bucket as it was found, with its rules then.
struct Ruled {
    name: BucketName,
    id: BucketId,
    owner: AccountId,
    rules: Arc<Rules>,
}

impl Pass<'_> {
    async fn run(&mut self) -> Result<Walked, ObjectError> {
        let (first, end) = prefix_range(&KeyWriter::new(Table::Bucket).finish());
        let mut from = match BucketName::parse(&self.place.bucket) {
            Ok(name) => Bound::Included(keys::bucket(&name)),
            Err(_) => first,
        };
        loop {
            let scan = Scan::range(from, end.clone()).limit(EXPIRY_PAGE);
            let page = self.objects.meta.scan(scan).await?;
            let Some(last) = page.last() else {
                return Ok(Walked::ToTheEnd);
            };
            from = Bound::Excluded(last.key.to_vec());
            for entry in &page {
                let found = self.ruled(entry).await;
                if let Some(Some(bucket)) = self.noting(found)?
                    && self.bucket(&bucket).await? == Walked::Stopped
                {
                    return Ok(Walked::Stopped);
                }
            }
        }
    }

    async fn ruled(&self, entry: &Entry) -> Result<Option<Ruled>, ObjectError> {
        let record: BucketRecord = record::decode(&entry.value)?;
        if !record.has(SettingKind::Lifecycle) {
            return Ok(None);
        }
        let name = BucketName::parse(keys::bucket_name_of(&entry.key)?).map_err(ObjectError::corrupt)?;
        let rules = self.objects.rules_of(&record).await?;
        let (id, owner) = (record.id, record.owner()?);
        Ok(rules.map(|rules| Ruled { name, id, owner, rules }))
    }

    async fn bucket(&mut self, bucket: &Ruled) -> Result<Walked, ObjectError> {
        let before = self.expired;
        let walked = self.stages(bucket).await;
        let removed = self.expired.since(before);
        if removed.is_any() {
            self.witness.removed(&bucket.name, bucket.owner, removed).await;
        }
        walked
    }

    async fn stages(&mut self, bucket: &Ruled) -> Result<Walked, ObjectError> {
        if self.place.bucket != bucket.name.as_str() {
            self.place = PassRecord {
                bucket: bucket.name.as_str().to_owned(),
                ..PassRecord::default()
            };
        }
        for about in STAGES.into_iter().skip(usize::from(self.place.stage)) {
            for prefix in bucket.rules.prefixes(about) {
                if self.rows(bucket, about, prefix).await? == Walked::Stopped {
                    return Ok(Walked::Stopped);
                }
            }
            self.place.stage += 1;
            self.place.row = Vec::new();
        }
        Ok(Walked::ToTheEnd)
    }

    /// Looks at the rows of all keys that begin so.
    async fn rows(&mut self, bucket: &Ruled, about: About, prefix: &str) -> Result<Walked, ObjectError> {
        let (mut from, to) = prefix_range(&about.place(bucket.id, prefix));
        if !self.place.row.is_empty() {
            // Versions are counted from the newest of their key.
            let row = match (about, keys::version_of(&self.place.row)) {
                (About::Noncurrent, Ok((key, _))) => keys::versions_of(bucket.id, &key),
                _ => self.place.row.clone(),
            };
            from = later(from, Bound::Included(row));
        }
        let mut rank = Rank::default();
        loop {
            if self.shutdown.is_stopping() {
                return Ok(Walked::Stopped);
            }
            let scan = Scan::range(from, to.clone()).limit(EXPIRY_PAGE);
            let page = self.objects.meta.scan(scan).await?;
            let Some(last) = page.last() else {
                return Ok(Walked::ToTheEnd);
            };
            from = Bound::Excluded(last.key.to_vec());
            let now = self.objects.clock.now();
            let mut candidates = Vec::new();
            for entry in &page {
                let found = candidate(bucket, about, entry, (&mut rank, now));
                candidates.extend(self.noting(found)?.flatten());
            }
            self.expired.looked_at += page.len() as u64;
            if self.remove(bucket, candidates).await? == Removed::ButTheBucketIsGone {
                return Ok(Walked::ToTheEnd);
            }
            self.place.row = last.key.to_vec();
            self.witness.so_far(&self.expired);
            self.pages_unnoted += 1;
            if self.pages_unnoted > EXPIRY_PAGES_UNNOTED_MAX {
                self.note().await?;
            }
        }
    }

    /// Removes what is due, and counts it.
    async fn remove(&mut self, bucket: &Ruled, candidates: Vec<Candidate>) -> Result<Removed, ObjectError> {
        let objects = self.objects;
        let mut removals = futures::stream::iter(candidates)
            .map(|candidate| remove(objects, bucket, candidate))
            .buffered(REMOVALS_AT_ONCE);
        let mut is_gone = false;
        while let Some(removed) = removals.next().await {
            let expired = &mut self.expired;
            match removed {
                Ok(None) | Err(ObjectError::NoSuchUpload(_)) => {}
                Ok(Some(Gone::Object)) => expired.objects += 1,
                Ok(Some(Gone::Version)) => expired.versions += 1,
                Ok(Some(Gone::Marker)) => expired.markers += 1,
                Ok(Some(Gone::Upload)) => expired.uploads += 1,
                Err(ObjectError::Locked) => expired.locked += 1,
                Err(ObjectError::NoSuchBucket(_)) => is_gone = true,
                Err(error) => {
                    self.noting(Err::<(), _>(error))?;
                }
            }
        }
        Ok(if is_gone {
            Removed::ButTheBucketIsGone
        } else {
            Removed::AllThatWasDue
        })
    }

    /// Goes on without what is damaged or contended, and remembers it; what else fails ends the pass.
    fn noting<T>(&mut self, found: Result<T, ObjectError>) -> Result<Option<T>, ObjectError> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error @ (ObjectError::Corrupt(_) | ObjectError::Contended)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    bucket = self.place.bucket,
                    "lifecycle rules cannot be followed everywhere"
                );
                self.failure.get_or_insert(error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn note(&mut self) -> Result<(), ObjectError> {
        self.pages_unnoted = 0;
        let note = Request::new().put(pass_key(), record::encode(&self.place)?);
        self.objects.meta.commit(note).await?;
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removed {
    AllThatWasDue,
    ButTheBucketIsGone,
}

/// What was removed.
enum Gone {
    Object,
    Version,
    Marker,
    Upload,
}

async fn remove(objects: &Arc<Objects>, bucket: &Ruled, candidate: Candidate) -> Result<Option<Gone>, ObjectError> {
    let (key, expiring) = match candidate {
        Candidate::At(key, expiring) => (key, expiring),
        Candidate::Locked => return Err(ObjectError::Locked),
        Candidate::Upload(path) => return Ok(objects.expire_upload(path).await?.then_some(Gone::Upload)),
    };
    let at = ObjectPath {
        bucket: bucket.name.clone(),
        key,
    };
    let deleted = objects.expire_at(bucket.id, at, expiring).await?;
    let gone = match expiring {
        Expiring::Current => Gone::Object,
        Expiring::Noncurrent(_) if !deleted.is_marker => Gone::Version,
        Expiring::Noncurrent(_) | Expiring::Marker => Gone::Marker,
    };
    Ok(deleted.existed.then_some(gone))
}

impl About {
    /// The beginning of the rows of all keys that begin so.
    fn place(self, bucket: BucketId, prefix: &str) -> Vec<u8> {
        match self {
            Self::Objects => keys::object(bucket, prefix),
            Self::Markers => keys::marker(bucket, prefix),
            Self::Noncurrent => keys::versions(bucket, prefix),
            Self::Uploads => keys::uploads(bucket, prefix),
        }
    }
}

/// How many noncurrent versions of a key have been passed.
#[derive(Default)]
struct Rank {
    key: String,
    newer: u32,
}

/// What a row may have that is due; what is not due by the rules as they were found is none.
fn candidate(
    bucket: &Ruled,
    about: About,
    entry: &Entry,
    (rank, now): (&mut Rank, Timestamp),
) -> Result<Option<Candidate>, ObjectError> {
    let rules = &bucket.rules;
    let parse = |key: &str| ObjectKey::parse(key).map_err(ObjectError::corrupt);
    match about {
        About::Objects => {
            let key = keys::object_key_of(&entry.key)?;
            let object: ObjectRecord = record::decode(&entry.value)?;
            let expiry = rules.expiry(&object.subject(key), object.modified());
            let is_due = expiry.is_some_and(|expiry| expiry.at <= now);
            is_due
                .then(|| Ok(Candidate::At(parse(key)?, Expiring::Current)))
                .transpose()
        }
        About::Markers => {
            let key = keys::marker_key_of(&entry.key)?;
            let marker: MarkerRecord = record::decode(&entry.value)?;
            let is_due = rules.is_marker_due(key, marker.modified(), now);
            is_due
                .then(|| Ok(Candidate::At(parse(key)?, Expiring::Marker)))
                .transpose()
        }
        About::Noncurrent => {
            let (key, version) = keys::version_of(&entry.key)?;
            if rank.key != key {
                *rank = Rank { key, newer: 0 };
            }
            let newer = rank.newer;
            rank.newer = newer.saturating_add(1);
            let key = rank.key.as_str();
            let is_due = match VersionRecord::since(&entry.value)? {
                Some(since) => {
                    let needed = match VersionRecord::decode(&entry.value)? {
                        VersionRecord::Object(object) => {
                            let needed = rules.newer_needed(&object.subject(key), since, now);
                            // Held for years, it would be tried in each pass until then.
                            let is_held = Lock::from(object.lock).protects(now, Governance::Holds);
                            if is_held && needed.is_some_and(|needed| needed <= newer) {
                                return Ok(Some(Candidate::Locked));
                            }
                            needed
                        }
                        VersionRecord::Marker(_) => rules.newer_needed_of_marker(key, since, now),
                    };
                    needed.is_some_and(|needed| needed <= newer)
                }
                // It takes other rows to tell.
                None => true,
            };
            is_due
                .then(|| Ok(Candidate::At(parse(key)?, Expiring::Noncurrent(version))))
                .transpose()
        }
        About::Uploads => {
            let (key, upload) = keys::upload_of(&entry.key)?;
            let stored: UploadRecord = record::decode(&entry.value)?;
            let expiry = rules.abort(&key, Timestamp::from_nanos(stored.initiated_ns));
            if expiry.is_none_or(|expiry| expiry.at > now) {
                return Ok(None);
            }
            let at = ObjectPath {
                bucket: bucket.name.clone(),
                key: parse(&key)?,
            };
            Ok(Some(Candidate::Upload(UploadPath { at, upload })))
        }
    }
}
