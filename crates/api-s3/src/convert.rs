//! Between our types and those of the codec.

use baleen_http::TrailerNames;
use baleen_objects::{
    Body, BodyError, Checksum, ChecksumAlgorithm, Expect, ObjectHeaders, ObjectVersion, StoredChecksum, Version,
    WriteCondition,
};
use baleen_types::{AccountId, BucketName, ETag, FaultKind, ObjectKey, ObjectPath, PartNumber, Timestamp, UploadId};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::StreamExt as _;
use http::header::{IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::dto::{self, CopySource, ETagCondition, Initiator, Owner, StreamingBlob};
use std::time::{Duration, UNIX_EPOCH};

use crate::conditions::{Condition, On};
use crate::fault::Fault;
use crate::header;
use crate::metadata;

pub(crate) fn timestamp(at: Timestamp) -> dto::Timestamp {
    at.to_datetime().into()
}

/// The form of dates in HTTP headers; of a time before 1970 none.
pub(crate) fn http_date(at: Timestamp) -> Option<HeaderValue> {
    let since = Duration::from_secs(u64::try_from(at.as_secs()).ok()?);
    HeaderValue::try_from(httpdate::fmt_http_date(UNIX_EPOCH + since)).ok()
}

pub(crate) fn etag(tag: &ETag) -> dto::ETag {
    dto::ETag::Strong(tag.as_str().to_owned())
}

pub(crate) fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

pub(crate) fn owner(account: AccountId) -> Owner {
    let id = account.to_string();
    Owner {
        display_name: Some(id.clone()),
        id: Some(id),
    }
}

/// Who began an upload in a bucket of this owner; where it is not known it is taken for the owner.
pub(crate) fn initiator(began: Option<AccountId>, owner: Option<AccountId>) -> Option<Initiator> {
    let id = began.or(owner)?.to_string();
    Some(Initiator {
        display_name: Some(id.clone()),
        id: Some(id),
    })
}

pub(crate) fn upload_id(text: &str) -> Result<UploadId, Fault> {
    UploadId::parse(text).map_err(|_| {
        Fault::new(
            "NoSuchUpload",
            StatusCode::NOT_FOUND,
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
        )
    })
}

pub(crate) fn part_number(number: i32) -> Result<PartNumber, Fault> {
    u32::try_from(number)
        .ok()
        .and_then(|number| PartNumber::new(number).ok())
        .ok_or_else(part_number_wanted)
}

/// The refusal of what is no number of a part.
pub(crate) fn part_number_wanted() -> Fault {
    Fault::invalid_argument("Part number must be an integer between 1 and 10000, inclusive").of_argument("partNumber")
}

/// How answers name a version; nothing in a bucket that has never kept any.
pub(crate) fn version_id(version: Option<Version>) -> Option<String> {
    version.map(|version| version.to_string())
}

/// The version that a request names; an empty name is none.
pub(crate) fn version(text: Option<&str>) -> Result<Option<Version>, Fault> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => Version::parse(text)
            .map(Some)
            .map_err(|_| Fault::invalid_argument("Invalid version id specified.")),
    }
}

pub(crate) fn copy_source(source: &CopySource) -> Result<ObjectVersion, Fault> {
    let CopySource::Bucket {
        bucket,
        key,
        version_id,
    } = source
    else {
        return Err(Fault::not_implemented("A copy source must be bucket/key."));
    };
    let version = version(version_id.as_deref())?;
    // As the codec tells it of what else is no source (see `in_words_of_s3`).
    let no_source = || Fault::invalid_argument(crate::codec::COPY_SOURCE_WANTED).of_argument("x-amz-copy-source");
    let key = ObjectKey::parse(key.to_string()).map_err(|_| no_source())?;
    let at = ObjectPath {
        bucket: BucketName::parse(bucket)?,
        key,
    };
    Ok(ObjectVersion { at, version })
}

/// The tags of `x-amz-copy-source-if-match`; the other copy conditions are judged in the operation.
pub(crate) fn copy_tags(condition: Option<&ETagCondition>) -> Result<Vec<ETag>, Fault> {
    match condition {
        None | Some(ETagCondition::Any) => Ok(Vec::new()),
        Some(ETagCondition::ETag(tag)) => Ok(vec![ETag::parse(tag.value())?]),
    }
}

/// `If-None-Match` and `If-Match` of a write (AWS, "Conditional writes").
pub(crate) fn write_condition(
    none_match: Option<&ETagCondition>,
    matching: Option<&ETagCondition>,
) -> Result<WriteCondition, Fault> {
    match (none_match, matching) {
        (None, None) => Ok(WriteCondition::None),
        (Some(ETagCondition::Any), None) => Ok(WriteCondition::IfAbsent),
        (None, Some(ETagCondition::ETag(tag))) => match ETag::parse(tag.value()) {
            Ok(tag) => Ok(WriteCondition::IfMatch(tag)),
            // A tag that is none of ours is the tag of nothing that is here.
            Err(_) => Err(Fault::precondition(Condition::Match, On::Target)),
        },
        (Some(ETagCondition::ETag(_)), None) => Err(Fault::not_implemented("If-None-Match of a write must be *.")),
        (None, Some(ETagCondition::Any)) => Err(Fault::not_implemented("If-Match of a write must be an entity tag.")),
        (Some(_), Some(_)) => Err(Fault::not_implemented("If-Match and If-None-Match exclude each other.")),
    }
}

/// `If-None-Match` and `If-Match` of what is written: by headers alone, since of a copy and a renaming the codec does not read them,
/// and to write in spite of a condition would be worse than not to write. An empty one is none, as for the codec.
pub(crate) fn header_condition(headers: &HeaderMap) -> Result<WriteCondition, Fault> {
    let read = |name: HeaderName| {
        let value = headers.get(&name).filter(|value| !value.is_empty())?.as_bytes();
        let malformed = |_| Fault::invalid_argument(format!("The header {name} must be * or an entity tag."));
        Some(ETagCondition::parse_http_header(value).map_err(malformed))
    };
    let none_match = read(IF_NONE_MATCH).transpose()?;
    let matching = read(IF_MATCH).transpose()?;
    write_condition(none_match.as_ref(), matching.as_ref())
}

/// `If-Match` of a deletion (AWS, "Conditional deletes"); `*` in a document comes as a tag.
pub(crate) fn delete_condition(matching: Option<&dto::ETag>) -> Result<WriteCondition, Fault> {
    match matching {
        None => Ok(WriteCondition::None),
        Some(dto::ETag::Strong(tag)) if tag == "*" => Ok(WriteCondition::IfPresent),
        Some(dto::ETag::Strong(tag)) => ETag::parse(tag)
            .map(WriteCondition::IfMatch)
            .map_err(|_| Fault::precondition(Condition::Match, On::Target)),
        // A weak tag is the tag of nothing that is here.
        Some(dto::ETag::Weak(_)) => Err(Fault::precondition(Condition::Match, On::Target)),
    }
}

/// The headers and user metadata to store, from the request's own headers.
pub(crate) fn object_headers(headers: &HeaderMap) -> Result<ObjectHeaders, Fault> {
    let text = |name: &'static str| -> Result<Option<String>, Fault> {
        match header::value(headers, name) {
            None => Ok(None),
            Some(value) => value
                .to_str()
                .map(|text| Some(text.to_owned()))
                .map_err(|_| Fault::invalid_argument(format!("The header {name} must be plain text."))),
        }
    };
    Ok(ObjectHeaders {
        content_type: text("content-type")?.filter(|text| !text.is_empty()),
        cache_control: text("cache-control")?,
        content_disposition: text("content-disposition")?,
        content_encoding: text("content-encoding")?,
        content_language: text("content-language")?,
        expires: text("expires")?,
        user: metadata::of(headers)?.into_iter().collect(),
    })
}

/// The value of a header that may stand once; an empty one is none, as for the codec.
pub(crate) fn single<'h>(headers: &'h HeaderMap, name: &'h str) -> Result<Option<&'h str>, Fault> {
    let mut values = header::values(headers, name);
    let value = values.next();
    if values.next().is_some() {
        return Err(Fault::invalid_argument(format!(
            "The header {name} stands more than once."
        )));
    }
    // What is no text is no value of ours.
    Ok(value
        .map(|value| value.to_str().unwrap_or("?"))
        .filter(|text| !text.is_empty()))
}

/// What the request says about its body.
pub(crate) fn expect(headers: &HeaderMap, extensions: &http::Extensions) -> Result<Expect, Fault> {
    let md5 = header::value(headers, "content-md5")
        .map(|value| content_md5(value.as_bytes()))
        .transpose()?;
    let checksum = checksum_header(headers)?;
    let trailing = extensions
        .get::<TrailerNames>()
        .and_then(|names| names.0.first().copied());
    let named = ["x-amz-sdk-checksum-algorithm", "x-amz-checksum-algorithm"]
        .into_iter()
        .find_map(|name| header::value(headers, name))
        .map(|value| ChecksumAlgorithm::parse(value.to_str().unwrap_or_default()))
        .transpose()
        .map_err(|_| {
            Fault::invalid_request("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
        })?;
    let checksum_algorithm = trailing.map(from_trailer).or(named);
    Ok(Expect {
        md5,
        checksum,
        checksum_algorithm,
        late: None,
    })
}

pub(crate) fn content_md5(text: &[u8]) -> Result<[u8; 16], Fault> {
    BASE64
        .decode(text.trim_ascii())
        .ok()
        .and_then(|digest| digest.try_into().ok())
        .ok_or_else(|| {
            Fault::new(
                "InvalidDigest",
                StatusCode::BAD_REQUEST,
                "The Content-MD5 you specified is not valid.",
            )
        })
}

/// The one `x-amz-checksum-*` header of a request.
pub(crate) fn checksum_header(headers: &HeaderMap) -> Result<Option<Checksum>, Fault> {
    checksum_of(headers, |text| text)
}

/// The same, of the part of its text that is the digest.
pub(crate) fn checksum_of(headers: &HeaderMap, digest: impl Fn(&str) -> &str) -> Result<Option<Checksum>, Fault> {
    let mut found = None;
    for trailer in baleen_http::ChecksumAlgorithm::ALL {
        let Some(value) = header::value(headers, trailer.header()) else {
            continue;
        };
        let checksum = Checksum::parse(from_trailer(trailer), digest(value.to_str().unwrap_or_default()))
            .map_err(|_| Fault::invalid_request(format!("Value for {} header is invalid.", trailer.header())))?;
        if found.replace(checksum).is_some() {
            return Err(Fault::invalid_request("Expecting a single x-amz-checksum- header."));
        }
    }
    Ok(found)
}

pub(crate) fn from_trailer(algorithm: baleen_http::ChecksumAlgorithm) -> ChecksumAlgorithm {
    match algorithm {
        baleen_http::ChecksumAlgorithm::Crc32 => ChecksumAlgorithm::Crc32,
        baleen_http::ChecksumAlgorithm::Crc32c => ChecksumAlgorithm::Crc32c,
        baleen_http::ChecksumAlgorithm::Crc64Nvme => ChecksumAlgorithm::Crc64Nvme,
        baleen_http::ChecksumAlgorithm::Sha1 => ChecksumAlgorithm::Sha1,
        baleen_http::ChecksumAlgorithm::Sha256 => ChecksumAlgorithm::Sha256,
    }
}

/// Puts a checksum into the fields that every output of the codec has for it.
macro_rules! put_checksum {
    ($output:expr, $stored:expr) => {
        if let Some(stored) = $stored {
            let text = Some(stored.to_text());
            match stored.checksum.algorithm() {
                ::baleen_objects::ChecksumAlgorithm::Crc32 => $output.checksum_crc32 = text,
                ::baleen_objects::ChecksumAlgorithm::Crc32c => $output.checksum_crc32c = text,
                ::baleen_objects::ChecksumAlgorithm::Crc64Nvme => $output.checksum_crc64nvme = text,
                ::baleen_objects::ChecksumAlgorithm::Sha1 => $output.checksum_sha1 = text,
                ::baleen_objects::ChecksumAlgorithm::Sha256 => $output.checksum_sha256 = text,
            }
        }
    };
}
pub(crate) use put_checksum;

pub(crate) fn checksum_type(stored: &StoredChecksum) -> dto::ChecksumType {
    dto::ChecksumType::from_static(stored.kind.as_str())
}

pub(crate) fn checksum_algorithm(algorithm: ChecksumAlgorithm) -> dto::ChecksumAlgorithm {
    dto::ChecksumAlgorithm::from_static(algorithm.as_str())
}

/// A request body for the object service.
pub(crate) fn body_in(blob: Option<StreamingBlob>) -> Body {
    match blob {
        None => Box::pin(futures::stream::empty()),
        Some(blob) => Box::pin(blob.map(|piece| {
            // The fault itself is found again through the body's outcome: see `door`.
            piece.map_err(|source| BodyError::new(FaultKind::Invalid, source))
        })),
    }
}
