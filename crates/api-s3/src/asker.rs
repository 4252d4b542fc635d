//! Who asks, in which circumstances, and what they may.

use baleen_objects::{Bucket, ObjectError, ObjectHead, ObjectVersion, Objects, Selection, Tags};
use baleen_policy::{
    AclOf, Acls, Action, Ask, Authorized, BucketFacts, Context, Denied, Key, Origin, Principal, Resource, TagFamily,
    acl_of, authorize, deciding, is_forbidden, looks_at_tags,
};
use baleen_types::{AccountId, Acl, ETag};
use std::borrow::Cow;

use crate::fault::Fault;
use crate::rules::Rules;

/// Who asks, in which circumstances.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) principal: Principal,
    pub(crate) origin: Option<Origin>,
    pub(crate) context: Context<'static>,
    /// The object by which it is decided, where it is decided by one.
    seen: Option<Seen>,
}

/// What was seen of an object before it was decided about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The tags that the context has.
    pub(crate) tags: Tags,
    /// Its access control list, as far as it counts; `None` where lists do not.
    acl: Option<Acl>,
    /// The whole of it.
    pub(crate) whole_acl: Acl,
    /// `None` if it was not there.
    pub(crate) etag: Option<ETag>,
}

impl Asker {
    pub(crate) fn new(principal: Principal, origin: Option<Origin>, context: Context<'static>) -> Self {
        Self {
            principal,
            origin,
            context,
            seen: None,
        }
    }

    pub(crate) fn ask(&self, action: Action, resource: Resource<'_>) -> Result<Authorized, Denied> {
        authorize(&self.question(action, resource))
    }

    fn question<'a>(&'a self, action: Action, resource: Resource<'a>) -> Ask<'a> {
        Ask {
            principal: &self.principal,
            action,
            resource,
            context: &self.context,
        }
    }

    /// The statement that decides a question, for the audit log.
    pub(crate) fn deciding(&self, action: Action, resource: Resource<'_>) -> Option<String> {
        deciding(&self.question(action, resource))
    }

    /// Whether something forbids it, rather than nothing allowing it.
    pub(crate) fn is_forbidden(&self, action: Action, resource: Resource<'_>) -> bool {
        is_forbidden(&self.question(action, resource))
    }

    /// Whether the asker may list a bucket; who may not does not learn which keys there are.
    pub(crate) fn may_list(&self, bucket: &Bucket, rules: Option<&Rules>) -> bool {
        self.ask(Action::S3ListBucket, Resource::Bucket(self.facts(bucket, rules)))
            .is_ok()
    }

    /// What is known of a bucket to who decides about this asker.
    pub(crate) fn facts<'a>(&'a self, bucket: &'a Bucket, rules: Option<&'a Rules>) -> BucketFacts<'a> {
        BucketFacts {
            name: &bucket.name,
            owner: Some(bucket.owner),
            policy: rules.and_then(|rules| rules.policy_for(&self.principal, bucket.owner)),
            acls: Acls {
                bucket: rules.and_then(|rules| rules.acl_for(&self.principal, bucket.owner)),
                object: self.seen.as_ref().and_then(|seen| seen.acl.as_ref()),
            },
        }
    }

    pub(crate) fn is_nobody(&self) -> bool {
        self.principal.user().is_none()
    }

    /// Whether the asker acts in an account.
    pub(crate) fn is_of(&self, account: AccountId) -> bool {
        self.principal.user().is_some_and(|user| user.account == account)
    }

    /// Whether a policy looks at the tags that the request gives to the object.
    pub(crate) fn depends_on_given_tags(&self, action: Action, resource: Resource<'_>) -> bool {
        looks_at_tags(&self.question(action, resource), TagFamily::RequestObject)
    }

    /// The asker of a request which gives an object these tags.
    #[must_use]
    pub(crate) fn giving(&self, tags: &[(String, String)]) -> Self {
        let keys: Vec<Cow<'static, str>> = tags.iter().map(|(key, _)| Cow::Owned(key.clone())).collect();
        let keys = (!keys.is_empty()).then_some(keys);
        let context = self.context.clone().with(Key::S3RequestObjectTagKeys, keys);
        Self {
            context: context.tags(TagFamily::RequestObject, tags.iter().cloned()),
            ..self.clone()
        }
    }

    /// The asker who is judged by the object: by its tags where a policy looks at them, and by its access control list where
    /// lists count and nothing else allows it. `None` where neither is so, and nothing was read. What is not there has neither.
    pub(crate) async fn judged_by_object(
        &self,
        action: Action,
        resource: Resource<'_>,
        objects: &Objects,
        known: (&Bucket, Option<&Rules>),
        of: impl FnOnce() -> Option<ObjectVersion>,
    ) -> Result<Option<Self>, Fault> {
        let by_tags =
            EXISTING.contains(&action) && looks_at_tags(&self.question(action, resource), TagFamily::ExistingObject);
        let by_list = acl_of(action) == Some(AclOf::Object)
            && known.1.is_some_and(Rules::lists_count)
            && self.ask(action, resource).is_err();
        if !by_tags && !by_list {
            return Ok(None);
        }
        let Some(of) = of() else { return Ok(None) };
        // On the heap: nearly nobody is judged so, and all would carry its room.
        let seen = match Box::pin(objects.head(of, Selection::Whole)).await {
            Ok((head, _)) => self.seen_of(&head, known),
            Err(
                ObjectError::NoSuchBucket(_)
                | ObjectError::NoSuchKey(_)
                | ObjectError::NoSuchVersion { .. }
                | ObjectError::DeleteMarker { .. },
            ) => Seen::default(),
            Err(error) => return Err(error.into()),
        };
        Ok(Some(self.having_seen(seen)))
    }

    /// The asker as judged by an object rather than by the one that was seen, if that was another: it was changed or replaced
    /// since.
    pub(crate) fn judged_again(&self, head: &ObjectHead, known: (&Bucket, Option<&Rules>)) -> Option<Self> {
        let seen = self.seen.as_ref()?;
        let again = self.seen_of(head, known);
        (seen.tags != again.tags || seen.acl != again.acl).then(|| self.having_seen(again))
    }

    /// A resource with what was seen of it.
    pub(crate) fn as_seen<'a>(&'a self, resource: Resource<'a>) -> Resource<'a> {
        match resource {
            Resource::Object(facts, key) => {
                let object = self.seen.as_ref().and_then(|seen| seen.acl.as_ref());
                let acls = Acls { object, ..facts.acls };
                Resource::Object(BucketFacts { acls, ..facts }, key)
            }
            other => other,
        }
    }

    /// The object by which it was decided, if it was by one.
    pub(crate) fn seen(&self) -> Option<&Seen> {
        self.seen.as_ref()
    }

    fn seen_of(&self, head: &ObjectHead, (bucket, rules): (&Bucket, Option<&Rules>)) -> Seen {
        Seen {
            tags: head.tags.clone(),
            acl: rules.and_then(|rules| rules.object_acl_for(&self.principal, bucket.owner, &head.acl)),
            whole_acl: head.acl.clone(),
            etag: Some(head.etag.clone()),
        }
    }

    fn having_seen(&self, seen: Seen) -> Self {
        let pair = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let pairs: Vec<_> = seen.tags.iter().map(pair).collect();
        let context = self.context.clone().without_tags(TagFamily::ExistingObject);
        Self {
            context: context.tags(TagFamily::ExistingObject, pairs),
            seen: Some(seen),
            ..self.clone()
        }
    }
}

/// The actions that are judged by the tags of the object (AWS, "Tagging and access control policies").
const EXISTING: [Action; 14] = [
    Action::S3GetObject,
    Action::S3GetObjectVersion,
    Action::S3GetObjectAttributes,
    Action::S3GetObjectVersionAttributes,
    Action::S3GetObjectTagging,
    Action::S3GetObjectVersionTagging,
    Action::S3PutObjectTagging,
    Action::S3PutObjectVersionTagging,
    Action::S3DeleteObjectTagging,
    Action::S3DeleteObjectVersionTagging,
    Action::S3GetObjectAcl,
    Action::S3GetObjectVersionAcl,
    Action::S3PutObjectAcl,
    Action::S3PutObjectVersionAcl,
];
