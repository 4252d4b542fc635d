//! What the settings of buckets say of who may, compiled once.

use std::num::NonZeroUsize;
use std::sync::Arc;

use baleen_objects::{
    Bucket, BucketAcl, BucketPolicy, BucketSetting, ObjectOwnership, Objects, PublicAccessBlock, SettingKind,
};
use baleen_policy::{DocumentKind, Policy, Principal};
use baleen_types::{AccountId, Acl, BucketName};
use lru::LruCache;
use parking_lot::Mutex;

use crate::fault::Fault;
use crate::limits::COMPILED_POLICIES_MAX;

/// A bucket's policy and lists, and for whom they hold.
#[derive(Debug)]
pub(crate) struct Rules {
    policy: Option<Policy>,
    /// Whether they hold for principals of the owner's account only.
    for_own_account: bool,
    /// `None` where access control lists do not count.
    lists: Option<Lists>,
}

/// Access control lists, where they count.
#[derive(Debug)]
struct Lists {
    /// The bucket's, as far as it counts.
    of_bucket: Acl,
    /// Whether what is public in a list does not count.
    ignores_public: bool,
}

impl Rules {
    /// Whether they give anything to a principal: who is of another account gets nothing of a bucket that is held to its owner's.
    fn hold_for(&self, principal: &Principal, owner: AccountId) -> bool {
        !self.for_own_account || principal.user().is_some_and(|user| user.account == owner)
    }

    /// The policy as it is to be judged for a principal.
    pub(crate) fn policy_for(&self, principal: &Principal, owner: AccountId) -> Option<&Policy> {
        self.policy.as_ref().filter(|_| self.hold_for(principal, owner))
    }

    /// Whether there is, or may be, anything for who has no credentials.
    pub(crate) fn may_admit_nobody(&self) -> bool {
        let by_policy = self.policy.as_ref().is_some_and(Policy::reaches_everyone);
        let by_list = self.lists.as_ref().is_some_and(|lists| !lists.ignores_public);
        !self.for_own_account && (by_policy || by_list)
    }

    /// Whether they let everybody in, to some of it: by the policy, or by the bucket's list.
    pub(crate) fn is_public(&self) -> bool {
        let by_policy = self.policy.as_ref().is_some_and(Policy::is_public);
        let by_list = self.lists.as_ref().is_some_and(|lists| lists.of_bucket.is_public());
        !self.for_own_account && (by_policy || by_list)
    }

    /// Whether access control lists count.
    pub(crate) fn lists_count(&self) -> bool {
        self.lists.is_some()
    }

    /// The bucket's list, as far as it counts for a principal.
    pub(crate) fn acl_for(&self, principal: &Principal, owner: AccountId) -> Option<&Acl> {
        let lists = self.lists.as_ref().filter(|_| self.hold_for(principal, owner));
        lists.map(|lists| &lists.of_bucket)
    }

    /// An object's list, as far as it counts for a principal.
    pub(crate) fn object_acl_for(&self, principal: &Principal, owner: AccountId, acl: &Acl) -> Option<Acl> {
        let lists = self.lists.as_ref().filter(|_| self.hold_for(principal, owner));
        lists.map(|lists| as_far_as(acl, lists.ignores_public))
    }
}

fn as_far_as(acl: &Acl, ignores_public: bool) -> Acl {
    if ignores_public {
        acl.without_public()
    } else {
        acl.clone()
    }
}

/// The state of a bucket's settings, and what its owner blocks.
type State = ((u64, u64), PublicAccessBlock);

/// The policies of buckets: read and compiled when they are first needed, and again when their bucket's settings have
/// changed, which each bucket's record tells.
pub(crate) struct BucketPolicies {
    objects: Arc<Objects>,
    /// What of public access is blocked for all of them.
    blocked: PublicAccessBlock,
    compiled: Mutex<LruCache<State, Arc<Rules>>>,
}

impl BucketPolicies {
    pub(crate) fn new(objects: Arc<Objects>, blocked: PublicAccessBlock) -> Self {
        let entries = NonZeroUsize::new(COMPILED_POLICIES_MAX).unwrap_or(NonZeroUsize::MIN);
        Self {
            objects,
            blocked,
            compiled: Mutex::new(LruCache::new(entries)),
        }
    }

    /// The rules of a bucket; `None` if it has none, which costs nothing to tell.
    pub(crate) async fn of(&self, bucket: &Bucket) -> Result<Option<Arc<Rules>>, Fault> {
        if !bucket.settings.has(SettingKind::Policy) && !bucket.settings.has(SettingKind::Ownership) {
            return Ok(None);
        }
        let of_owner = self.blocked_of(bucket.owner).await?;
        let key = (bucket.settings.key(), of_owner);
        if let Some(rules) = self.compiled.lock().get(&key) {
            return Ok(Some(Arc::clone(rules)));
        }
        // If one of them has changed meanwhile it is the newer one, which a request may see that is still under way.
        let policy: Option<BucketPolicy> = self.setting(bucket).await?;
        let policy = policy.map(|stored| compile(&stored.document)).transpose()?;
        let own: PublicAccessBlock = self.setting(bucket).await?.unwrap_or_default();
        let block = own.or(of_owner);
        let ownership: ObjectOwnership = self.setting(bucket).await?.unwrap_or_default();
        let lists = if ownership.lists_count() {
            let stored: Option<BucketAcl> = self.setting(bucket).await?;
            let acl = stored.map(|stored| stored.acl()).transpose()?.unwrap_or_default();
            Some(Lists {
                of_bucket: as_far_as(&acl, block.ignore_public_acls),
                ignores_public: block.ignore_public_acls,
            })
        } else {
            None
        };
        let is_public = policy.as_ref().is_some_and(Policy::is_public);
        let rules = Arc::new(Rules {
            for_own_account: block.restrict_public_buckets && is_public,
            policy,
            lists,
        });
        self.compiled.lock().put(key, Arc::clone(&rules));
        Ok(Some(rules))
    }

    /// What of public access is blocked for all buckets of an account, by itself or by the operator.
    pub(crate) async fn blocked_of(&self, owner: AccountId) -> Result<PublicAccessBlock, Fault> {
        let own = self.objects.account_block(owner).await?;
        Ok(own.unwrap_or_default().or(self.blocked))
    }

    /// What of public access to a bucket is blocked, by itself, by its owner or for all.
    pub(crate) async fn block_of(&self, bucket: &BucketName, owner: AccountId) -> Result<PublicAccessBlock, Fault> {
        let own: Option<PublicAccessBlock> = self.objects.setting(bucket).await?;
        Ok(own.unwrap_or_default().or(self.blocked_of(owner).await?))
    }

    /// A setting of a bucket; that there is none costs nothing.
    pub(crate) async fn setting<S: BucketSetting>(&self, bucket: &Bucket) -> Result<Option<S>, Fault> {
        if !bucket.settings.has(S::KIND) {
            return Ok(None);
        }
        Ok(self.objects.setting(&bucket.name).await?)
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
