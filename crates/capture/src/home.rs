//! The bucket in which an account's captures are kept that name no other: samples, and the files of capture tasks.
//!
//! It is an ordinary bucket of the account: it counts as one, and its owner may read it, set rules for it, and delete it;
//! then the next capture makes it anew. What makes it another one:
//! * its name is kept for the account (`baleen_objects::captures_bucket`);
//! * it is made by the first capture that needs it, with all public access blocked;
//! * what is written there is encrypted under keys of the store: packets are whatever people sent.

use crate::sink::OwnSink;
use crate::{CaptureError, Captures};
use baleen_objects::{
    Body, CreateBucket, NewSettings, ObjectError, OpenObject, PublicAccessBlock, Selection, captures_bucket,
};
use baleen_types::{AccountId, ObjectKey, ObjectPath, ServedRange};
use std::sync::Arc;

impl Captures {
    /// A way to write into an account's own bucket, which is made if it is not there.
    ///
    /// # Errors
    /// `NoHome`.
    pub(crate) async fn home(&self, account: AccountId) -> Result<OwnSink, CaptureError> {
        let objects = &self.parts.objects;
        let name = captures_bucket(account);
        match objects.head_bucket(&name).await {
            Err(ObjectError::NoSuchBucket(_)) => self.make_home(account).await,
            Err(error) => Err(error),
            // From before names were kept.
            Ok(found) if found.owner != account => Err(ObjectError::BucketAlreadyExists(name.clone())),
            Ok(_) => Ok(()),
        }
        .map_err(CaptureError::NoHome)?;
        Ok(OwnSink {
            objects: Arc::clone(objects),
            clock: Arc::clone(&self.parts.clock),
            account,
            bucket: name,
            encrypt: true,
        })
    }

    async fn make_home(&self, account: AccountId) -> Result<(), ObjectError> {
        let new = CreateBucket {
            owner: account,
            name: captures_bucket(account),
            region: self.region.clone(),
            object_lock: false,
        };
        let settings = NewSettings::default().with(&PublicAccessBlock::ALL)?;
        match self.parts.objects.create_bucket_with(new, settings).await {
            // Another capture was first.
            Ok(_) | Err(ObjectError::BucketAlreadyOwnedByYou(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Opens a file in an account's own bucket.
    ///
    /// # Errors
    /// Those of the store. That the bucket is somebody else's by now is as if it were not there.
    pub(crate) async fn open_at_home(
        &self,
        account: AccountId,
        key: &ObjectKey,
        selection: Selection,
    ) -> Result<OpenObject, ObjectError> {
        let objects = &self.parts.objects;
        let bucket = captures_bucket(account);
        if objects.head_bucket(&bucket).await?.owner != account {
            return Err(ObjectError::NoSuchBucket(bucket));
        }
        let at = ObjectPath {
            bucket,
            key: key.clone(),
        };
        objects.open(&at, selection).await
    }
}

/// A file in an account's own bucket, opened for reading.
pub struct CaptureFile {
    /// Its name.
    pub name: String,
    /// All its bytes.
    pub size: u64,
    /// Which of them follow.
    pub range: ServedRange,
    /// The bytes; an error item means that what was given so far must not be taken for the whole.
    pub body: Body,
}

impl CaptureFile {
    pub(crate) fn new(name: String, opened: OpenObject) -> Self {
        Self {
            name,
            size: opened.head.size,
            range: opened.range,
            body: opened.body,
        }
    }
}

impl std::fmt::Debug for CaptureFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaptureFile")
            .field("name", &self.name)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
