//! Conditions on the source of a copy.

use baleen_objects::{CustomerKey, ObjectVersion, Selection};
use baleen_types::{ETag, Timestamp};
use s3s::dto::{self, ETagCondition};

use crate::access::PinnedSource;
use crate::conditions::{Condition, On};
use crate::fault::Fault;
use crate::services::Services;

/// The conditions which the object service does not judge itself.
pub(super) struct SourceConditions<'a> {
    pub(super) none_match: Option<&'a ETagCondition>,
    pub(super) modified_since: Option<&'a dto::Timestamp>,
    pub(super) unmodified_since: Option<&'a dto::Timestamp>,
    /// Whether `if-match` stands beside them, which overrules `if-unmodified-since` (AWS, CopyObject).
    pub(super) has_match: bool,
}

/// The tags of which the source must have one: those of the request, and that by which it was decided.
pub(super) fn source_tags(asked: Vec<ETag>, pinned: Option<&PinnedSource>) -> Result<Vec<ETag>, Fault> {
    match pinned {
        None => Ok(asked),
        Some(PinnedSource(etag)) if asked.is_empty() || asked.contains(etag) => Ok(vec![etag.clone()]),
        Some(_) => Err(failed(Condition::Match)),
    }
}

/// Judges the conditions, when there are any.
pub(super) async fn check_source(
    services: &Services,
    (source, key): (&ObjectVersion, Option<&CustomerKey>),
    conditions: &SourceConditions<'_>,
) -> Result<(), Fault> {
    let SourceConditions {
        none_match,
        modified_since,
        unmodified_since,
        has_match,
    } = conditions;
    if none_match.is_none() && modified_since.is_none() && unmodified_since.is_none() {
        return Ok(());
    }
    let (head, _) = services.objects.head_with(source, Selection::Whole, key).await?;
    let matched = match none_match {
        None => false,
        Some(ETagCondition::Any) => true,
        Some(ETagCondition::ETag(tag)) => ETag::parse(tag.value()).is_ok_and(|tag| tag == head.etag),
    };
    if matched {
        return Err(failed(Condition::NoneMatch));
    }
    let modified = head.modified.as_secs();
    let seconds = |at: &dto::Timestamp| Timestamp::from_datetime(at.clone().into()).as_secs();
    if modified_since.is_some_and(|since| modified <= seconds(since)) && none_match.is_none() {
        return Err(failed(Condition::ModifiedSince));
    }
    if unmodified_since.is_some_and(|since| modified > seconds(since)) && !has_match {
        return Err(failed(Condition::UnmodifiedSince));
    }
    Ok(())
}

fn failed(condition: Condition) -> Fault {
    Fault::precondition(condition, On::CopySource)
}
