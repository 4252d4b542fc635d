//! Putting and deleting objects.

use super::commit::{Becomes, Change, Changed, Failure, settle, submit};
use super::ingest::{Incoming, Ingested};
use super::step::attach;
use super::{Objects, OpenBucket};
use crate::records::{
    AclRecord, BodyRecord, BucketId, ChecksumRecord, ETagRecord, EncryptionRecord, HeadersRecord, LockRecord,
    ObjectRecord, Piece, TagsRecord,
};
use crate::{DeleteObject, Deleted, Governance, ObjectError, PutObject, Stored, StoredChecksum, WriteCondition};
use baleen_meta::Request;
use baleen_types::{BucketName, ObjectPath, Timestamp};
use baleen_usage::Source;
use futures::StreamExt;
use std::sync::Arc;

/// Deletes of one request at work at once: enough that they share their syncs.
const DELETES_AT_ONCE: usize = 64;

/// An object to be made of an ingested body.
struct New {
    at: ObjectPath,
    condition: WriteCondition,
    headers: HeadersRecord,
    tags: TagsRecord,
    lock: LockRecord,
    acl: AclRecord,
    encryption: EncryptionRecord,
    source: Source,
}

impl Objects {
    /// Stores an object; returns when it is durable. On any error the object that was there before is unchanged.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`]; [`ObjectError::TooLarge`] above 5 GiB; [`ObjectError::BadDigest`],
    /// [`ObjectError::BadChecksum`], [`ObjectError::IncompleteBody`] and [`ObjectError::Body`] if the body is not what was
    /// announced; [`ObjectError::LockMissing`], [`ObjectError::RetainUntilPast`]; [`ObjectError::PreconditionFailed`];
    /// [`ObjectError::NoSpace`].
    pub async fn put(self: &Arc<Self>, request: PutObject) -> Result<Stored, ObjectError> {
        self.put_from(request, Source::Upload).await
    }

    /// Stores an object whose bytes come from where is said.
    pub(super) async fn put_from(self: &Arc<Self>, request: PutObject, source: Source) -> Result<Stored, ObjectError> {
        request.headers.check()?;
        let bucket = self.open_bucket(&request.at.bucket).await?;
        bucket.record.check_lock(&request.lock, self.clock.now())?;
        let in_bucket = (&request.at.bucket, &bucket);
        let (encryption, sealing) = self.encryption_of_new(in_bucket, &request.encrypt).await?;
        let incoming = Incoming {
            body: request.body,
            length: request.length,
            expect: request.expect,
            algorithm: None,
            id: self.new_id(),
            part: None,
            sealing,
        };
        let ingested = self.ingest(&bucket, incoming).await?;
        let headers = HeadersRecord::from(&request.headers);
        let new = New {
            at: request.at,
            condition: request.condition,
            headers,
            tags: request.tags.into_pairs(),
            lock: request.lock.into(),
            acl: (&request.acl).into(),
            encryption,
            source,
        };
        self.store(&bucket, new, ingested).await
    }

    /// Makes an ingested body the object at a key.
    async fn store(self: &Arc<Self>, bucket: &OpenBucket, new: New, ingested: Ingested) -> Result<Stored, ObjectError> {
        let piece = Piece {
            part: 1,
            size: ingested.size,
            at: ingested.at,
        };
        let checksum = ingested.checksums.into_iter().next().map(StoredChecksum::full);
        let record = ObjectRecord {
            // Both are given by the change.
            version: [0; 16],
            is_null: true,
            size: ingested.size,
            modified_ns: self.clock.now().as_nanos(),
            etag: ETagRecord {
                md5: ingested.md5,
                parts: None,
            },
            checksum: checksum.as_ref().map(ChecksumRecord::from),
            headers: new.headers,
            tags: new.tags,
            lock: new.lock,
            acl: new.acl,
            encryption: new.encryption,
            body: BodyRecord::Pieces(vec![piece]),
            part_digests: Vec::new(),
        };
        let mut stored = Stored {
            etag: record.etag.etag(),
            checksum,
            size: record.size,
            modified: Timestamp::from_nanos(record.modified_ns),
            encrypted: record.encryption.encrypted()?,
            version: None,
            expiry: self.expiry_of(bucket, new.at.key.as_str(), &record).await?,
        };
        let elsewhere = self.elsewhere(&bucket.record).await?;
        let change = Change {
            at: new.at,
            bucket: bucket.id,
            condition: new.condition,
            becomes: Becomes::Object(Box::new(record), new.source),
            governance: Governance::Holds,
            also: attach(Request::new(), &piece, ingested.inline.as_ref(), &elsewhere)?,
        };
        let this = Arc::clone(self);
        let written = ingested.written;
        // In a task of its own: who waits may go away, but a commit under way has to be told apart from none.
        let commit = async move {
            let submitted = submit(written);
            let outcome = this.change(change).await;
            settle(submitted, &outcome, matches!(outcome, Ok(Changed::Done(_))));
            outcome.map_err(Failure::into_error)
        };
        match in_own_task(commit).await? {
            Changed::Done(done) => {
                stored.version = done.version;
                Ok(stored)
            }
            Changed::AlsoFailed => Err(ObjectError::Contended),
        }
    }

    /// Deletes an object or a version. Deleting what is not there is no error.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::PreconditionFailed`], [`ObjectError::NoSuchKey`] if a condition asks for
    /// what is not there; [`ObjectError::Locked`] for a version that is protected.
    pub async fn delete(self: &Arc<Self>, request: impl Into<DeleteObject>) -> Result<Deleted, ObjectError> {
        let request = request.into();
        let bucket = self.open_bucket(&request.of.at.bucket).await?.id;
        self.delete_in(bucket, request).await
    }

    /// Deletes from the bucket as it was found.
    async fn delete_in(self: &Arc<Self>, bucket: BucketId, request: DeleteObject) -> Result<Deleted, ObjectError> {
        let change = Change {
            at: request.of.at,
            bucket,
            condition: request.condition,
            becomes: request.of.version.map_or(Becomes::Deleted, Becomes::Without),
            governance: request.governance,
            also: Request::new(),
        };
        let this = Arc::clone(self);
        match in_own_task(async move { this.change(change).await.map_err(Failure::into_error) }).await? {
            Changed::Done(deleted) => Ok(deleted),
            Changed::AlsoFailed => Err(ObjectError::Contended),
        }
    }

    /// Deletes many objects of a bucket; one result for each request, in their order. The caller bounds the number by
    /// [`crate::limits::DELETE_KEYS_MAX`]. A bucket made again under the name meanwhile is another and keeps its objects.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`] for all of them.
    pub async fn delete_many(
        self: &Arc<Self>,
        bucket: &BucketName,
        requests: Vec<DeleteObject>,
    ) -> Result<Vec<Result<Deleted, ObjectError>>, ObjectError> {
        let id = self.open_bucket(bucket).await?.id;
        Ok(futures::stream::iter(requests)
            .map(|request| self.delete_in(id, request))
            .buffered(DELETES_AT_ONCE)
            .collect()
            .await)
    }
}

/// Runs something to its end even if nobody waits for it any more.
pub(super) async fn in_own_task<T: Send + 'static>(
    work: impl Future<Output = Result<T, ObjectError>> + Send + 'static,
) -> Result<T, ObjectError> {
    match tokio::spawn(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(ObjectError::Storage(Box::new(error))),
    }
}
