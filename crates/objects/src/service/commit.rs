//! The one way in which what is at a key changes.
//!
//! A change is one commit: the new record, what becomes of the old one, the bucket's counters, and whatever the operation
//! adds. It is made for the records that were read; if another write came first, all is read and decided again.

use super::expire::Expiring;
use super::step::{Guard, Step, Tally};
use super::{Objects, OpenBucket};
use crate::keys;
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::{BucketId, LockRecord, MarkerRecord, ObjectRecord};
use crate::{Deleted, Governance, ObjectError, Version, WriteCondition};
use baleen_blob::{Submitted, Written};
use baleen_meta::record::{self, Record};
use baleen_meta::{Outcome, Request};
use baleen_types::ObjectPath;
use baleen_usage::{Removed, Source};
use bytes::Bytes;

/// What is to become of the object at a key.
pub(super) struct Change {
    pub(super) at: ObjectPath,
    /// The bucket as the operation found it at its begin: one made again under the name is another.
    pub(super) bucket: BucketId,
    pub(super) condition: WriteCondition,
    pub(super) becomes: Becomes,
    /// Whether retentions of the mode governance count for what it removes.
    pub(super) governance: Governance,
    /// What has to be true and to be written besides.
    pub(super) also: Request,
}

/// What a key becomes.
pub(super) enum Becomes {
    /// This object, with an id that the change gives it, made of bytes that came from there.
    Object(Box<ObjectRecord>, Source),
    /// Deleted, however the bucket keeps versions.
    Deleted,
    /// What it is without this version.
    Without(Version),
    /// What it is without what goes by the bucket's lifecycle rules.
    Expired(Expiring),
}

impl Becomes {
    /// The lock that was asked for.
    fn lock(&self) -> LockRecord {
        match self {
            Self::Object(object, _) => object.lock,
            Self::Deleted | Self::Without(_) | Self::Expired(_) => LockRecord::default(),
        }
    }
}

/// How a change ended.
pub(super) enum Changed {
    /// It is durable.
    Done(Deleted),
    /// A condition of [`Change::also`] does not hold; nothing was written.
    AlsoFailed,
}

/// A record with the bytes by which a commit sees that it has not changed.
pub(super) struct Kept<R> {
    pub(super) stored: Bytes,
    pub(super) record: R,
}

impl<R: Record> Kept<R> {
    fn read(stored: Option<Bytes>) -> Result<Option<Self>, ObjectError> {
        let Some(stored) = stored else { return Ok(None) };
        let record = record::decode(&stored)?;
        Ok(Some(Self { stored, record }))
    }
}

/// What is current at a key.
pub(super) struct Present {
    pub(super) at: ObjectPath,
    pub(super) bucket: OpenBucket,
    pub(super) object_key: Vec<u8>,
    pub(super) object: Option<Kept<ObjectRecord>>,
    pub(super) marker_key: Vec<u8>,
    pub(super) marker: Option<Kept<MarkerRecord>>,
}

impl Present {
    /// Whether there may be other versions than the current one.
    pub(super) fn keeps_versions(&self) -> bool {
        self.bucket.keeps_versions()
    }

    /// The two rows as they were read.
    fn stored(&self) -> (Option<Bytes>, Option<Bytes>) {
        (
            self.object.as_ref().map(|object| object.stored.clone()),
            self.marker.as_ref().map(|marker| marker.stored.clone()),
        )
    }

    /// The conditions under which all this is still so.
    pub(super) fn unchanged(&self) -> Request {
        let (object, marker) = self.stored();
        let request = Request::new()
            .unchanged(self.bucket.key.clone(), Some(self.bucket.stored.clone()))
            .unchanged(self.object_key.clone(), object);
        // Where no versions are kept there are no markers.
        if self.keeps_versions() {
            request.unchanged(self.marker_key.clone(), marker)
        } else {
            request
        }
    }

    fn is_about(&self, key: &[u8]) -> bool {
        key == self.bucket.key || key == self.object_key || key == self.marker_key
    }
}

/// Why a commit was not made.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing was written, now or later.
    Refused(ObjectError),
    /// It may appear after a restart: its bytes must stay.
    Unknown(ObjectError),
}

impl Failure {
    pub(super) fn into_error(self) -> ObjectError {
        match self {
            Self::Refused(error) | Self::Unknown(error) => error,
        }
    }
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Self {
        Self::Refused(error)
    }
}

impl From<baleen_meta::Error> for Failure {
    fn from(error: baleen_meta::Error) -> Self {
        let unknown = matches!(error, baleen_meta::Error::InDoubt { .. } | baleen_meta::Error::Closed);
        if unknown {
            Self::Unknown(error.into())
        } else {
            Self::Refused(error.into())
        }
    }
}

impl From<baleen_meta::record::RecordError> for Failure {
    fn from(error: baleen_meta::record::RecordError) -> Self {
        Self::Refused(error.into())
    }
}

impl Objects {
    /// Changes what is at a key, and frees what is gone.
    pub(super) async fn change(&self, change: Change) -> Result<Changed, Failure> {
        let Change {
            at,
            bucket: id,
            condition,
            mut becomes,
            governance,
            also,
        } = change;
        let asked = becomes.lock();
        let mut turn = None;
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let present = self.present(&at, id).await?;
            check_condition(&condition, &present, &becomes)?;
            let now = self.clock.now();
            let elsewhere = self.elsewhere(&present.bucket.record).await?;
            let mut step = Step::new(Guard { now, governance }, elsewhere);
            let done = match &mut becomes {
                Becomes::Object(object, _) => {
                    object.version = self.version_after(&present);
                    object.is_null = present.bucket.record.writes_null();
                    object.lock = present.bucket.record.lock_of_new(asked, now.max(object.modified()))?;
                    Some(self.add_object(&mut step, &present, object).await?)
                }
                Becomes::Deleted => self.hide(&mut step, &present).await?,
                Becomes::Without(version) => self.remove_version(&mut step, &present, *version).await?,
                Becomes::Expired(expiring) => self.expire_in(&mut step, &present, *expiring, now).await?,
            };
            let Some(done) = done else {
                // A version that was not found may have changed its table between the reads.
                if matches!(becomes, Becomes::Without(_)) && !self.is_still(&present).await? {
                    continue;
                }
                return Ok(Changed::Done(Deleted::default()));
            };
            let stored = match &becomes {
                Becomes::Object(object, source) => Some((object.size, *source)),
                Becomes::Deleted | Becomes::Without(_) | Becomes::Expired(_) => None,
            };
            let request = self.count(
                present.unchanged().and(step.request),
                &present,
                step.tally,
                stored,
                step.removed,
            )?;
            match self.meta.commit(request.and(also.clone())).await? {
                Outcome::Committed => {
                    self.blobs.release(step.freed);
                    self.regions.hint();
                    self.collect_dead(step.dead_pages).await;
                    return Ok(Changed::Done(done));
                }
                Outcome::Conflict { key } if present.is_about(&key) || step.own_conditions.contains(&key) => {}
                Outcome::Conflict { .. } => return Ok(Changed::AlsoFailed),
            }
            if turn.is_none() {
                turn = Some(self.queue_of(&present.object_key).lock().await);
            }
        }
        Err(ObjectError::Contended.into())
    }

    /// Reads what is current at a key.
    pub(super) async fn present(&self, at: &ObjectPath, id: BucketId) -> Result<Present, ObjectError> {
        let key = at.key.as_str();
        let keys = [keys::bucket(&at.bucket), keys::object(id, key), keys::marker(id, key)];
        let mut read = self.meta.get_many(&keys).await?.into_iter();
        let mut next = || read.next().flatten();
        let (bucket, object, marker) = (next(), next(), next());
        let [bucket_key, object_key, marker_key] = keys;
        let bucket = OpenBucket::new(&at.bucket, bucket_key, bucket)?;
        if bucket.id != id {
            return Err(ObjectError::NoSuchBucket(at.bucket.clone()));
        }
        Ok(Present {
            at: at.clone(),
            bucket,
            object_key,
            object: Kept::read(object)?,
            marker_key,
            marker: Kept::read(marker)?,
        })
    }

    async fn is_still(&self, present: &Present) -> Result<bool, ObjectError> {
        let now = self.present(&present.at, present.bucket.id).await?;
        Ok(now.stored() == present.stored())
    }

    /// Adds to the bucket's counters, and to its owner's, what a change adds.
    pub(super) fn count(
        &self,
        request: Request,
        present: &Present,
        tally: Tally,
        stored: Option<(u64, Source)>,
        removed: Option<Removed>,
    ) -> Result<Request, ObjectError> {
        let bucket = &present.bucket.record;
        let used = baleen_usage::Change {
            account: bucket.owner()?,
            region: &bucket.region,
            stored: stored.map(|(bytes, source)| baleen_usage::Stored { bytes, source }),
            removed,
        };
        let committer = self.meta.committer();
        let mut request = self.usage.count(request, &used);
        for (what, delta) in tally.counters() {
            if delta != 0 {
                request = request.add(keys::counter(bucket.id, committer, what), delta);
            }
        }
        Ok(request)
    }

    /// Frees the pages of an object that is gone; what fails here is found again by the sweep.
    pub(super) async fn collect_dead(&self, pages: Option<[u8; 16]>) {
        if let Some(id) = pages
            && let Err(error) = self.collect_pages(id).await
        {
            tracing::warn!(%error, "the pieces of a removed object are left to the next sweep");
        }
    }
}

/// Ends the doubt about bytes whose commit was tried.
pub(super) fn settle<T>(submitted: Option<Submitted>, outcome: &Result<T, Failure>, done: bool) {
    let Some(submitted) = submitted else { return };
    match outcome {
        Ok(_) if done => submitted.keep(),
        Ok(_) | Err(Failure::Refused(_)) => submitted.discard(),
        Err(Failure::Unknown(_)) => submitted.leave(),
    }
}

/// Says that bytes are about to be named by a commit.
pub(super) fn submit(written: Option<Written>) -> Option<Submitted> {
    written.map(Written::submit)
}

/// Decides whether a change may happen, given what is current (AWS, "Conditional deletes": they "only apply to the current
/// version of the object").
pub(super) fn check_condition(
    condition: &WriteCondition,
    present: &Present,
    becomes: &Becomes,
) -> Result<(), ObjectError> {
    let old = present.object.as_ref().map(|object| &object.record);
    let is_meant = |old: &ObjectRecord| match becomes {
        Becomes::Without(version) => old.name() == *version,
        Becomes::Object(..) | Becomes::Deleted | Becomes::Expired(_) => true,
    };
    match (condition, old) {
        (WriteCondition::None, _) | (WriteCondition::IfAbsent, None) => Ok(()),
        (WriteCondition::IfPresent, Some(old)) if is_meant(old) => Ok(()),
        (WriteCondition::IfMatch(etag), Some(old)) if is_meant(old) && old.etag.etag() == *etag => Ok(()),
        (_, Some(_)) => Err(condition.failed()),
        // AWS answers 404 when If-Match names an object that is not there.
        (WriteCondition::IfPresent | WriteCondition::IfMatch(_), None) => {
            Err(ObjectError::NoSuchKey(present.at.clone()))
        }
    }
}
