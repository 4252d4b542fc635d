//! Copying inside the store.

use super::encryption::has_default;
use super::put::in_own_task;
use super::{Objects, OpenBucket};
use crate::limits::{COMMIT_ATTEMPTS_MAX, PUT_BYTES_MAX};
use crate::records::HeadersRecord;
use crate::{
    CopyObject, CopyPart, Directive, Encrypt, Encrypted, Expect, FailedCondition, ObjectError, ObjectHead,
    ObjectHeaders, Part, PutObject, PutPart, Selection, Stored, WriteCondition,
};
use baleen_meta::{Request, record};
use baleen_types::{ByteRange, ETag, ObjectPath};
use baleen_usage::Source;
use std::sync::Arc;

impl Objects {
    /// Copies an object. Onto itself, with new headers, only its record is written, unless it is
    /// encrypted or will be: then a copy is sealed anew, as every copy is.
    ///
    /// # Errors
    /// As [`Objects::open`] for the source and [`Objects::put`] for the destination; [`ObjectError::CopyOntoItself`];
    /// [`ObjectError::TooLarge`] above 5 GiB, which take a multipart copy.
    pub async fn copy(self: &Arc<Self>, request: CopyObject) -> Result<Stored, ObjectError> {
        if request.source.at == request.to && request.source.version.is_none() {
            let is_as_bucket = matches!(request.encrypt, Encrypt::AsBucket | Encrypt::AsFound(_));
            match &request.headers {
                Directive::Replace(headers) => headers.check()?,
                Directive::Copy if is_as_bucket => return Err(ObjectError::CopyOntoItself),
                Directive::Copy => {}
            }
            let source_key = request.source_key.as_ref();
            let head = self.head_with(&request.source, Selection::Whole, source_key).await?.0;
            check_source(&head, &request.source_if_match, request.source_kept.as_ref())?;
            let algorithm = head.checksum.map(|stored| stored.checksum.algorithm());
            // Where versions are kept, the copy is one more, with bytes of its own.
            let keeps_versions = head.version.is_some();
            let bucket = self.open_bucket(&request.to.bucket).await?.record;
            let stays_plain = is_as_bucket && head.encrypted == Encrypted::No && !has_default(&bucket);
            if !keeps_versions
                && stays_plain
                && (request.checksum_algorithm.is_none() || request.checksum_algorithm == algorithm)
            {
                let this = Arc::clone(self);
                return in_own_task(async move { this.restate(request).await }).await;
            }
        }
        let key = request.source_key.as_ref();
        let source = self.open_uncounted(&request.source, Selection::Whole, key).await?;
        check_source(&source.head, &request.source_if_match, request.source_kept.as_ref())?;
        if source.head.size > PUT_BYTES_MAX {
            return Err(ObjectError::TooLarge { limit: PUT_BYTES_MAX });
        }
        let algorithm = source.head.checksum.as_ref().map(|stored| stored.checksum.algorithm());
        let expect = Expect {
            checksum_algorithm: request.checksum_algorithm.or(algorithm),
            ..Expect::default()
        };
        let headers = match request.headers {
            Directive::Copy => source.head.headers,
            Directive::Replace(headers) => headers,
        };
        let tags = match request.tags {
            Directive::Copy => source.head.tags,
            Directive::Replace(tags) => tags,
        };
        let put = PutObject {
            at: request.to,
            body: source.body,
            length: Some(source.head.size),
            headers,
            tags,
            lock: request.lock,
            acl: request.acl,
            encrypt: request.encrypt,
            expect,
            condition: request.condition,
        };
        self.put_from(put, Source::Copy).await
    }

    /// Stores a part from an object of the store.
    ///
    /// # Errors
    /// As [`Objects::open`] for the source and [`Objects::put_part`] for the part; [`ObjectError::InvalidRange`] if the
    /// range does not lie wholly inside the source.
    pub async fn copy_part(self: &Arc<Self>, request: CopyPart) -> Result<Part, ObjectError> {
        let selection = request.range.map_or(Selection::Whole, Selection::Range);
        let source = self
            .open_uncounted(&request.source, selection, request.source_key.as_ref())
            .await?;
        check_source(&source.head, &request.source_if_match, request.source_kept.as_ref())?;
        let size = source.head.size;
        if matches!(request.range, Some(ByteRange::Between { last, .. }) if last >= size) {
            return Err(ObjectError::InvalidRange { size });
        }
        self.put_part(PutPart {
            upload: request.upload,
            part: request.part,
            body: source.body,
            length: Some(source.range.length),
            key: request.key,
            expect: Expect::default(),
        })
        .await
    }

    /// Gives an object new headers, and with them a new version and time; its bytes stay where they are.
    async fn restate(&self, request: CopyObject) -> Result<Stored, ObjectError> {
        let Directive::Replace(headers) = &request.headers else {
            return Err(ObjectError::CopyOntoItself);
        };
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let bucket = self.open_bucket(&request.to.bucket).await?;
            if let Some(stored) = self.try_restate(bucket, &request, headers).await? {
                return Ok(stored);
            }
        }
        Err(ObjectError::Contended)
    }

    async fn try_restate(
        &self,
        bucket: OpenBucket,
        request: &CopyObject,
        headers: &ObjectHeaders,
    ) -> Result<Option<Stored>, ObjectError> {
        let at: &ObjectPath = &request.to;
        if bucket.keeps_versions() || has_default(&bucket.record) {
            return Err(ObjectError::Contended);
        }
        // Where no versions are kept nothing is locked, nor can be.
        bucket.record.check_lock(&request.lock, self.clock.now())?;
        let current = self.find(&bucket, &at.into()).await?;
        let head = self.head_of(&bucket, at, current.clone()).await?;
        if head.encrypted != Encrypted::No {
            return Err(ObjectError::Contended);
        }
        check_source(&head, &request.source_if_match, request.source_kept.as_ref())?;
        match &request.condition {
            WriteCondition::None | WriteCondition::IfPresent => {}
            WriteCondition::IfMatch(etag) if head.etag == *etag => {}
            failed @ (WriteCondition::IfMatch(_) | WriteCondition::IfAbsent) => return Err(failed.failed()),
        }
        let mut new = current.record;
        new.version = self.new_id();
        new.modified_ns = self.clock.now().as_nanos();
        new.headers = HeadersRecord::from(headers);
        if let Directive::Replace(tags) = &request.tags {
            new.tags = tags.clone().into_pairs();
        }
        new.acl = (&request.acl).into();
        let expiry = self.expiry_of(&bucket, at.key.as_str(), &new).await?;
        let commit = Request::new()
            .unchanged(bucket.key, Some(bucket.stored))
            .unchanged(current.key.clone(), Some(current.stored))
            .put(current.key, record::encode(&new)?);
        let committed = self.meta.commit(commit).await?.is_committed();
        Ok(committed.then(|| Stored {
            etag: head.etag,
            checksum: head.checksum,
            size: new.size,
            modified: new.modified(),
            encrypted: head.encrypted,
            version: None,
            expiry,
        }))
    }
}

/// Compares the source's tag with the ones it may have, and its key with the one that was decided about.
fn check_source(source: &ObjectHead, allowed: &[ETag], kept: Option<&Encrypted>) -> Result<(), ObjectError> {
    if kept.is_some_and(|kept| kept.named_key() != source.encrypted.named_key()) {
        return Err(ObjectError::Contended);
    }
    if allowed.is_empty() || allowed.contains(&source.etag) {
        Ok(())
    } else {
        Err(ObjectError::PreconditionFailed(FailedCondition::SourceIfMatch))
    }
}
