//! Lifecycle configurations between documents and our types, and what headers tell of them.
//!
//! A configuration that removes more than was meant does harm that cannot be undone, so nothing is guessed: what is not known
//! is refused by its name, and what AWS refuses is refused.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::num::NonZeroU32;

use baleen_objects::limits::LIFECYCLE_RULES_MAX;
use baleen_objects::{
    Day, Expiration, Expiry, Lifecycle, LifecycleFilter, LifecycleRule, NoncurrentExpiration, SmallestTransition, Tags,
};
use baleen_types::OBJECT_KEY_BYTES_MAX;
use s3s::dto::{self, ExpirationStatus, TransitionDefaultMinimumObjectSize};

use crate::fault::Fault;

/// The longest name of a rule (AWS, LifecycleRule `ID`).
const ID_CHARACTERS_MAX: usize = 255;

/// How many newer versions may be asked for (AWS, NoncurrentVersionExpiration: "up to 100").
const NEWER_VERSIONS_MAX: u32 = 100;

/// Reads a configuration. Rules without a name get one.
///
/// # Errors
/// What AWS answers, and `NotImplemented` with the name of what there is not.
pub(crate) fn lifecycle(
    document: dto::BucketLifecycleConfiguration,
    smallest_transition: Option<&TransitionDefaultMinimumObjectSize>,
) -> Result<Lifecycle, Fault> {
    if document.rules.is_empty() || document.rules.len() > LIFECYCLE_RULES_MAX {
        return Err(Fault::malformed_xml("A lifecycle configuration has 1 to 1000 rules."));
    }
    let mut rules = document.rules.into_iter().map(rule).collect::<Result<Vec<_>, _>>()?;
    name_all(&mut rules)?;
    Ok(Lifecycle {
        rules,
        smallest_transition: match smallest_transition.map(TransitionDefaultMinimumObjectSize::as_str) {
            None | Some(TransitionDefaultMinimumObjectSize::ALL_STORAGE_CLASSES_128K) => {
                SmallestTransition::AllClasses128K
            }
            Some(TransitionDefaultMinimumObjectSize::VARIES_BY_STORAGE_CLASS) => SmallestTransition::VariesByClass,
            Some(_) => {
                return Err(Fault::invalid_request(
                    "x-amz-transition-default-minimum-object-size must be varies_by_storage_class or \
                     all_storage_classes_128K.",
                ));
            }
        },
    })
}

/// Writes the rules of a configuration.
pub(crate) fn documents(lifecycle: Lifecycle) -> Vec<dto::LifecycleRule> {
    lifecycle.rules.into_iter().map(document).collect()
}

pub(crate) fn smallest_transition(lifecycle: &Lifecycle) -> TransitionDefaultMinimumObjectSize {
    TransitionDefaultMinimumObjectSize::from_static(match lifecycle.smallest_transition {
        SmallestTransition::AllClasses128K => TransitionDefaultMinimumObjectSize::ALL_STORAGE_CLASSES_128K,
        SmallestTransition::VariesByClass => TransitionDefaultMinimumObjectSize::VARIES_BY_STORAGE_CLASS,
    })
}

/// The value of `x-amz-expiration` (AWS, PutObject: the date and the name of the rule, the latter URL-encoded).
pub(crate) fn expiration(expiry: &Expiry) -> Option<String> {
    let date = crate::convert::http_date(expiry.at)?;
    Some(format!(
        "expiry-date=\"{}\", rule-id=\"{}\"",
        date.to_str().ok()?,
        rule_id(expiry)
    ))
}

/// The name of a rule as headers tell it.
pub(crate) fn rule_id(expiry: &Expiry) -> String {
    let mut encoded = Vec::new();
    baleen_signing::encode_component(expiry.rule.as_bytes(), &mut encoded);
    String::from_utf8_lossy(&encoded).into_owned()
}

fn rule(asked: dto::LifecycleRule) -> Result<LifecycleRule, Fault> {
    for (name, is_there) in [
        ("Transition", asked.transitions.is_some()),
        (
            "NoncurrentVersionTransition",
            asked.noncurrent_version_transitions.is_some(),
        ),
    ] {
        if is_there {
            return Err(Fault::not_implemented(format!(
                "The lifecycle action {name} is not implemented: there is one storage class."
            )));
        }
    }
    let id = asked.id.unwrap_or_default();
    if id.chars().count() > ID_CHARACTERS_MAX {
        return Err(Fault::invalid_argument(
            "ID length should not exceed allowed limit of 255",
        ));
    }
    let is_enabled = match asked.status.as_str() {
        ExpirationStatus::ENABLED => true,
        ExpirationStatus::DISABLED => false,
        _ => {
            return Err(Fault::malformed_xml(
                "The Status of a rule must be Enabled or Disabled.",
            ));
        }
    };
    let rule = LifecycleRule {
        id,
        is_enabled,
        filter: filter(asked.prefix, asked.filter)?,
        expiration: asked.expiration.map(expires).transpose()?,
        noncurrent: asked
            .noncurrent_version_expiration
            .as_ref()
            .map(noncurrent)
            .transpose()?,
        abort: asked
            .abort_incomplete_multipart_upload
            .map(|abort| {
                let days = abort
                    .days_after_initiation
                    .ok_or_else(|| Fault::malformed_xml("AbortIncompleteMultipartUpload needs DaysAfterInitiation."))?;
                positive(days, "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action")
            })
            .transpose()?,
    };
    check_together(&rule)?;
    Ok(rule)
}

/// What may stand in a rule by itself, but not together.
fn check_together(rule: &LifecycleRule) -> Result<(), Fault> {
    if rule.expiration.is_none() && rule.noncurrent.is_none() && rule.abort.is_none() {
        return Err(Fault::invalid_request(
            "At least one action needs to be specified in a rule.",
        ));
    }
    let of_objects = if rule.filter.tags.is_empty() {
        "object size"
    } else {
        "Tags"
    };
    let marker = matches!(rule.expiration, Some(Expiration::Markers(_)));
    for (name, is_there) in [
        ("AbortIncompleteMultipartUpload", rule.abort.is_some()),
        ("ExpiredObjectDeleteMarker", marker),
    ] {
        if is_there && rule.filter.looks_at_objects() {
            return Err(Fault::invalid_request(format!(
                "{name} cannot be specified with {of_objects}."
            )));
        }
    }
    if rule.noncurrent.is_some_and(|noncurrent| noncurrent.newer > 0) && rule.filter.is_in_rule {
        return Err(Fault::invalid_request(
            "NewerNoncurrentVersions can only be specified in a rule with a Filter.",
        ));
    }
    Ok(())
}

/// Where keys begin, in the rule itself or in a filter: exactly one of both is there.
fn filter(prefix: Option<String>, filter: Option<dto::LifecycleRuleFilter>) -> Result<LifecycleFilter, Fault> {
    let filter = match (prefix, filter) {
        (Some(prefix), None) => LifecycleFilter {
            is_in_rule: true,
            prefix: Some(prefix),
            ..LifecycleFilter::default()
        },
        (None, Some(filter)) => in_filter(filter)?,
        (Some(_), Some(_)) => return Err(Fault::malformed_xml("A rule has a Prefix or a Filter, not both.")),
        (None, None) => return Err(Fault::malformed_xml("A rule needs a Filter, or a Prefix.")),
    };
    if filter
        .prefix
        .as_ref()
        .is_some_and(|prefix| prefix.len() > OBJECT_KEY_BYTES_MAX)
    {
        return Err(Fault::invalid_request("The maximum size of a prefix is 1024."));
    }
    if let (Some(larger), Some(smaller)) = (filter.larger_than, filter.smaller_than)
        && smaller <= larger
    {
        return Err(Fault::invalid_request(
            "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.",
        ));
    }
    Ok(filter)
}

fn in_filter(asked: dto::LifecycleRuleFilter) -> Result<LifecycleFilter, Fault> {
    let alone = dto::LifecycleRuleAndOperator {
        object_size_greater_than: asked.object_size_greater_than,
        object_size_less_than: asked.object_size_less_than,
        prefix: asked.prefix,
        tags: asked.tag.map(|tag| vec![tag]),
    };
    let in_it = predicates(&alone);
    match asked.and {
        Some(and) if in_it == 0 => {
            if predicates(&and) < 2 {
                return Err(Fault::malformed_xml("And joins two conditions at least."));
            }
            conditions(and)
        }
        None if in_it <= 1 => conditions(alone),
        _ => Err(Fault::malformed_xml(
            "A Filter has one of Prefix, Tag, ObjectSizeGreaterThan, ObjectSizeLessThan and And.",
        )),
    }
}

fn predicates(conditions: &dto::LifecycleRuleAndOperator) -> usize {
    usize::from(conditions.prefix.is_some())
        + usize::from(conditions.object_size_greater_than.is_some())
        + usize::from(conditions.object_size_less_than.is_some())
        + conditions.tags.as_ref().map_or(0, Vec::len)
}

fn conditions(asked: dto::LifecycleRuleAndOperator) -> Result<LifecycleFilter, Fault> {
    let mut pairs = Vec::new();
    for tag in asked.tags.into_iter().flatten() {
        let missing = || Fault::malformed_xml("A Tag needs a Key and a Value.");
        pairs.push((tag.key.ok_or_else(missing)?, tag.value.ok_or_else(missing)?));
    }
    let tags = Tags::of_object(pairs)?;
    let size = |bytes: i64, name: &str, least: u64| {
        u64::try_from(bytes)
            .ok()
            .filter(|bytes| *bytes >= least)
            .ok_or_else(|| Fault::invalid_argument(format!("'{name}' must be at least {least}.")))
    };
    Ok(LifecycleFilter {
        is_in_rule: false,
        prefix: asked.prefix,
        tags: tags
            .iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        larger_than: asked
            .object_size_greater_than
            .map(|bytes| size(bytes, "ObjectSizeGreaterThan", 0))
            .transpose()?,
        smaller_than: asked
            .object_size_less_than
            .map(|bytes| size(bytes, "ObjectSizeLessThan", 1))
            .transpose()?,
    })
}

fn expires(asked: dto::LifecycleExpiration) -> Result<Expiration, Fault> {
    match (asked.days, asked.date, asked.expired_object_delete_marker) {
        (Some(days), None, None) => Ok(Expiration::Days(positive(days, "'Days' for Expiration action")?)),
        (None, Some(date), None) => {
            let date = time::OffsetDateTime::from(date);
            let day = Day::beginning_at(date.unix_timestamp()).filter(|_| date.nanosecond() == 0);
            day.map(Expiration::On)
                .ok_or_else(|| Fault::invalid_argument("'Date' must be at midnight GMT"))
        }
        (None, None, Some(is_so)) => Ok(Expiration::Markers(is_so)),
        _ => Err(Fault::malformed_xml(
            "An Expiration has one of Days, Date and ExpiredObjectDeleteMarker.",
        )),
    }
}

fn noncurrent(asked: &dto::NoncurrentVersionExpiration) -> Result<NoncurrentExpiration, Fault> {
    let days = asked
        .noncurrent_days
        .ok_or_else(|| Fault::malformed_xml("NoncurrentVersionExpiration needs NoncurrentDays."))?;
    let newer = match asked.newer_noncurrent_versions {
        None => 0,
        Some(newer) => u32::try_from(newer)
            .ok()
            .filter(|newer| (1..=NEWER_VERSIONS_MAX).contains(newer))
            .ok_or_else(|| Fault::invalid_argument("'NewerNoncurrentVersions' must be an integer from 1 to 100"))?,
    };
    Ok(NoncurrentExpiration {
        days: positive(days, "'NoncurrentDays' for NoncurrentVersionExpiration action")?,
        newer,
    })
}

fn positive(days: i32, what: &str) -> Result<NonZeroU32, Fault> {
    let days = u32::try_from(days).ok().and_then(NonZeroU32::new);
    days.ok_or_else(|| Fault::invalid_argument(format!("{what} must be a positive integer")))
}

/// Names are unique, and what has none gets one: the configuration that is given back is enriched (seed 004, "GET Lifecycle
/// Configuration").
fn name_all(rules: &mut [LifecycleRule]) -> Result<(), Fault> {
    let mut taken = HashSet::new();
    for rule in rules.iter().filter(|rule| !rule.id.is_empty()) {
        if !taken.insert(rule.id.clone()) {
            return Err(Fault::invalid_argument(
                "Rule ID must be unique. Found same ID for more than one rule",
            ));
        }
    }
    for (at, rule) in (1..).zip(rules) {
        if rule.id.is_empty() {
            let mut id = format!("rule-{at}");
            while !taken.insert(id.clone()) {
                // Whoever has chosen it did not mean this one. Writing to a String does not fail.
                let _ = write!(id, "-{at}");
            }
            rule.id = id;
        }
    }
    Ok(())
}

fn document(rule: LifecycleRule) -> dto::LifecycleRule {
    let count = |days: NonZeroU32| i32::try_from(days.get()).ok();
    let (prefix, filter) = if rule.filter.is_in_rule {
        (rule.filter.prefix, None)
    } else {
        (None, Some(filter_document(rule.filter)))
    };
    let expiration = rule.expiration.map(|expiration| match expiration {
        Expiration::Days(days) => dto::LifecycleExpiration {
            days: count(days),
            ..Default::default()
        },
        Expiration::On(day) => dto::LifecycleExpiration {
            date: time::OffsetDateTime::from_unix_timestamp(day.begin_secs())
                .ok()
                .map(dto::Timestamp::from),
            ..Default::default()
        },
        Expiration::Markers(is_so) => dto::LifecycleExpiration {
            expired_object_delete_marker: Some(is_so),
            ..Default::default()
        },
    });
    let abort = rule.abort.map(|days| dto::AbortIncompleteMultipartUpload {
        days_after_initiation: count(days),
    });
    let noncurrent = rule.noncurrent.map(|noncurrent| dto::NoncurrentVersionExpiration {
        newer_noncurrent_versions: i32::try_from(noncurrent.newer).ok().filter(|newer| *newer > 0),
        noncurrent_days: count(noncurrent.days),
    });
    let status = if rule.is_enabled {
        ExpirationStatus::ENABLED
    } else {
        ExpirationStatus::DISABLED
    };
    dto::LifecycleRule {
        abort_incomplete_multipart_upload: abort,
        expiration,
        filter,
        id: Some(rule.id),
        noncurrent_version_expiration: noncurrent,
        noncurrent_version_transitions: None,
        prefix,
        status: ExpirationStatus::from_static(status),
        transitions: None,
    }
}

fn filter_document(filter: LifecycleFilter) -> dto::LifecycleRuleFilter {
    let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let mut tags: Vec<_> = filter
        .tags
        .into_iter()
        .map(|(key, value)| dto::Tag {
            key: Some(key),
            value: Some(value),
        })
        .collect();
    let mut all = dto::LifecycleRuleAndOperator {
        object_size_greater_than: filter.larger_than.map(bytes),
        object_size_less_than: filter.smaller_than.map(bytes),
        prefix: filter.prefix,
        tags: None,
    };
    if predicates(&all) + tags.len() > 1 {
        all.tags = (!tags.is_empty()).then_some(tags);
        return dto::LifecycleRuleFilter {
            and: Some(all),
            ..Default::default()
        };
    }
    dto::LifecycleRuleFilter {
        and: None,
        object_size_greater_than: all.object_size_greater_than,
        object_size_less_than: all.object_size_less_than,
        prefix: all.prefix,
        tag: tags.pop(),
    }
}
