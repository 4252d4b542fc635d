//! The source of a copy, and the conditions on it.

use baleen_objects::{CustomerKey, Encrypted, ObjectVersion, Selection};
use baleen_types::{ETag, Timestamp};
use s3s::S3Request;
use s3s::dto::{self, CopyObjectInput, CopySource, ETagCondition, UploadPartCopyInput};

use crate::access::{PinnedSource, SourceKept};
use crate::conditions::{Condition, On};
use crate::convert::{copy_source, copy_tags};
use crate::encryption::SentKey;
use crate::fault::Fault;
use crate::services::Services;

/// The source of a copy, as the request asks for it.
pub(super) struct SourceAsked {
    pub(super) object: ObjectVersion,
    pub(super) key: Option<CustomerKey>,
    /// How it is kept, as it was decided about.
    pub(super) kept: Option<Encrypted>,
    /// The tags of which it must have one: those of the request, and that by which it was decided.
    pub(super) if_match: Vec<ETag>,
}

/// The conditions which the object service does not judge itself.
struct Conditions<'a> {
    none_match: Option<&'a ETagCondition>,
    modified_since: Option<&'a dto::Timestamp>,
    unmodified_since: Option<&'a dto::Timestamp>,
    /// Whether `if-match` stands beside them, which overrules `if-unmodified-since` (AWS, CopyObject).
    has_match: bool,
}

/// What a request that copies says of its source.
pub(super) trait Copies {
    /// Which it is.
    fn source(&self) -> &CopySource;
    /// `x-amz-copy-source-if-match` and `-if-none-match`.
    fn tags(&self) -> [Option<&ETagCondition>; 2];
    /// `x-amz-copy-source-if-modified-since` and `-if-unmodified-since`.
    fn times(&self) -> [Option<&dto::Timestamp>; 2];
}

macro_rules! copies {
    ($($input:ident),*) => {$(
        impl Copies for $input {
            fn source(&self) -> &CopySource {
                &self.copy_source
            }

            fn tags(&self) -> [Option<&ETagCondition>; 2] {
                [self.copy_source_if_match.as_ref(), self.copy_source_if_none_match.as_ref()]
            }

            fn times(&self) -> [Option<&dto::Timestamp>; 2] {
                [
                    self.copy_source_if_modified_since.as_ref(),
                    self.copy_source_if_unmodified_since.as_ref(),
                ]
            }
        }
    )*};
}

copies!(CopyObjectInput, UploadPartCopyInput);

impl SourceAsked {
    /// Reads what a request says, and judges its conditions, when it has any. What is copied then is what was judged.
    pub(super) async fn read<T: Copies + Sync>(services: &Services, request: &S3Request<T>) -> Result<Self, Fault> {
        let [matching, none_match] = request.input.tags();
        let [modified_since, unmodified_since] = request.input.times();
        let key = SentKey::of_source(&request.headers)?;
        let mut asked = Self {
            object: copy_source(request.input.source())?,
            key,
            kept: request.extensions.get::<SourceKept>().map(|kept| kept.0.clone()),
            if_match: copy_tags(matching)?,
        };
        if let Some(PinnedSource(etag)) = request.extensions.get() {
            asked.pin(etag.clone())?;
        }
        let conditions = Conditions {
            none_match,
            modified_since,
            unmodified_since,
            has_match: matching.is_some(),
        };
        if conditions.are_any() {
            let (head, _) = services
                .objects
                .head_with(&asked.object, Selection::Whole, asked.key.as_ref())
                .await?;
            conditions.check(&head.etag, head.modified)?;
            asked.pin(head.etag)?;
        }
        Ok(asked)
    }

    /// Lets it be no other than the one with this tag.
    pub(super) fn pin(&mut self, etag: ETag) -> Result<(), Fault> {
        if !self.if_match.is_empty() && !self.if_match.contains(&etag) {
            return Err(failed(Condition::Match));
        }
        self.if_match = vec![etag];
        Ok(())
    }
}

impl Conditions<'_> {
    fn are_any(&self) -> bool {
        self.none_match.is_some() || self.modified_since.is_some() || self.unmodified_since.is_some()
    }

    fn check(&self, etag: &ETag, modified: Timestamp) -> Result<(), Fault> {
        let matched = match self.none_match {
            None => false,
            Some(ETagCondition::Any) => true,
            Some(ETagCondition::ETag(tag)) => ETag::parse(tag.value()).is_ok_and(|tag| tag == *etag),
        };
        if matched {
            return Err(failed(Condition::NoneMatch));
        }
        let modified = modified.as_secs();
        let seconds = |at: &dto::Timestamp| Timestamp::from_datetime(at.clone().into()).as_secs();
        if self.modified_since.is_some_and(|since| modified <= seconds(since)) && self.none_match.is_none() {
            return Err(failed(Condition::ModifiedSince));
        }
        if self.unmodified_since.is_some_and(|since| modified > seconds(since)) && !self.has_match {
            return Err(failed(Condition::UnmodifiedSince));
        }
        Ok(())
    }
}

fn failed(condition: Condition) -> Fault {
    Fault::precondition(condition, On::CopySource)
}
