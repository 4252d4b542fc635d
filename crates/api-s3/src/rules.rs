//! What the settings of buckets say of who may, compiled once.

use std::num::NonZeroUsize;
use std::sync::Arc;

use baleen_objects::{Bucket, BucketPolicy, Objects, PublicAccessBlock, SettingKind};
use baleen_policy::{DocumentKind, Policy, Principal};
use baleen_types::AccountId;
use lru::LruCache;
use parking_lot::Mutex;

use crate::fault::Fault;
use crate::limits::COMPILED_POLICIES_MAX;

/// A bucket's policy, and for whom it holds.
#[derive(Debug)]
pub(crate) struct Rules {
    policy: Policy,
    /// Whether it holds for principals of the owner's account only.
    for_own_account: bool,
}

impl Rules {
    /// The policy as it is to be judged for a principal.
    pub(crate) fn policy_for(&self, principal: &Principal, owner: AccountId) -> Option<&Policy> {
        let is_own = principal.user().is_some_and(|user| user.account == owner);
        (is_own || !self.for_own_account).then_some(&self.policy)
    }

    /// Whether there is anything in it for who has no credentials.
    pub(crate) fn may_admit_nobody(&self) -> bool {
        !self.for_own_account && self.policy.reaches_everyone()
    }
}

/// The policies of buckets: read and compiled when they are first needed, and again when their bucket's settings have
/// changed, which each bucket's record tells.
pub(crate) struct BucketPolicies {
    objects: Arc<Objects>,
    compiled: Mutex<LruCache<(u64, u64), Arc<Rules>>>,
}

impl BucketPolicies {
    pub(crate) fn new(objects: Arc<Objects>) -> Self {
        let entries = NonZeroUsize::new(COMPILED_POLICIES_MAX).unwrap_or(NonZeroUsize::MIN);
        Self {
            objects,
            compiled: Mutex::new(LruCache::new(entries)),
        }
    }

    /// The rules of a bucket; `None` if it has no policy, which costs nothing to tell.
    pub(crate) async fn of(&self, bucket: &Bucket) -> Result<Option<Arc<Rules>>, Fault> {
        if !bucket.settings.has(SettingKind::Policy) {
            return Ok(None);
        }
        let key = bucket.settings.key();
        if let Some(rules) = self.compiled.lock().get(&key) {
            return Ok(Some(Arc::clone(rules)));
        }
        // If one of them has changed meanwhile it is the newer one, which a request may see that is still under way.
        let Some(stored) = self.objects.setting::<BucketPolicy>(&bucket.name).await? else {
            return Ok(None);
        };
        let block = if bucket.settings.has(SettingKind::PublicAccessBlock) {
            self.objects.setting::<PublicAccessBlock>(&bucket.name).await?
        } else {
            None
        };
        let policy = compile(&stored.document)?;
        let rules = Arc::new(Rules {
            for_own_account: block.is_some_and(|block| block.restrict_public_buckets) && policy.is_public(),
            policy,
        });
        self.compiled.lock().put(key, Arc::clone(&rules));
        Ok(Some(rules))
    }
}

/// Denies everything to everyone; the owner's root can put another in its place.
const CLOSED: &str = r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}"#;

/// A document was compiled before it was stored; one that is none any more closes the bucket.
fn compile(document: &str) -> Result<Policy, Fault> {
    let closed = |error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a stored policy cannot be read: its bucket is closed"
        );
        Policy::parse(CLOSED, DocumentKind::Bucket)
    };
    Policy::parse(document, DocumentKind::Bucket)
        .or_else(closed)
        .map_err(|_| Fault::access_denied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_any_more_closes_the_bucket() {
        let policy = compile("{").unwrap();
        assert!(!policy.reaches_everyone());
        assert!(!policy.is_public());
    }
}
