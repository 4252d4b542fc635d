//! What GetObject and HeadObject have in common.

use baleen_objects::{CustomerKey, Encrypted, ObjectError, ObjectHead, ObjectVersion, Selection};
use baleen_types::{ByteRange, ETag, ServedRange};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{CACHE_CONTROL, ETAG, EXPIRES, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue, StatusCode};
use s3s::dto::ChecksumMode;

use crate::conditions::{AskedRange, Conditions, Verdict};
use crate::convert::{http_date, part_number};
use crate::fault::Fault;
use crate::replication;
use crate::services::Services;

pub(super) fn selection(range: Option<ByteRange>, part: Option<i32>) -> Result<Selection, Fault> {
    match (range, part) {
        (None, None) => Ok(Selection::Whole),
        (None, Some(number)) => Ok(Selection::Part(part_number(number)?)),
        (Some(range), None) => Ok(Selection::Range(range)),
        (Some(_), Some(_)) => Err(Fault::invalid_request(
            "Cannot specify both Range header and partNumber query parameter.",
        )),
    }
}

/// Whether a range was found in, or does not fit, another object than the one that it is asked of.
pub(super) async fn is_of_another(
    services: &Services,
    (of, key): (&ObjectVersion, Option<&CustomerKey>),
    asked: &AskedRange,
    found: Result<&ETag, &ObjectError>,
) -> Result<bool, Fault> {
    if !asked.is_conditional() {
        return Ok(false);
    }
    match found {
        Ok(tag) => Ok(!asked.is_of(tag)),
        Err(ObjectError::InvalidRange { .. }) => {
            let (head, _) = services.objects.head_with(of, Selection::Whole, key).await?;
            Ok(!asked.is_of(&head.etag))
        }
        // Told as it is.
        Err(_) => Ok(false),
    }
}

/// Why nothing is served. A failed condition is told before a range that cannot be.
pub(super) async fn unserved(
    services: &Services,
    (of, key): (&ObjectVersion, Option<&CustomerKey>),
    conditions: &Conditions,
    error: ObjectError,
) -> Fault {
    if matches!(error, ObjectError::InvalidRange { .. }) && !conditions.is_empty() {
        let judged = match services.objects.head_with(of, Selection::Whole, key).await {
            Ok((head, _)) => check(conditions, &head),
            Err(error) => Err(error.into()),
        };
        if let Err(fault) = judged {
            return fault;
        }
    }
    error.into()
}

/// Whether a checksum is told: it is asked for, and one of these bytes may be known, as that of the whole or of a part is.
pub(super) fn wants_checksum(selection: Selection, mode: Option<&ChecksumMode>) -> bool {
    let is_asked = mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
    is_asked && !matches!(selection, Selection::Range(_))
}

/// `Content-Range` of an answer that is not the whole.
pub(super) fn content_range(selection: Selection, served: ServedRange, size: u64) -> Option<String> {
    match selection {
        Selection::Whole => None,
        Selection::Part(_) if served == ServedRange::whole(size) => None,
        // There is no way to write a range of no bytes (RFC 9110, 14.4).
        _ if served.length == 0 => None,
        Selection::Part(_) | Selection::Range(_) => Some(format!(
            "bytes {}-{}/{size}",
            served.first,
            served.end().saturating_sub(1)
        )),
    }
}

/// Ends a conditional read whose condition says so.
pub(super) fn check(conditions: &Conditions, head: &ObjectHead) -> Result<(), Fault> {
    match conditions.judge(head) {
        Verdict::Serve => Ok(()),
        Verdict::Failed(condition) => Err(Fault::precondition(condition)),
        Verdict::NotModified => {
            let mut fault = Fault::new("NotModified", StatusCode::NOT_MODIFIED, "Not Modified");
            fault.headers = Some(Box::new(validators(head)));
            Err(fault)
        }
    }
}

/// The headers that a 304 must carry (RFC 9110, 15.4.5).
fn validators(head: &ObjectHead) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let values = [
        (ETAG, HeaderValue::try_from(head.etag.quoted()).ok()),
        (LAST_MODIFIED, http_date(head.modified)),
        (
            CACHE_CONTROL,
            head.headers
                .cache_control
                .as_ref()
                .and_then(|text| HeaderValue::try_from(text).ok()),
        ),
        (
            EXPIRES,
            head.headers
                .expires
                .as_ref()
                .and_then(|text| HeaderValue::try_from(text).ok()),
        ),
    ];
    for (name, value) in values {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }
    headers
}

/// Puts what is known of an object into an output of the codec.
macro_rules! describe {
    ($output:expr, $head:expr, $checksum_wanted:expr, $lock:expr) => {{
        let head = $head;
        if $checksum_wanted {
            $crate::convert::put_checksum!($output, head.checksum.as_ref());
            $output.checksum_type = head.checksum.as_ref().map($crate::convert::checksum_type);
        }
        if let Some(kept) = $lock.retention {
            $output.object_lock_mode = Some(::s3s::dto::ObjectLockMode::from_static($crate::locking::mode_text(
                kept.mode,
            )));
            $output.object_lock_retain_until_date = Some($crate::convert::timestamp(kept.until));
        }
        $output.object_lock_legal_hold_status = $lock
            .legal_hold
            .map(|hold| ::s3s::dto::ObjectLockLegalHoldStatus::from_static($crate::locking::hold_text(hold)));
        $output.version_id = $crate::convert::version_id(head.version);
        $output.expiration = head.expiry.as_ref().and_then($crate::lifecycle::expiration);
        $output.accept_ranges = Some("bytes".to_owned());
        $output.e_tag = Some($crate::convert::etag(&head.etag));
        $output.last_modified = Some($crate::convert::timestamp(head.modified));
        $output.cache_control = head.headers.cache_control;
        $output.content_disposition = head.headers.content_disposition;
        $output.content_encoding = head.headers.content_encoding;
        $output.content_language = head.headers.content_language;
        $output.content_type = Some(
            head.headers
                .content_type
                .unwrap_or_else(|| "binary/octet-stream".to_owned()),
        );
        $output.metadata = (!head.headers.user.is_empty()).then(|| head.headers.user.into_iter().collect());
    }};
}
pub(super) use describe;

/// Headers that the codec would write otherwise or not at all: `Expires` is given back as it was given, while the codec
/// knows dates only, the number of tags is told by HEAD too, and `Content-MD5` of what is `whole` (seed 004, "PUT Object").
pub(super) async fn other_headers(
    services: &Services,
    head: &ObjectHead,
    (asked, whole): (&HeaderMap, bool),
) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    if let Some(md5) = content_md5(head).filter(|_| whole) {
        headers.insert("content-md5", md5);
    }
    if asked.contains_key(&replication::STATUS) {
        headers.insert(&replication::STATUS, replication::status(services, head).await?);
    }
    if let Some(value) = head
        .headers
        .expires
        .as_ref()
        .and_then(|text| HeaderValue::try_from(text).ok())
    {
        headers.insert(EXPIRES, value);
    }
    if !head.tags.is_empty() {
        headers.insert("x-amz-tagging-count", HeaderValue::from(head.tags.len()));
    }
    Ok(headers)
}

/// The MD5 of an object's bytes, where its tag is that. It is told whether the sender has told it or not: it is what was stored.
fn content_md5(head: &ObjectHead) -> Option<HeaderValue> {
    let is_hidden = matches!(head.encrypted, Encrypted::Customer(_) | Encrypted::Kms(_));
    if is_hidden || head.parts.is_some() {
        return None;
    }
    let mut md5 = [0; 16];
    hex::decode_to_slice(head.etag.as_str(), &mut md5).ok()?;
    HeaderValue::try_from(BASE64.encode(md5)).ok()
}
