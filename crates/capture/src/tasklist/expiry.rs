//! Forgetting capture tasks when their days are over: the file first, then the record, so that nothing is left that nobody
//! knows of.

use super::keys;
use crate::capture::{self, StoredCapture};
use crate::limits::EXPIRY_POSTPONED;
use crate::store;
use crate::{CaptureError, Captures};
use baleen_meta::{Request, Scan};
use baleen_objects::{ObjectError, captures_bucket};
use baleen_types::{AccountId, CaptureId, ObjectKey, ObjectPath, Timestamp};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use tracing::warn;

/// How many are looked at in one page; between two the pass sees whether the process stops.
const PAGE: usize = 256;

/// What a pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// How many tasks of which account are gone with their files.
    pub tasks: BTreeMap<AccountId, u64>,
    /// How many could not go, and are tried again later.
    pub postponed: u64,
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks: u64 = self.tasks.values().sum();
        write!(f, "{tasks} capture tasks forgotten; {} put off", self.postponed)
    }
}

impl Captures {
    /// Forgets the tasks that are due. What cannot go keeps nothing else from going; it is tried again an hour later, or by the
    /// next pass. Tells `so_far` after each page.
    ///
    /// # Errors
    /// Those of the metadata store; what was done by then is done.
    pub async fn expire_tasks(&self, mut so_far: impl FnMut(&Expired) + Send) -> Result<Expired, CaptureError> {
        let mut expired = Expired::default();
        let mut scan = Scan::prefix(&keys::all_expiries()).limit(PAGE);
        loop {
            so_far(&expired);
            let now = self.parts.clock.now();
            let page = self.parts.meta.scan(scan.clone()).await?;
            for entry in &page {
                let (due, owner) = keys::in_expiry_key(&entry.key)?;
                if due > now {
                    return Ok(expired);
                }
                match self.expire_one(&entry.key, owner, &entry.value).await {
                    Ok(true) => *expired.tasks.entry(owner.0).or_default() += 1,
                    Ok(false) => {}
                    Err(CaptureError::Meta(error)) => return Err(error.into()),
                    Err(error) => {
                        warn!(capture = %owner.1, %error, "a capture task whose time is over could not be forgotten");
                        expired.postponed += 1;
                        self.postpone(&entry.key, owner, entry.value.clone(), now).await?;
                    }
                }
            }
            so_far(&expired);
            match page.last() {
                Some(last) if page.len() == PAGE && !self.parts.supervisor.shutdown().is_stopping() => {
                    scan = scan.after(last.key.to_vec());
                }
                _ => return Ok(expired),
            }
        }
    }

    /// Deletes the file of a task, and then what is stored of it; whether there was anything to delete.
    pub(super) async fn expire_one(
        &self,
        entry: &[u8],
        owner: (AccountId, CaptureId),
        object: &Bytes,
    ) -> Result<bool, CaptureError> {
        let (account, id) = owner;
        // Its upload is still being given up, or its name is in a commit under way.
        let unfinished = self.parts.meta.get(&capture::unfinished_key(account, id)).await?;
        if unfinished.is_some() {
            return Err(CaptureError::TaskNotOver(id));
        }
        let object = std::str::from_utf8(object).ok();
        let object = object.and_then(|text| ObjectKey::parse(text).ok());
        let object = object.ok_or(CaptureError::Damaged("capture"))?;
        self.delete_at_home(account, object)
            .await
            .map_err(CaptureError::Objects)?;
        let read = store::read::<StoredCapture>(&self.parts.meta, &capture::key(account, id)).await?;
        let mut request = Request::new().delete(entry);
        if let Some(store::Read { record, bytes }) = &read {
            let key = capture::key(account, id);
            request = request.unchanged(key.clone(), Some(bytes.clone())).delete(key);
            if let Some(task) = &record.task {
                let submitted = Timestamp::from_nanos(record.submitted_ns);
                request = request.and(keys::forget(task, owner, submitted));
            }
        }
        let outcome = self.parts.meta.commit(request).await?;
        if !outcome.is_committed() {
            return Err(CaptureError::Contended);
        }
        Ok(true)
    }

    /// Deletes an object of the account's own bucket; that it, or the bucket, is not there is as good. In a bucket that keeps
    /// versions it is hidden, as its owner wants it.
    async fn delete_at_home(&self, account: AccountId, key: ObjectKey) -> Result<(), ObjectError> {
        let objects = &self.parts.objects;
        let bucket = captures_bucket(account);
        let is_own = match objects.head_bucket(&bucket).await {
            Ok(found) => found.owner == account,
            Err(ObjectError::NoSuchBucket(_)) => false,
            Err(error) => return Err(error),
        };
        if !is_own {
            return Ok(());
        }
        match objects.delete(ObjectPath { bucket, key }).await {
            Ok(_) | Err(ObjectError::NoSuchBucket(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn postpone(
        &self,
        entry: &[u8],
        owner: (AccountId, CaptureId),
        object: Bytes,
        now: Timestamp,
    ) -> Result<(), CaptureError> {
        let later = keys::expiry_key(now.plus(EXPIRY_POSTPONED), owner);
        let request = Request::new().delete(entry).put(later, object);
        self.parts.meta.commit(request).await?;
        Ok(())
    }
}
