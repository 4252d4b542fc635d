//! The one way in which the object at a key changes.
//!
//! A change is one commit: the new record, what the old one named, the bucket's counters, and whatever the operation adds.
//! It is made for the record that was read; if another write came first, all is read and decided again.

use super::{Objects, OpenBucket};
use crate::keys::{self, Counted};
use crate::limits::COMMIT_ATTEMPTS_MAX;
use crate::records::{BodyRecord, BucketId, BucketRecord, LiveExtent, ObjectRecord, Piece, encode_inline};
use crate::{ObjectError, WriteCondition};
use baleen_blob::{Extent, Submitted, Written};
use baleen_meta::{Outcome, Request, record};
use baleen_types::ObjectPath;
use baleen_usage::{Removed, Source};
use bytes::Bytes;

/// What is to become of the object at a key.
pub(super) struct Change {
    pub(super) at: ObjectPath,
    /// The bucket as the operation found it at its begin: one made again under the name is another.
    pub(super) bucket: BucketId,
    pub(super) condition: WriteCondition,
    /// The new record; `None` deletes.
    pub(super) record: Option<ObjectRecord>,
    /// Where its bytes came from.
    pub(super) source: Source,
    /// What has to be true and to be written besides.
    pub(super) also: Request,
}

/// How a change ended.
pub(super) enum Changed {
    /// It is durable.
    Done {
        /// Whether there was an object before.
        existed: bool,
    },
    /// A condition of [`Change::also`] does not hold; nothing was written.
    AlsoFailed,
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
    /// Changes the object at a key, and frees what the old one had.
    pub(super) async fn change(&self, change: Change) -> Result<Changed, Failure> {
        let Change {
            at,
            bucket: id,
            condition,
            record: new,
            source,
            also,
        } = change;
        let (bucket_key, object_key) = (keys::bucket(&at.bucket), keys::object(id, at.key.as_str()));
        let encoded = new.as_ref().map(record::encode).transpose()?;
        let mut turn = None;
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let mut read = self
                .meta
                .get_many(&[bucket_key.clone(), object_key.clone()])
                .await?
                .into_iter();
            let (bucket, stored) = (read.next().flatten(), read.next().flatten());
            let bucket = OpenBucket::new(&at.bucket, bucket_key.clone(), bucket)?;
            if bucket.id != id {
                return Err(ObjectError::NoSuchBucket(at.bucket).into());
            }
            let old: Option<ObjectRecord> = stored.as_ref().map(|bytes| record::decode(bytes)).transpose()?;
            check_condition(&condition, old.as_ref(), &at)?;
            if old.is_none() && new.is_none() {
                return Ok(Changed::Done { existed: false });
            }
            let mut request = Request::new()
                .unchanged(bucket_key.clone(), Some(bucket.stored.clone()))
                .unchanged(object_key.clone(), stored);
            request = match &encoded {
                Some(bytes) => request.put(object_key.clone(), bytes.clone()),
                None => request.delete(object_key.clone()),
            };
            let mut freed = Vec::new();
            request = detach_object(request, old.as_ref(), &mut freed);
            request = self.count(
                request,
                &bucket.record,
                old.as_ref(),
                new.as_ref().map(|new| (new, source)),
            )?;
            match self.meta.commit(request.and(also.clone())).await? {
                Outcome::Committed => {
                    self.blobs.release(freed);
                    self.collect_pages_of(old.as_ref()).await;
                    return Ok(Changed::Done { existed: old.is_some() });
                }
                Outcome::Conflict { key } if key == bucket_key || key == object_key => {}
                Outcome::Conflict { .. } => return Ok(Changed::AlsoFailed),
            }
            if turn.is_none() {
                turn = Some(self.queue_of(&object_key).lock().await);
            }
        }
        Err(ObjectError::Contended.into())
    }

    /// Adds to the bucket's counters, and to its owner's, what a change adds.
    fn count(
        &self,
        request: Request,
        bucket: &BucketRecord,
        old: Option<&ObjectRecord>,
        new: Option<(&ObjectRecord, Source)>,
    ) -> Result<Request, ObjectError> {
        let used = baleen_usage::Change {
            account: bucket.owner()?,
            region: &bucket.region,
            stored: new.map(|(new, source)| baleen_usage::Stored {
                bytes: new.size,
                source,
            }),
            removed: old.map(|old| Removed {
                bytes: old.size,
                made: old.modified(),
            }),
        };
        let new = new.map(|(new, _)| new);
        let committer = self.meta.committer();
        let objects = i64::from(new.is_some()) - i64::from(old.is_some());
        // Sizes are at most OBJECT_BYTES_MAX, far below the end of an i64.
        let size = |record: Option<&ObjectRecord>| record.map_or(0, |r| i64::try_from(r.size).unwrap_or(i64::MAX));
        let bytes = size(new) - size(old);
        let mut request = self.usage.count(request, &used);
        for (what, delta) in [(Counted::Objects, objects), (Counted::Bytes, bytes)] {
            if delta != 0 {
                request = request.add(keys::counter(bucket.id, committer, what), delta);
            }
        }
        Ok(request)
    }

    /// Frees the pages of an object that is gone; what fails here is found again by the sweep.
    async fn collect_pages_of(&self, old: Option<&ObjectRecord>) {
        if let Some(BodyRecord::Pages { id, .. }) = old.map(|old| &old.body)
            && let Err(error) = self.collect_pages(*id).await
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

/// Writes what makes a new piece live: its bytes, or the mark of its extent.
pub(super) fn attach(request: Request, piece: &Piece, inline: Option<&Bytes>) -> Result<Request, ObjectError> {
    let Some(key) = keys::piece(&piece.at) else {
        return Ok(request);
    };
    let value = match (piece.extent(), inline) {
        (Some(extent), _) => record::encode(&LiveExtent {
            id: *extent.id.as_bytes(),
            length: extent.length,
        })?,
        (None, Some(body)) => encode_inline(body),
        (None, None) => return Err(ObjectError::corrupt("an inline piece without bytes")),
    };
    Ok(request.put(key, value))
}

/// Removes what made a piece live; its extent, if it has one, can be freed after the commit.
pub(super) fn detach(request: Request, piece: &Piece, freed: &mut Vec<Extent>) -> Request {
    freed.extend(piece.extent());
    match keys::piece(&piece.at) {
        Some(key) => request.delete(key),
        None => request,
    }
}

/// Removes all that an object's record names. Pages may be too many for one commit, so they are left to the collector,
/// with a note in this commit that they are dead.
fn detach_object(request: Request, old: Option<&ObjectRecord>, freed: &mut Vec<Extent>) -> Request {
    match old.map(|old| &old.body) {
        None => request,
        Some(BodyRecord::Pieces(pieces)) => pieces
            .iter()
            .fold(request, |request, piece| detach(request, piece, freed)),
        Some(BodyRecord::Pages { id, .. }) => request.put(keys::dead_pages(*id), Bytes::from_static(&[1])),
    }
}

/// Decides whether a write may happen, given what is there.
fn check_condition(condition: &WriteCondition, old: Option<&ObjectRecord>, at: &ObjectPath) -> Result<(), ObjectError> {
    match (condition, old) {
        (WriteCondition::None, _) | (WriteCondition::IfAbsent, None) => Ok(()),
        (WriteCondition::IfMatch(etag), Some(old)) if old.etag.etag() == *etag => Ok(()),
        (WriteCondition::IfAbsent | WriteCondition::IfMatch(_), Some(_)) => Err(ObjectError::PreconditionFailed),
        // AWS answers 404 when If-Match names an object that is not there.
        (WriteCondition::IfMatch(_), None) => Err(ObjectError::NoSuchKey(at.clone())),
    }
}
