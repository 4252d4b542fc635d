//! Bringing the volume in line with the records. Idempotent, takes no input, and may stop anywhere.
//!
//! The records are right: what they name is live, and everything else on the volume is left from a crash. Nothing is
//! removed unless its record was looked for and not found, after it was made sure that no commit can still name it.

use super::{Objects, scan_all};
use crate::keys::{self, Dead};
use crate::limits::{COMPLETED_UPLOAD_KEPT, RENAME_TOKEN_KEPT, UPLOADS_ABORTED_WITH_BUCKET_MAX};
use crate::records::{BucketId, CompletedRecord, ExtentPage, LiveExtent, RenamedRecord};
use crate::service::step::detach;
use crate::{ObjectError, UploadPath};
use baleen_blob::{BlobId, Extent};
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::{Request, Scan, record};
use baleen_types::{BucketName, ObjectKey, ObjectPath, Timestamp};
use bytes::Bytes;
use std::time::Duration;

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files that no record named, removed.
    pub files_removed: usize,
    /// Removed objects and buckets whose pieces were still there, now freed.
    pub garbage_collected: usize,
}

impl Objects {
    /// Frees what no record names. To be run once soon after the start, and then at long intervals; the store can be used
    /// meanwhile.
    pub async fn sweep(&self) -> Result<Swept, ObjectError> {
        let swept = Swept {
            files_removed: self.remove_orphans().await?,
            garbage_collected: self.collect_garbage().await?,
        };
        self.settle_doubtful().await?;
        self.forget_answers().await?;
        tracing::debug!(?swept, "the volume was swept");
        Ok(swept)
    }

    async fn remove_orphans(&self) -> Result<usize, ObjectError> {
        // What is in another folder may be another store's.
        if !self.regions.is_home_there(&self.blobs) {
            return Err(ObjectError::Storage("the folder of home has gone".into()));
        }
        let mut orphans: Vec<BlobId> = Vec::new();
        for folder in 0..=u8::MAX {
            let files = self.blobs.files(folder).await?;
            let marks: Vec<_> = files.iter().map(|id| keys::file_extent(*id)).collect();
            let stored = self.meta.get_many(&marks).await?;
            orphans.extend(
                files
                    .into_iter()
                    .zip(stored)
                    .filter(|(_, mark)| mark.is_none())
                    .map(|(id, _)| id),
            );
        }
        if !orphans.is_empty() {
            // A deletion may be visible before it is durable. If it were lost, its bytes would be needed again.
            self.barrier().await?;
        }
        for id in &orphans {
            self.blobs.remove_file(*id).await?;
        }
        Ok(orphans.len())
    }

    /// Returns when everything that was committed or queued before is durable or refused.
    pub(super) async fn barrier(&self) -> Result<(), ObjectError> {
        let key = KeyWriter::new(Table::System).tail("objects/swept");
        let now = self.clock.now().as_nanos().to_be_bytes();
        self.meta.commit(Request::new().put(key, now.to_vec())).await?;
        Ok(())
    }

    async fn collect_garbage(&self) -> Result<usize, ObjectError> {
        let snapshot = self.meta.snapshot().await?;
        let dead = scan_all(&snapshot, &KeyWriter::new(Table::Garbage).finish()).await?;
        for entry in &dead {
            match keys::dead_of(&entry.key)? {
                Dead::Pages(id) => self.collect_pages(id).await?,
                Dead::Bucket(id) => self.collect_bucket(id, usize::MAX).await?,
            }
        }
        Ok(dead.len())
    }

    /// Frees the pieces of an object that is gone, page by page.
    pub(super) async fn collect_pages(&self, id: [u8; 16]) -> Result<(), ObjectError> {
        let prefix = KeyWriter::new(Table::ExtentPage).fixed(&id).finish();
        for entry in scan_all(&self.meta.snapshot().await?, &prefix).await? {
            let mut stored = Some(entry.value);
            while let Some(page) = stored.take() {
                let mut freed = Vec::new();
                // Under this condition only one of two collectors frees the page's extents.
                let mut request = Request::new().unchanged(entry.key.to_vec(), Some(page.clone()));
                request = request.delete(entry.key.to_vec());
                for piece in record::decode::<ExtentPage>(&page)?.pieces {
                    // Nothing says any more which bucket it was in, so that each region is to look.
                    request = detach(request, &piece, &mut freed, self.regions.everywhere());
                }
                if self.meta.commit(request).await?.is_committed() {
                    self.blobs.release(freed);
                    self.regions.hint();
                } else {
                    // It is gone, or its pieces were moved.
                    stored = self.meta.get(&entry.key).await?;
                }
            }
        }
        self.meta.commit(Request::new().delete(keys::dead_pages(id))).await?;
        Ok(())
    }

    /// Aborts the uploads of a bucket that is gone, at most so many; the mark goes when none is left.
    pub(super) async fn collect_bucket(&self, id: BucketId, uploads_max: usize) -> Result<(), ObjectError> {
        let prefix = keys::uploads(id, "");
        let mut left = uploads_max;
        let mut last: Option<Vec<u8>> = None;
        while left > 0 {
            let mut scan = Scan::prefix(&prefix)
                .limit(left.min(UPLOADS_ABORTED_WITH_BUCKET_MAX))
                .keys_only();
            if let Some(last) = last {
                scan = scan.after(last);
            }
            let page = self.meta.scan(scan).await?;
            for entry in &page {
                let (key, upload) = keys::upload_of(&entry.key)?;
                let at = ObjectPath {
                    // The bucket has no name any more; nothing looks at it on this way.
                    bucket: BucketName::parse("gone").map_err(ObjectError::corrupt)?,
                    key: ObjectKey::parse(key).map_err(ObjectError::corrupt)?,
                };
                match self.abort(id, &UploadPath { at, upload }).await {
                    Ok(()) | Err(ObjectError::NoSuchUpload(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            left -= page.len();
            last = page.last().map(|entry| entry.key.to_vec());
            if last.is_none() {
                self.meta.commit(Request::new().delete(keys::dead_bucket(id))).await?;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Looks what became of commits whose answer nobody heard.
    async fn settle_doubtful(&self) -> Result<(), ObjectError> {
        let doubtful = self.blobs.doubtful();
        if doubtful.is_empty() {
            return Ok(());
        }
        // The committer works in order: after this, the commits in doubt are decided.
        self.barrier().await?;
        let marks: Vec<_> = doubtful
            .iter()
            .map(|extent| keys::extent(extent.place, extent.id))
            .collect();
        let stored = self.meta.get_many(&marks).await?;
        let names = |mark: &Bytes, extent: &Extent| {
            record::decode::<LiveExtent>(mark).is_ok_and(|live| live.id == *extent.id.as_bytes())
        };
        for (extent, mark) in doubtful.into_iter().zip(stored) {
            if mark.is_some_and(|mark| names(&mark, &extent)) {
                self.blobs.settled(extent);
            } else {
                self.blobs.release(vec![extent]);
            }
        }
        Ok(())
    }

    /// Forgets the answers to what no client will ask for again: completed uploads, and renamings with a token.
    async fn forget_answers(&self) -> Result<(), ObjectError> {
        self.forget(Table::CompletedUpload, COMPLETED_UPLOAD_KEPT, |value| {
            Ok(record::decode::<CompletedRecord>(value)?.modified_ns)
        })
        .await?;
        self.forget(Table::RenameToken, RENAME_TOKEN_KEPT, |value| {
            Ok(record::decode::<RenamedRecord>(value)?.done_ns)
        })
        .await
    }

    /// Deletes the rows of a table that are older than is said. One that is written anew meanwhile stays.
    async fn forget(
        &self,
        table: Table,
        kept: Duration,
        written_ns: fn(&[u8]) -> Result<i64, ObjectError>,
    ) -> Result<(), ObjectError> {
        let now = self.clock.now();
        let mut last: Option<Vec<u8>> = None;
        loop {
            let mut scan = Scan::prefix(&KeyWriter::new(table).finish()).limit(1000);
            if let Some(last) = last {
                scan = scan.after(last);
            }
            let page = self.meta.scan(scan).await?;
            let mut requests = Vec::new();
            for entry in &page {
                if now.since(Timestamp::from_nanos(written_ns(&entry.value)?)) > kept {
                    let key = entry.key.to_vec();
                    let request = Request::new().unchanged(key.clone(), Some(entry.value.clone()));
                    requests.push(request.delete(key));
                }
            }
            // At once, so that they share their syncs.
            futures::future::try_join_all(requests.into_iter().map(|request| self.meta.commit(request))).await?;
            match page.last() {
                Some(entry) => last = Some(entry.key.to_vec()),
                None => return Ok(()),
            }
        }
    }
}
