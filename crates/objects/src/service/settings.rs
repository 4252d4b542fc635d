//! Settings of buckets.

use super::Objects;
use crate::limits::SETTING_BYTES_MAX;
use crate::{BucketSetting, ObjectError, PublicAccessBlock, Settled, keys};
use baleen_meta::{Request, record};
use baleen_types::{AccountId, BucketName};

impl Objects {
    /// Reads a setting of a bucket; `None` if it has none of that kind.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`].
    pub async fn setting<S: BucketSetting>(&self, name: &BucketName) -> Result<Option<S>, ObjectError> {
        let bucket = self.open_bucket(name).await?;
        if !bucket.record.has(S::KIND) {
            return Ok(None);
        }
        let stored = self.meta.get(&keys::setting(bucket.id, S::KIND)).await?;
        Ok(stored.map(|stored| record::decode(&stored)).transpose()?)
    }

    /// Sets, or with `None` removes, a setting of a bucket. In force for every request that arrives after the answer.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`]; [`ObjectError::SettingTooLarge`].
    pub async fn put_setting<S: BucketSetting>(
        &self,
        name: &BucketName,
        setting: Option<&S>,
    ) -> Result<(), ObjectError> {
        self.put_setting_in(name, None, setting).await
    }

    /// [`Objects::put_setting`] while the bucket is in the state `seen`, if it is given: who decided by other settings of it
    /// decided by these.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`]; [`ObjectError::SettingTooLarge`]; [`ObjectError::Contended`] if anything of the bucket was set since.
    pub async fn put_setting_in<S: BucketSetting>(
        &self,
        name: &BucketName,
        seen: Option<Settled>,
        setting: Option<&S>,
    ) -> Result<(), ObjectError> {
        let encoded = setting.map(record::encode).transpose()?;
        let limit = SETTING_BYTES_MAX;
        if encoded.as_ref().is_some_and(|value| value.len() > limit) {
            return Err(ObjectError::SettingTooLarge { limit });
        }
        self.change_bucket(name, |record| {
            if seen.is_some_and(|seen| seen.key() != (record.id.0, record.revision)) {
                return Err(ObjectError::Contended);
            }
            let key = keys::setting(record.id, S::KIND);
            Ok(if let Some(value) = &encoded {
                record.settings |= S::KIND.bit();
                Request::new().put(key, value.clone())
            } else {
                record.settings &= !S::KIND.bit();
                Request::new().delete(key)
            })
        })
        .await
    }

    /// What of public access to all buckets of an account is blocked; `None` if it was never said.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn account_block(&self, account: AccountId) -> Result<Option<PublicAccessBlock>, ObjectError> {
        let stored = self.meta.get(&keys::account_block(account)).await?;
        Ok(stored.map(|stored| record::decode(&stored)).transpose()?)
    }

    /// Says it, or with `None` takes it back. In force for every request that arrives after the answer, also for buckets that are
    /// made later.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn put_account_block(
        &self,
        account: AccountId,
        block: Option<&PublicAccessBlock>,
    ) -> Result<(), ObjectError> {
        let key = keys::account_block(account);
        let request = match block {
            Some(block) => Request::new().put(key, record::encode(block)?),
            None => Request::new().delete(key),
        };
        self.meta.commit(request).await?;
        Ok(())
    }
}
