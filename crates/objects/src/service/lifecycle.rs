//! Lifecycle configurations of buckets: kept, compiled once, and asked.
//!
//! A configuration of a thousand rules does not fit into one value, so it is kept in rows of their own, one behind the other.
//! They are read in one scan and written in one commit with the bucket's record.

use super::{Objects, OpenBucket};
use crate::lifecycle::rules::{Rules, Subject};
use crate::limits::{COMPILED_LIFECYCLES_MAX, LIFECYCLE_BYTES_MAX, LIFECYCLE_ROW_BYTES, LIFECYCLE_ROWS_MAX};
use crate::records::{BucketId, BucketRecord, ObjectRecord};
use crate::{Expiry, Lifecycle, ObjectError, SettingKind, keys};
use baleen_meta::{Request, Scan, record};
use baleen_types::BucketName;
use bytes::Bytes;
use lru::LruCache;
use parking_lot::Mutex;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Compiled rules: of each bucket those that were needed last, with the revision of the bucket's record that they are of.
pub(super) struct Compiled(Mutex<LruCache<u64, (u64, Arc<Rules>)>>);

impl Default for Compiled {
    fn default() -> Self {
        let entries = NonZeroUsize::new(COMPILED_LIFECYCLES_MAX).unwrap_or(NonZeroUsize::MIN);
        Self(Mutex::new(LruCache::new(entries)))
    }
}

impl Objects {
    /// Reads the lifecycle configuration of a bucket; `None` if it has none.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`].
    pub async fn lifecycle(&self, name: &BucketName) -> Result<Option<Lifecycle>, ObjectError> {
        let bucket = self.open_bucket(name).await?;
        self.stored_lifecycle(&bucket.record).await
    }

    /// Sets, or with `None` removes, the lifecycle configuration of a bucket. What is removed from then on is removed by it.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`]; [`ObjectError::SettingTooLarge`].
    pub async fn put_lifecycle(&self, name: &BucketName, lifecycle: Option<&Lifecycle>) -> Result<(), ObjectError> {
        let encoded = match lifecycle {
            Some(lifecycle) => encode(lifecycle)?,
            None => Bytes::new(),
        };
        self.change_bucket(name, |record| {
            let bit = SettingKind::Lifecycle.bit();
            record.settings = if encoded.is_empty() {
                record.settings & !bit
            } else {
                record.settings | bit
            };
            let mut rows = encoded.chunks(LIFECYCLE_ROW_BYTES);
            let keys = lifecycle_rows(record.id);
            Ok(keys.fold(Request::new(), |request, key| match rows.next() {
                Some(row) => request.put(key, row.to_vec()),
                None => request.delete(key),
            }))
        })
        .await
    }

    async fn stored_lifecycle(&self, bucket: &BucketRecord) -> Result<Option<Lifecycle>, ObjectError> {
        if !bucket.has(SettingKind::Lifecycle) {
            return Ok(None);
        }
        let rows = Scan::prefix(&keys::setting(bucket.id, SettingKind::Lifecycle)).limit(LIFECYCLE_ROWS_MAX);
        let rows = self.meta.scan(rows).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let encoded = rows.iter().fold(Vec::new(), |mut all, row| {
            all.extend_from_slice(&row.value);
            all
        });
        Ok(Some(record::decode(&encoded)?))
    }

    /// The rules of a bucket, as its record is; `None` if it has none. If they have changed since it was read they may be
    /// newer than it, and a commit that is conditional on the record does not happen.
    pub(super) async fn rules_of(&self, bucket: &BucketRecord) -> Result<Option<Arc<Rules>>, ObjectError> {
        if !bucket.has(SettingKind::Lifecycle) {
            return Ok(None);
        }
        if let Some((revision, rules)) = self.lifecycles.0.lock().get(&bucket.id.0)
            && *revision == bucket.revision
        {
            return Ok(Some(Arc::clone(rules)));
        }
        let Some(lifecycle) = self.stored_lifecycle(bucket).await? else {
            return Ok(None);
        };
        let rules = Arc::new(Rules::new(lifecycle, self.settings.lifecycle_day));
        let entry = (bucket.revision, Arc::clone(&rules));
        self.lifecycles.0.lock().put(bucket.id.0, entry);
        Ok(Some(rules))
    }

    /// When a current object of a bucket goes by itself.
    pub(super) async fn expiry_of(
        &self,
        bucket: &OpenBucket,
        key: &str,
        object: &ObjectRecord,
    ) -> Result<Option<Expiry>, ObjectError> {
        let rules = self.rules_of(&bucket.record).await?;
        Ok(rules.and_then(|rules| rules.expiry(&object.subject(key), object.modified())))
    }
}

impl ObjectRecord {
    /// What rules see of it.
    pub(super) fn subject<'a>(&'a self, key: &'a str) -> Subject<'a> {
        Subject {
            key,
            size: self.size,
            tags: &self.tags,
        }
    }
}

fn encode(lifecycle: &Lifecycle) -> Result<Bytes, ObjectError> {
    let encoded = record::encode(lifecycle)?;
    let limit = LIFECYCLE_BYTES_MAX;
    if encoded.len() > limit {
        return Err(ObjectError::SettingTooLarge { limit });
    }
    Ok(encoded)
}

/// The keys of all rows that the configuration of a bucket may have.
pub(super) fn lifecycle_rows(bucket: BucketId) -> impl Iterator<Item = Vec<u8>> {
    let first = keys::setting(bucket, SettingKind::Lifecycle);
    (0..LIFECYCLE_ROWS_MAX).map(move |row| match u8::try_from(row) {
        // The first is where a setting of one row is.
        Ok(0) | Err(_) => first.clone(),
        Ok(row) => [&first[..], &[row]].concat(),
    })
}
