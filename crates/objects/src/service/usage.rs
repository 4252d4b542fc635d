//! What accounts have and have used.

use super::{Objects, OpenBucket, scan_all};
use crate::keys::{self, Counted};
use crate::records::BucketId;
use crate::{AccountUsage, Body, BucketUsage, ObjectError};
use baleen_meta::{Snapshot, counter};
use baleen_types::{AccountId, BucketName, Timestamp};
use baleen_usage::{Billing, BillingQuery, Totals, Usage};
use futures::StreamExt;
use std::sync::Arc;

impl Objects {
    /// Tells what an account has stored: a sum of counters, not a walk.
    pub async fn account_usage(&self, owner: AccountId) -> Result<AccountUsage, ObjectError> {
        self.account_usage_in(&self.meta.snapshot().await?, owner).await
    }

    /// Reports on days of an account that was made at `since`.
    pub async fn billing(
        &self,
        owner: AccountId,
        since: Timestamp,
        query: BillingQuery,
    ) -> Result<Billing, ObjectError> {
        // One moment for what is stored and for what changed it: the report works back from now.
        let snapshot = self.meta.snapshot().await?;
        let AccountUsage { objects, bytes, .. } = self.account_usage_in(&snapshot, owner).await?;
        let totals = Totals { objects, bytes };
        Ok(self.usage.billing(&snapshot, owner, since, query, totals).await?)
    }

    async fn account_usage_in(&self, snapshot: &Snapshot, owner: AccountId) -> Result<AccountUsage, ObjectError> {
        let names = self.bucket_names(snapshot, owner).await?;
        let keys: Vec<_> = names.iter().map(keys::bucket).collect();
        let stored = snapshot.get_many(&keys).await?;
        let mut sum = AccountUsage::default();
        for ((name, key), stored) in names.iter().zip(keys).zip(stored) {
            let bucket = OpenBucket::new(name, key, stored)?;
            let BucketUsage { objects, bytes, .. } = bucket_usage_in(snapshot, bucket.id).await?;
            sum.buckets += 1;
            sum.objects += objects;
            sum.bytes += bytes;
        }
        Ok(sum)
    }

    /// The names of an account's buckets.
    pub(super) async fn bucket_names(
        &self,
        snapshot: &Snapshot,
        owner: AccountId,
    ) -> Result<Vec<BucketName>, ObjectError> {
        let prefix = keys::bucket_by_owner(owner, "");
        let mut names = Vec::new();
        for entry in scan_all(snapshot, &prefix).await? {
            let name = std::str::from_utf8(&entry.key[prefix.len()..]).map_err(ObjectError::corrupt)?;
            names.push(BucketName::parse(name).map_err(ObjectError::corrupt)?);
        }
        Ok(names)
    }

    /// Counts what a body gives as downloaded from the bucket's owner.
    pub(super) fn counted(&self, body: Body, bucket: &OpenBucket) -> Result<Body, ObjectError> {
        let mut meter = Meter {
            usage: Arc::clone(&self.usage),
            account: bucket.record.owner()?,
            region: bucket.record.region.clone(),
            bytes: 0,
        };
        Ok(Box::pin(body.inspect(move |item| {
            if let Ok(bytes) = item {
                meter.pass(bytes.len());
            }
        })))
    }
}

/// Counts one download, which is told when it is dropped: a reader that goes away in the middle has got a part.
struct Meter {
    usage: Arc<Usage>,
    account: AccountId,
    region: String,
    bytes: u64,
}

impl Meter {
    fn pass(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.usage.downloaded(self.account, &self.region, self.bytes);
    }
}

/// The sums of a bucket's counters, in the order of [`Counted::ALL`].
pub(super) async fn counter_sums(
    snapshot: &Snapshot,
    bucket: BucketId,
) -> Result<[i128; Counted::ALL.len()], ObjectError> {
    let mut sums = [0; Counted::ALL.len()];
    for entry in scan_all(snapshot, &keys::counters(bucket)).await? {
        let value = counter::decode(&entry.value)?;
        let what = keys::counted(&entry.key)?;
        if let Some(at) = Counted::ALL.iter().position(|counted| *counted as u8 == what) {
            sums[at] += value;
        }
    }
    Ok(sums)
}

/// What a bucket has, by its counters.
pub(super) async fn bucket_usage_in(snapshot: &Snapshot, bucket: BucketId) -> Result<BucketUsage, ObjectError> {
    let sums = counter_sums(snapshot, bucket).await?;
    let sum = |what: Counted| {
        let sum = u64::try_from(sums[what.place()]).ok();
        sum.ok_or_else(|| ObjectError::corrupt("a bucket's counter is negative"))
    };
    Ok(BucketUsage {
        objects: sum(Counted::Objects)?,
        bytes: sum(Counted::Bytes)?,
        noncurrent_objects: sum(Counted::NoncurrentObjects)?,
        noncurrent_bytes: sum(Counted::NoncurrentBytes)?,
    })
}
