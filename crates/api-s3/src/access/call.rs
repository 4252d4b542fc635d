//! An authorized call, and what an operation may still have to decide.

use std::sync::Arc;

use baleen_objects::{Bucket, Encrypted, ObjectHead, ObjectVersion, Tags};
use baleen_policy::{Action, Authorized, Context, Credential, Key, Resource};
use baleen_types::{AccountId, Acl, BucketName, ETag, ObjectKey, ObjectPath, RequestId};
use s3s::dto;

use super::misrouted;
use crate::asker::Asker;
use crate::fault::Fault;
use crate::routed::RoutedTo;
use crate::rules::Rules;
use crate::services::Services;

/// An authorized call: what an operation needs to know besides its input.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(super) asker: Arc<Asker>,
    pub(super) action: Action,
    /// `None` where the operation decides by itself: about each of many things, or by what its document says.
    pub(super) authorized: Option<Authorized>,
    pub(crate) bucket: Option<Bucket>,
    pub(super) rules: Option<Arc<Rules>>,
    pub(super) name: Option<BucketName>,
    pub(super) key: Option<ObjectKey>,
    pub(super) routed: RoutedTo,
    pub(crate) id: Option<RequestId>,
}

impl Call {
    /// The account that acts.
    pub(crate) fn account(&self) -> Result<AccountId, Fault> {
        let user = || self.asker.principal.user().map(|user| user.account);
        let account = self.authorized.as_ref().map(Authorized::account).or_else(user);
        account.ok_or_else(Fault::access_denied)
    }

    /// The account of who asks; nobody has none.
    pub(crate) fn asking_account(&self) -> Option<AccountId> {
        self.asker.principal.user().map(|user| user.account)
    }

    /// Whether who asks has no credentials.
    pub(crate) fn is_nobody(&self) -> bool {
        self.asker.is_nobody()
    }

    /// Tells the audit log that nothing of it was allowed, whatever is answered.
    pub(crate) fn refused(&self) -> Fault {
        let refused = Err(Fault::access_denied());
        self.routed.judge::<()>(&refused);
        Fault::access_denied()
    }

    /// Whether the operation as a whole was allowed, rather than each thing that it touches.
    pub(crate) fn is_decided(&self) -> bool {
        self.authorized.is_some()
    }

    /// The bucket, in operations whose row has a bucket that is there.
    pub(crate) fn open_bucket(&self) -> Result<&Bucket, Fault> {
        self.bucket.as_ref().ok_or_else(misrouted)
    }

    /// The buckets of the account: all of them where that was allowed, else those that the asker may list.
    pub(crate) async fn buckets(&self, services: &Services) -> Result<Vec<Bucket>, Fault> {
        let mut buckets = services.objects.list_buckets(self.account()?).await?;
        if !self.is_decided() {
            let mut shown = Vec::new();
            for bucket in buckets {
                let rules = services.policies.of(&bucket).await?;
                if self.asker.may_list(&bucket, rules.as_deref()) {
                    shown.push(bucket);
                }
            }
            buckets = shown;
        }
        Ok(buckets)
    }

    /// Whether the bucket lets everybody in, to some of it.
    pub(crate) fn is_of_public_bucket(&self) -> bool {
        self.rules.as_deref().is_some_and(Rules::is_public)
    }

    /// By what who asks was proven; `None` for nobody.
    pub(crate) fn credential(&self) -> Option<&Credential> {
        self.asker.principal.caller().map(|caller| &caller.credential)
    }

    /// Whether who asks has no credentials.
    pub(crate) fn is_of_nobody(&self) -> bool {
        self.asker.is_nobody()
    }

    /// Whether who asks is of the account that owns the bucket.
    pub(crate) fn is_of_owner(&self) -> bool {
        self.bucket
            .as_ref()
            .is_some_and(|bucket| self.asker.is_of(bucket.owner))
    }

    /// Decides about one key of the bucket.
    pub(crate) fn decide_key(&self, action: Action, key: &ObjectKey) -> Result<Authorized, Fault> {
        let bucket = self.bucket.as_ref().ok_or_else(misrouted)?;
        let facts = self.asker.facts(bucket, self.rules.as_deref());
        let authorized = self.asker.ask(action, Resource::Object(facts, key))?;
        self.routed.admit();
        Ok(authorized)
    }

    /// Decides about one line of a list of deletions, of whose condition policies are told. Who may not read the object does
    /// not learn its tag by guessing.
    pub(crate) fn decide_line(&self, action: Action, key: &ObjectKey, tag: Option<&dto::ETag>) -> Result<(), Fault> {
        let Some(tag) = tag else {
            return self.decide_key(action, key).map(drop);
        };
        let bucket = self.bucket.as_ref().ok_or_else(misrouted)?;
        let mut asker = Asker::clone(&self.asker);
        asker.context.set(Key::S3IfMatch, Some(tag.value().to_owned()));
        let resource = Resource::Object(asker.facts(bucket, self.rules.as_deref()), key);
        asker.ask(action, resource)?;
        if tag.value() != "*" {
            asker.ask(Action::S3GetObject, resource)?;
        }
        self.routed.admit();
        Ok(())
    }

    /// Decides about the object now that the tags are known which a document gives it, unless it did not depend on them.
    pub(crate) fn decide_giving(&self, tags: &[(String, String)]) -> Result<(), Fault> {
        if self.is_decided() {
            return Ok(());
        }
        self.told(self.decide_object(&self.asker.giving(tags), self.action))
    }

    /// Decides about the object once the document is known, of which policies are told too, now and in all that is still to
    /// be decided.
    pub(crate) fn decide_told(&mut self, tell: impl FnOnce(&mut Context<'static>)) -> Result<(), Fault> {
        tell(&mut Arc::make_mut(&mut self.asker).context);
        self.told(self.decide_object(&self.asker, self.action))
    }

    /// Decides whether the object may be given tags that are not in the request: to write it so, and to tag it so.
    pub(crate) fn decide_tags(&self, tags: &[(String, String)]) -> Result<(), Fault> {
        let asker = self.asker.giving(tags);
        let decide = |action| self.decide_object(&asker, action);
        self.told(self.giving_actions().into_iter().try_for_each(decide))
    }

    /// What who writes an object with tags has to be allowed, each of it with these tags.
    fn giving_actions(&self) -> [Action; 2] {
        [self.action, Action::S3PutObjectTagging]
    }

    /// Whether the object may be given tags, whichever they are.
    pub(crate) fn may_give_any_tags(&self) -> bool {
        let asker = &self.asker;
        let (Some(bucket), Some(key)) = (&self.bucket, &self.key) else {
            return false;
        };
        let resource = Resource::Object(asker.facts(bucket, self.rules.as_deref()), key);
        let any = |action| !asker.depends_on_given_tags(action, resource) && asker.ask(action, resource).is_ok();
        self.giving_actions().into_iter().all(any)
    }

    /// Decides again if the object that was opened has other tags or another list than the one that was decided about. So what
    /// is read was allowed to be read as it is, whoever replaces it meanwhile.
    pub(crate) fn confirm(&self, head: &ObjectHead) -> Result<(), Fault> {
        let Some(bucket) = &self.bucket else {
            return Err(misrouted());
        };
        match self.asker.judged_again(head, (bucket, self.rules.as_deref())) {
            Some(asker) => self.told(self.decide_object(&asker, self.action)),
            None => Ok(()),
        }
    }

    /// The tags of the object by which it was decided, if it was by any. Who changes them changes no others.
    pub(crate) fn seen_tags(&self) -> Option<&Tags> {
        self.asker.seen().map(|seen| &seen.tags)
    }

    /// Those tags, and the list that it had. Who replaces it replaces no other object's.
    pub(crate) fn seen_tags_and_list(&self) -> Option<(&Tags, &Acl)> {
        self.asker.seen().map(|seen| (&seen.tags, &seen.whole_acl))
    }

    fn decide_object(&self, asker: &Asker, action: Action) -> Result<(), Fault> {
        let (Some(bucket), Some(key)) = (&self.bucket, &self.key) else {
            return Err(misrouted());
        };
        let facts = asker.facts(bucket, self.rules.as_deref());
        asker.ask(action, Resource::Object(facts, key))?;
        Ok(())
    }

    /// Tells the audit log, and the door, what was decided within the operation.
    pub(super) fn told(&self, decided: Result<(), Fault>) -> Result<(), Fault> {
        self.routed.judge(&decided);
        if decided.is_ok() {
            self.routed.admit();
        }
        decided
    }

    /// What the failure of an operation looks like to the asker, once the call is gone.
    pub(crate) fn veil(&self) -> Veil {
        Veil {
            asker: Arc::clone(&self.asker),
            bucket: self.bucket.clone(),
            rules: self.rules.clone(),
        }
    }

    /// Whether access control lists count in the bucket.
    pub(crate) fn lists_count(&self) -> bool {
        self.rules.as_deref().is_some_and(Rules::lists_count)
    }

    /// The bucket's owner, in operations whose row has a bucket that is there.
    pub(crate) fn bucket_owner(&self) -> Result<AccountId, Fault> {
        self.bucket.as_ref().map(|bucket| bucket.owner).ok_or_else(misrouted)
    }

    /// The bucket's name, in operations whose row has a bucket.
    pub(crate) fn bucket_name(&self) -> Result<&BucketName, Fault> {
        self.name.as_ref().ok_or_else(misrouted)
    }

    /// The object or the version of it that the request names.
    pub(crate) fn version(&self, name: Option<&str>) -> Result<ObjectVersion, Fault> {
        Ok(ObjectVersion {
            at: self.path()?,
            version: crate::convert::version(name)?,
        })
    }

    /// The object's place, in operations whose row has an object.
    pub(crate) fn path(&self) -> Result<ObjectPath, Fault> {
        match (&self.name, &self.key) {
            (Some(bucket), Some(key)) => Ok(ObjectPath {
                bucket: bucket.clone(),
                key: key.clone(),
            }),
            _ => Err(misrouted()),
        }
    }
}

/// Turns "there is no such key" into "access denied" for who may not list the bucket (AWS, GetObject, "Permissions").
pub(crate) struct Veil {
    asker: Arc<Asker>,
    bucket: Option<Bucket>,
    rules: Option<Arc<Rules>>,
}

impl Veil {
    pub(crate) fn over(&self, fault: Fault, source: Option<HiddenSource>) -> Fault {
        let may_list = |bucket| self.asker.may_list(bucket, self.rules.as_deref());
        let hidden = source.is_some() || self.bucket.as_ref().is_some_and(|bucket| !may_list(bucket));
        // A delete marker is told of as a method not allowed.
        if matches!(fault.code, "NoSuchKey" | "NoSuchVersion" | "MethodNotAllowed") && hidden {
            Fault::access_denied()
        } else {
            fault
        }
    }
}

/// The asker of a copy may not list the bucket of its source. An extension of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HiddenSource;

/// The asker of a copy may not read the tags of its source. An extension of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnreadableTags;

/// The source of a copy as it was decided about, where a policy looks at its tags: nothing else may be copied in its place.
/// An extension of the request.
#[derive(Clone, Debug)]
pub(crate) struct PinnedSource(pub(crate) ETag);

/// How the source of a copy is kept, as it was decided about. An extension of the request.
#[derive(Clone, Debug)]
pub(crate) struct SourceKept(pub(crate) Encrypted);
