//! Conditional reads: `If-Match`, `If-None-Match`, `If-Modified-Since`, `If-Unmodified-Since`, `Range` with `If-Range`.
//!
//! Source: RFC 9110, section 13; AWS GetObject for the order when several stand together.

use baleen_objects::ObjectHead;
use baleen_types::{ByteRange, ETag, Timestamp};
use http::HeaderMap;
use http::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};
use s3s::dto::TimestampFormat;

/// The conditions of a GET or HEAD.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    matching: Option<Tags>,
    not_matching: Option<Tags>,
    modified_since: Option<Timestamp>,
    unmodified_since: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    Any,
    /// Tags that are none of ours (weak ones) are left out, since they match nothing.
    These(Vec<ETag>),
}

/// What the conditions say; with the one that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Serve,
    NotModified(Condition),
    Failed(Condition),
}

/// A condition of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Match,
    NoneMatch,
    ModifiedSince,
    UnmodifiedSince,
}

/// What a condition is on, which its header begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// What the request is about.
    Target,
    CopySource,
    RenameSource,
}

impl Condition {
    /// How error documents name it.
    pub(crate) fn name(self, on: On) -> &'static str {
        match (self, on) {
            (Self::Match, On::Target) => "If-Match",
            (Self::NoneMatch, On::Target) => "If-None-Match",
            (Self::ModifiedSince, On::Target) => "If-Modified-Since",
            (Self::UnmodifiedSince, On::Target) => "If-Unmodified-Since",
            (Self::Match, On::CopySource) => "x-amz-copy-source-If-Match",
            (Self::NoneMatch, On::CopySource) => "x-amz-copy-source-If-None-Match",
            (Self::ModifiedSince, On::CopySource) => "x-amz-copy-source-If-Modified-Since",
            (Self::UnmodifiedSince, On::CopySource) => "x-amz-copy-source-If-Unmodified-Since",
            (Self::Match, On::RenameSource) => "x-amz-rename-source-If-Match",
            (Self::NoneMatch, On::RenameSource) => "x-amz-rename-source-If-None-Match",
            (Self::ModifiedSince, On::RenameSource) => "x-amz-rename-source-If-Modified-Since",
            (Self::UnmodifiedSince, On::RenameSource) => "x-amz-rename-source-If-Unmodified-Since",
        }
    }
}

impl Conditions {
    /// Takes the conditions off the headers, so that the codec, which knows single tags only, does not stumble on lists.
    pub(crate) fn take(headers: &mut HeaderMap) -> Self {
        Self {
            matching: headers.remove(IF_MATCH).map(|value| Tags::parse(value.as_bytes())),
            not_matching: headers.remove(IF_NONE_MATCH).map(|value| Tags::parse(value.as_bytes())),
            modified_since: take_date(headers, &IF_MODIFIED_SINCE),
            unmodified_since: take_date(headers, &IF_UNMODIFIED_SINCE),
        }
    }

    /// Takes the conditions on the source of a renaming (AWS, RenameObject).
    pub(crate) fn take_of_source(headers: &mut HeaderMap) -> Self {
        let mut of_source = HeaderMap::new();
        for name in [IF_MATCH, IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE] {
            if let Some(value) = headers.remove(format!("x-amz-rename-source-{name}")) {
                of_source.insert(name, value);
            }
        }
        Self::take(&mut of_source)
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Judges an object. A tag condition overrules the date condition beside it (RFC 9110, 13.2.2).
    pub(crate) fn judge(&self, head: &ObjectHead) -> Verdict {
        let modified = head.modified.as_secs();
        match (&self.matching, self.unmodified_since) {
            (Some(tags), _) if !tags.match_tag(&head.etag) => return Verdict::Failed(Condition::Match),
            (None, Some(date)) if modified > date.as_secs() => return Verdict::Failed(Condition::UnmodifiedSince),
            _ => {}
        }
        match (&self.not_matching, self.modified_since) {
            (Some(tags), _) if tags.match_tag(&head.etag) => Verdict::NotModified(Condition::NoneMatch),
            (None, Some(date)) if modified <= date.as_secs() => Verdict::NotModified(Condition::ModifiedSince),
            _ => Verdict::Serve,
        }
    }
}

/// The range of a GET or HEAD, and the object of which it is a range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AskedRange {
    /// What is asked for.
    pub(crate) range: Option<ByteRange>,
    only_of: Option<OnlyOf>,
}

/// `If-Range`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum OnlyOf {
    Tag(ETag),
    /// What matches no object: a weak tag, or a date. Two writes within a second have one date, so that it is no strong
    /// validator (RFC 9110, 8.8.2.2).
    Nothing,
}

impl AskedRange {
    /// Takes the range off the headers, since the codec refuses one that says nothing, which is to be ignored (RFC 9110,
    /// 14.2), and does not know `If-Range`.
    pub(crate) fn take(headers: &mut HeaderMap) -> Self {
        let range = headers.remove(RANGE);
        let only_of = headers.remove(IF_RANGE);
        Self {
            range: range.and_then(|value| ByteRange::parse(value.to_str().ok()?)),
            only_of: only_of.map(|value| {
                let tag = value.to_str().ok().and_then(|text| ETag::parse(text).ok());
                tag.map_or(OnlyOf::Nothing, OnlyOf::Tag)
            }),
        }
    }

    /// Whether it is for one object only.
    pub(crate) fn is_conditional(&self) -> bool {
        self.range.is_some() && self.only_of.is_some()
    }

    /// Whether it is a range of the object with this tag; otherwise the whole is served (RFC 9110, 13.1.5).
    pub(crate) fn is_of(&self, tag: &ETag) -> bool {
        match &self.only_of {
            None => true,
            Some(OnlyOf::Tag(wanted)) => wanted == tag,
            Some(OnlyOf::Nothing) => false,
        }
    }
}

impl Tags {
    fn parse(list: &[u8]) -> Self {
        let Ok(list) = std::str::from_utf8(list) else {
            return Self::These(Vec::new());
        };
        if list.trim() == "*" {
            return Self::Any;
        }
        Self::These(list.split(',').filter_map(|tag| ETag::parse(tag).ok()).collect())
    }

    fn match_tag(&self, tag: &ETag) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.contains(tag),
        }
    }
}

/// A date that cannot be read is no condition (RFC 9110, 13.1.3: "MUST ignore").
fn take_date(headers: &mut HeaderMap, name: &HeaderName) -> Option<Timestamp> {
    let value = headers.remove(name)?;
    let parsed = s3s::dto::Timestamp::parse(TimestampFormat::HttpDate, value.to_str().ok()?).ok()?;
    Some(Timestamp::from_datetime(parsed.into()))
}
