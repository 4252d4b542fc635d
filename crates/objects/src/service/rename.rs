//! Renaming: an object gets another key, and nothing of it is copied.

use super::Objects;
use super::commit::{Becomes, check_condition};
use super::get::head_of;
use super::put::in_own_task;
use super::step::{Guard, Step};
use crate::keys;
use crate::limits::{COMMIT_ATTEMPTS_MAX, RENAME_TOKEN_KEPT};
use crate::records::RenamedRecord;
use crate::{Governance, ObjectError, ObjectHead, RenameObject, RenameToken};
use baleen_meta::{Outcome, record};
use baleen_types::{ObjectPath, Timestamp};
use bytes::Bytes;
use std::sync::Arc;

/// A place for a renaming that is remembered, as it was read.
struct Slot {
    key: Vec<u8>,
    stored: Option<Bytes>,
    /// Whether it has the renaming that was looked for.
    is_done: bool,
}

impl Objects {
    /// Gives an object another key of its bucket, in the place of what is there, with all that it has but its access control
    /// list and its time. One commit: nobody sees both, or neither.
    ///
    /// Only where no versions are kept: elsewhere the old key would keep a version, and two versions never have the same bytes.
    /// So nothing that is renamed or replaced can be under a lock.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::NoSuchKey`], [`ObjectError::RenameOntoItself`], [`ObjectError::RenameTokenMismatch`],
    /// [`ObjectError::RenameNeedsNoVersions`], [`ObjectError::PreconditionFailed`]; [`ObjectError::Contended`] also if the object
    /// is not the one that is meant any more.
    pub async fn rename(self: &Arc<Self>, request: RenameObject) -> Result<(), ObjectError> {
        if request.from.key == request.to {
            return Err(ObjectError::RenameOntoItself);
        }
        let this = Arc::clone(self);
        in_own_task(async move {
            let renamed = this.rename_in_turn(&request).await;
            match (&renamed, &request.token) {
                // Sent twice at a time, the other one may have done it after this one looked: then what it finds is what that left.
                (Err(_), Some(token)) if this.is_renamed(token).await.is_ok_and(|is_done| is_done) => Ok(()),
                _ => renamed,
            }
        })
        .await
    }

    /// Whether a renaming was done, of an account that may still be told. It is remembered in the commit that does it, for
    /// [`RENAME_TOKEN_KEPT`].
    ///
    /// # Errors
    /// [`ObjectError::RenameTokenMismatch`] if it was another that had this token.
    pub async fn is_renamed(&self, token: &RenameToken) -> Result<bool, ObjectError> {
        Ok(self.slot(token).await?.is_done)
    }

    /// Where a renaming is remembered.
    async fn slot(&self, token: &RenameToken) -> Result<Slot, ObjectError> {
        let key = keys::rename_token(token.account, &token.token);
        let stored = self.meta.get(&key).await?;
        let mut is_done = false;
        if let Some(stored) = &stored {
            let renamed: RenamedRecord = record::decode(stored)?;
            let is_kept = self.clock.now().since(Timestamp::from_nanos(renamed.done_ns)) < RENAME_TOKEN_KEPT;
            if is_kept && renamed.token == token.token {
                if renamed.asked != token.asked {
                    return Err(ObjectError::RenameTokenMismatch);
                }
                is_done = true;
            }
        }
        Ok(Slot { key, stored, is_done })
    }

    async fn rename_in_turn(&self, request: &RenameObject) -> Result<(), ObjectError> {
        let mut turn = None;
        // When it expires is not its own.
        let meant = request.meant.as_deref().cloned();
        let meant = meant.map(|meant| ObjectHead { expiry: None, ..meant });
        for _ in 0..COMMIT_ATTEMPTS_MAX {
            let slot = match &request.token {
                Some(token) => Some(self.slot(token).await?),
                None => None,
            };
            if slot.as_ref().is_some_and(|slot| slot.is_done) {
                return Ok(());
            }
            let bucket = self.open_bucket(&request.from.bucket).await?;
            if bucket.keeps_versions() {
                return Err(ObjectError::RenameNeedsNoVersions);
            }
            let source = self.find(&bucket, &(&request.from).into()).await?;
            if let Some(meant) = &meant
                && *meant != head_of(&bucket, &request.from, source.record.clone())?
            {
                return Err(ObjectError::Contended);
            }
            let to = ObjectPath {
                bucket: request.from.bucket.clone(),
                key: request.to.clone(),
            };
            let present = self.present(&to, bucket.id).await?;
            // Read later than the source, and so what decides; the commit is conditional on it.
            if present.keeps_versions() {
                return Err(ObjectError::RenameNeedsNoVersions);
            }
            let now = self.clock.now();
            let mut object = source.record.clone();
            object.version = self.version_after(&present);
            object.modified_ns = now.as_nanos();
            object.acl = (&baleen_types::Acl::default()).into();
            let becomes = Becomes::Object(Box::new(object.clone()), baleen_usage::Source::Copy);
            check_condition(&request.condition, &present, &becomes)?;
            let governance = Governance::Holds;
            let elsewhere = self.elsewhere(&bucket.record).await?;
            let mut step = Step::new(Guard { now, governance }, elsewhere);
            self.add_object(&mut step, &present, &object).await?;
            step.hand_over(source.key, source.stored, &source.record);
            // Nothing came in, so that it is no upload; what was at the key goes as in any overwriting.
            let mut commit = self.count(
                present.unchanged().and(step.request),
                &present,
                step.tally,
                None,
                step.removed,
            )?;
            if let (Some(slot), Some(token)) = (slot, &request.token) {
                let renamed = RenamedRecord {
                    token: token.token,
                    asked: token.asked,
                    done_ns: now.as_nanos(),
                };
                commit = commit
                    .unchanged(slot.key.clone(), slot.stored)
                    .put(slot.key, record::encode(&renamed)?);
            }
            if self.meta.commit(commit).await? == Outcome::Committed {
                self.blobs.release(step.freed);
                self.regions.hint();
                self.collect_dead(step.dead_pages).await;
                return Ok(());
            }
            if turn.is_none() {
                turn = Some(self.queue_of(&present.object_key).lock().await);
            }
        }
        Err(ObjectError::Contended)
    }
}
