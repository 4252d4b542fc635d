//! Deleting capture tasks.

use super::{due, keys};
use crate::capture;
use crate::limits::{COMMIT_ATTEMPTS_MAX, TASKS_DELETED_MAX};
use crate::{CaptureError, Captures};
use baleen_meta::{Outcome, Request};
use baleen_types::{AccountId, CaptureId, SiteName, Timestamp};
use bytes::Bytes;
use std::collections::HashMap;
use tracing::{info, warn};

impl Captures {
    /// Deletes tasks with their files, all of them or none. One that is named twice is deleted once.
    ///
    /// Shape: `POST /v1/{project_id}/capture-task/batch-delete`.
    ///
    /// # Errors
    /// `NoSite`, `NoSuchTask`; `TaskNotOver` when one of them is not over, or its upload is still being given up; `TaskLimit`.
    ///
    /// # Cancel safety
    /// Safe: a file whose task is gone goes with the next pass at the latest.
    pub async fn delete_tasks(
        &self,
        account: AccountId,
        instance: &SiteName,
        mut ids: Vec<CaptureId>,
    ) -> Result<(), CaptureError> {
        self.known_instance(account, instance)?;
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > TASKS_DELETED_MAX {
            return Err(CaptureError::TaskLimit {
                what: "are deleted by one request",
                limit: TASKS_DELETED_MAX,
            });
        }
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let mut request = Request::new();
            let mut files = Vec::with_capacity(ids.len());
            let mut caught = HashMap::with_capacity(ids.len());
            for id in &ids {
                let owner = (account, *id);
                let read = self.task_record(account, instance, *id).await?;
                let unfinished = capture::unfinished_key(account, *id);
                let is_unfinished = self.parts.meta.get(&unfinished).await?.is_some();
                if is_unfinished || !read.record.status().is_terminal() {
                    return Err(CaptureError::TaskNotOver(*id));
                }
                let task = read.record.task.as_ref().ok_or(CaptureError::NoSuchTask)?;
                let due = due(&read.record, task).ok_or(CaptureError::Damaged("capture"))?;
                let key = capture::key(account, *id);
                // The file is due at once, for a pass finds it there if this process ends before it is gone.
                let now_due = keys::expiry_key(Timestamp::EPOCH, owner);
                let object = Bytes::copy_from_slice(read.record.object.as_bytes());
                let submitted = Timestamp::from_nanos(read.record.submitted_ns);
                request = request
                    .unchanged(key.clone(), Some(read.bytes))
                    .absent(unfinished)
                    .delete(key)
                    .and(keys::forget(task, owner, submitted))
                    .delete(keys::expiry_key(due, owner))
                    .put(now_due.clone(), object.clone());
                files.push((now_due, owner, object));
                caught.insert(*id, read.record.counts().bytes);
            }
            let request = request.and(self.settle_forgotten(account, &caught).await?);
            let Outcome::Committed = self.parts.meta.commit(request).await? else {
                continue;
            };
            info!(%account, tasks = ids.len(), "capture tasks deleted");
            for (key, owner, object) in files {
                if let Err(error) = self.expire_one(&key, owner, &object).await {
                    warn!(capture = %owner.1, %error, "file of a deleted capture task not deleted yet");
                }
            }
            return Ok(());
        }
        Err(CaptureError::Contended)
    }
}
