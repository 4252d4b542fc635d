//! The source of a copy or a renaming: who may write the destination must also be allowed to read it.

use std::sync::Arc;

use baleen_objects::{Bucket, Encrypted, ObjectError, ObjectHead, ObjectVersion, Selection};
use baleen_policy::{Action, BucketFacts, Resource};
use baleen_types::{Classify as _, ETag, FaultKind, RequestId};
use http::{HeaderMap, HeaderName, StatusCode};
use s3s::dto::CopySource;
use s3s::{S3Request, S3Result};

use super::{Access, Call, HiddenSource, PinnedSource, SourceKept, UnreadableTags, check_expected_owner, may_use};
use crate::asker::Asker;
use crate::fault::Fault;
use crate::routed::RoutedTo;
use crate::rules::Rules;

static SOURCE_OWNER: HeaderName = HeaderName::from_static("x-amz-source-expected-bucket-owner");

/// What was found of a source that may be read.
pub(crate) struct Source {
    asker: Arc<Asker>,
    bucket: Bucket,
    rules: Option<Arc<Rules>>,
    /// Whether its tags may be read.
    pub(crate) may_read_tags: bool,
    /// Set if the bucket may not be listed.
    pub(crate) hidden: Option<HiddenSource>,
    /// The tag of the object by which it was decided, if it was by one: nothing else may be read in its place.
    etag: Option<ETag>,
}

impl Source {
    /// Refuses an object that is another than the one that was decided about, or has other tags or another list.
    pub(crate) fn confirm(&self, head: &ObjectHead) -> Result<(), Fault> {
        let is_other = self.etag.as_ref().is_some_and(|etag| *etag != head.etag);
        if is_other
            || self
                .asker
                .judged_again(head, (&self.bucket, self.rules.as_deref()))
                .is_some()
        {
            let message = "The source was changed while it was decided about. Please try again.";
            return Err(Fault::new("OperationAborted", StatusCode::CONFLICT, message));
        }
        Ok(())
    }
}

impl Access {
    /// Decides about the source of a copy, and tells the audit log.
    pub(super) async fn decide_source<T>(&self, source: &CopySource, request: &mut S3Request<T>) -> S3Result<()> {
        let decided = self.authorize_source(source, request).await;
        if let Some(routed) = request.extensions.get::<RoutedTo>() {
            routed.judge(&decided);
        }
        let id = request.extensions.get::<RequestId>().copied();
        decided.map_err(|fault| fault.into_s3(id))
    }

    async fn authorize_source<T>(&self, source: &CopySource, request: &mut S3Request<T>) -> Result<(), Fault> {
        let call = request.extensions.get::<Call>().ok_or_else(Fault::access_denied)?;
        let of = crate::convert::copy_source(source)?;
        let found = self.source(call, &of, &request.headers).await?;
        let kept = self.decide_source_key(&of, &found).await?;
        request.extensions.insert(SourceKept(kept));
        if !found.may_read_tags {
            request.extensions.insert(UnreadableTags);
        }
        if let Some(hidden) = found.hidden {
            request.extensions.insert(hidden);
        }
        if let Some(etag) = found.etag {
            request.extensions.insert(PinnedSource(etag));
        }
        Ok(())
    }

    /// Decides whether the key may be used that the source is encrypted under, if it is a named one, and tells how it is kept.
    async fn decide_source_key(&self, of: &ObjectVersion, found: &Source) -> Result<Encrypted, Fault> {
        let kept = match self.services.objects.head(of, Selection::Whole).await {
            Ok((head, _)) => head.encrypted,
            // Told by the copy; nor is one that comes meanwhile copied, if it is under a key.
            Err(error) if matches!(error.kind(), FaultKind::NotFound) => Encrypted::No,
            Err(error) => return Err(error.into()),
        };
        if let Some(name) = kept.named_key() {
            let key = (found.bucket.owner, name);
            may_use(&found.asker, &self.services.region, Action::KmsDecrypt, key)?;
        }
        Ok(kept)
    }

    /// Decides whether what a call names as its source may be read.
    pub(crate) async fn source(&self, call: &Call, of: &ObjectVersion, headers: &HeaderMap) -> Result<Source, Fault> {
        let asker = Arc::clone(&call.asker);
        let at = &of.at;
        let (bucket, rules) = self.find(&at.bucket).await?;
        let facts = match &bucket {
            Some(bucket) => asker.facts(bucket, rules.as_deref()),
            None => BucketFacts::absent(&at.bucket),
        };
        let (action, of_tags) = match of.version {
            Some(_) => (Action::S3GetObjectVersion, Action::S3GetObjectVersionTagging),
            None => (Action::S3GetObject, Action::S3GetObjectTagging),
        };
        let resource = Resource::Object(facts, &at.key);
        let mut judged = None;
        for action in [action, of_tags] {
            if let (Some(bucket), None) = (&bucket, &judged) {
                let (objects, known) = (&self.services.objects, (bucket, rules.as_deref()));
                let of = || Some(of.clone());
                judged = asker.judged_by_object(action, resource, objects, known, of).await?;
            }
        }
        let unseen = Arc::clone(&asker);
        let asker = judged.map_or(unseen, Arc::new);
        let resource = asker.as_seen(resource);
        asker.ask(action, resource)?;
        let may_read_tags = asker.ask(of_tags, resource).is_ok();
        let Some(bucket) = bucket else {
            return Err(ObjectError::NoSuchBucket(at.bucket.clone()).into());
        };
        self.pass_gate(&bucket, &asker).await?;
        let may_list = asker.may_list(&bucket, rules.as_deref());
        let gone = || {
            if may_list {
                ObjectError::NoSuchKey(at.clone()).into()
            } else {
                Fault::access_denied()
            }
        };
        let etag = match asker.seen() {
            Some(seen) => Some(seen.etag.clone().ok_or_else(gone)?),
            None => None,
        };
        check_expected_owner(headers, &SOURCE_OWNER, &bucket)?;
        Ok(Source {
            asker: Arc::clone(&asker),
            bucket,
            rules,
            may_read_tags,
            hidden: (!may_list).then_some(HiddenSource),
            etag,
        })
    }
}
