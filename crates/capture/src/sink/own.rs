//! Into our own store, in process.

use super::{Completion, SentPart, Sink, SinkError, Upload};
use crate::limits::{STORE_ATTEMPTS_MAX, STORE_PAUSE};
use async_trait::async_trait;
use baleen_filter::FiveTuple;
use baleen_objects::limits::LIST_UPLOADS_MAX;
use baleen_objects::{
    CompleteUpload, CompletedPart, CreateUpload, Encrypt, Expect, ListUploads, ObjectError, ObjectHeaders, Objects,
    PutObject, PutPart, Selection, Tags, UploadPath, WriteCondition, body_from_bytes,
};
use baleen_runtime::Clock;
use baleen_types::{AccountId, BucketName, Classify, ETag, ObjectKey, ObjectPath, PartNumber, UploadId};
use bytes::Bytes;
use std::sync::Arc;

/// Writes into a bucket that belongs to one account, for as long as it does.
///
/// The owner is compared before each write which names the bucket, since a bucket can be deleted and its name taken by
/// another account while a capture runs. Parts and completion name the upload, which dies with its bucket.
pub(crate) struct OwnSink {
    pub(crate) objects: Arc<Objects>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) account: AccountId,
    pub(crate) bucket: BucketName,
    pub(crate) encrypt: bool,
}

impl OwnSink {
    async fn check_owner(&self) -> Result<(), SinkError> {
        let bucket = self.patiently(|| self.objects.head_bucket(&self.bucket)).await?;
        if bucket.owner == self.account {
            Ok(())
        } else {
            Err(SinkError::BucketGone(self.bucket.clone()))
        }
    }

    /// Makes a call again while the store says that it cannot just now, a few times with longer pauses.
    async fn patiently<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, SinkError>
    where
        F: Future<Output = Result<T, ObjectError>>,
    {
        let mut pause = STORE_PAUSE;
        for _ in 1..STORE_ATTEMPTS_MAX {
            match call().await {
                Err(error) if error.kind().is_transient() => self.clock.sleep(pause).await,
                answer => return answer.map_err(fault),
            }
            pause *= 2;
        }
        call().await.map_err(fault)
    }

    /// Under keys of the store where that was asked for; else as the bucket has it, which may be more.
    fn encryption(&self) -> Encrypt {
        if self.encrypt {
            Encrypt::Managed
        } else {
            Encrypt::AsBucket
        }
    }

    fn at(&self, key: &ObjectKey) -> ObjectPath {
        ObjectPath {
            bucket: self.bucket.clone(),
            key: key.clone(),
        }
    }

    fn path(&self, upload: &Upload) -> Result<UploadPath, SinkError> {
        Ok(UploadPath {
            at: self.at(&upload.key),
            upload: UploadId::parse(&upload.id).map_err(SinkError::Damaged)?,
        })
    }
}

fn fault(error: ObjectError) -> SinkError {
    match error {
        ObjectError::NoSuchBucket(bucket) => SinkError::BucketGone(bucket),
        other => SinkError::Own(other),
    }
}

fn headers(content_type: &str) -> ObjectHeaders {
    ObjectHeaders {
        content_type: Some(content_type.to_owned()),
        ..ObjectHeaders::default()
    }
}

#[async_trait]
impl Sink for OwnSink {
    async fn put(&self, key: &ObjectKey, body: Bytes, content_type: &str) -> Result<(), SinkError> {
        self.check_owner().await?;
        let put = || {
            self.objects.put(PutObject {
                at: self.at(key),
                length: Some(body.len() as u64),
                body: body_from_bytes(body.clone()),
                headers: headers(content_type),
                lock: baleen_objects::Lock::default(),
                tags: Tags::default(),
                expect: Expect::default(),
                condition: WriteCondition::None,
                acl: baleen_types::Acl::default(),
                encrypt: self.encryption(),
            })
        };
        self.patiently(put).await.map(drop)
    }

    async fn begin(&self, key: &ObjectKey, content_type: &str) -> Result<Upload, SinkError> {
        self.check_owner().await?;
        let create = || {
            self.objects.create_upload(CreateUpload {
                initiator: None,
                at: self.at(key),
                headers: headers(content_type),
                lock: baleen_objects::Lock::default(),
                tags: Tags::default(),
                checksum_algorithm: None,
                checksum_kind: None,
                acl: baleen_types::Acl::default(),
                encrypt: self.encryption(),
            })
        };
        let upload = self.patiently(create).await?;
        Ok(Upload {
            key: key.clone(),
            id: upload.path.upload.to_string(),
        })
    }

    async fn part(&self, upload: &Upload, number: PartNumber, body: Bytes) -> Result<SentPart, SinkError> {
        let path = self.path(upload)?;
        let put = || {
            self.objects.put_part(PutPart {
                upload: path.clone(),
                part: number,
                length: Some(body.len() as u64),
                body: body_from_bytes(body.clone()),
                expect: Expect::default(),
                key: None,
            })
        };
        let part = self.patiently(put).await?;
        Ok(SentPart {
            number: number.get(),
            tag: part.etag.to_string(),
        })
    }

    async fn complete(&self, upload: &Upload, parts: &[SentPart], _again: bool) -> Result<Completion, SinkError> {
        let completed = |part: &SentPart| {
            Ok(CompletedPart {
                number: part.part_number()?,
                etag: ETag::parse(&part.tag).map_err(SinkError::Damaged)?,
                checksum: None,
            })
        };
        let request = CompleteUpload {
            upload: self.path(upload)?,
            parts: parts.iter().map(completed).collect::<Result<_, _>>()?,
            checksum: None,
            checksum_kind: None,
            size: None,
            key: None,
            condition: WriteCondition::None,
        };
        let complete = || self.objects.complete_upload(request.clone());
        match self.patiently(complete).await {
            Err(SinkError::Own(ObjectError::NoSuchUpload(_))) => {
                // The name holds the capture's id, so what is there is this upload's.
                let at = self.at(&upload.key);
                self.patiently(|| self.objects.head(&at, Selection::Whole)).await?;
                Ok(Completion::Confirmed)
            }
            completed => completed.map(|_| Completion::Confirmed),
        }
    }

    async fn abort(&self, upload: &Upload) -> Result<(), SinkError> {
        let path = self.path(upload)?;
        match self.patiently(|| self.objects.abort_upload(&path)).await {
            Err(SinkError::BucketGone(_) | SinkError::Own(ObjectError::NoSuchUpload(_))) => Ok(()),
            answer => answer,
        }
    }

    async fn begun(&self, key: &ObjectKey) -> Result<Vec<Upload>, SinkError> {
        match self.check_owner().await {
            // They went with the bucket.
            Err(SinkError::BucketGone(_)) => return Ok(Vec::new()),
            owned => owned?,
        }
        let list = || {
            self.objects.list_uploads(ListUploads {
                bucket: self.bucket.clone(),
                prefix: key.to_string(),
                delimiter: String::new(),
                after: None,
                max_uploads: LIST_UPLOADS_MAX,
            })
        };
        let page = self.patiently(list).await?;
        let of_key = page.uploads.into_iter().filter(|upload| upload.path.at.key == *key);
        Ok(of_key
            .map(|upload| Upload {
                key: key.clone(),
                id: upload.path.upload.to_string(),
            })
            .collect())
    }

    async fn own_traffic(&self) -> Vec<FiveTuple> {
        // In process: no packet leaves.
        Vec::new()
    }
}
