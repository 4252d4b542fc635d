//! What conditions of policies may look at in an S3 request.
//!
//! Each key gets the value that the operation will act on and nothing else: a parameter is read as the codec reads it, and
//! a header lands only in the key that it is the definition of (identity notes, 2.2).

use baleen_http::{SignaturePlace, SignatureVersion, Signed};
use baleen_policy::{Context, Key, Value};
use baleen_types::RegionName;
use http::HeaderMap;
use std::borrow::Cow;

use crate::locking::{header_lock, tell};
use crate::ops::Row;
use crate::query::parameter;

/// Parameters of the query with their keys.
const PARAMETERS: [(&str, Key); 4] = [
    ("prefix", Key::S3Prefix),
    ("delimiter", Key::S3Delimiter),
    ("max-keys", Key::S3MaxKeys),
    ("versionId", Key::S3VersionId),
];

/// Headers with their keys.
const HEADERS: [(&str, Key); 16] = [
    ("if-match", Key::S3IfMatch),
    ("if-none-match", Key::S3IfNoneMatch),
    ("referer", Key::AwsReferer),
    ("user-agent", Key::AwsUserAgent),
    ("x-amz-acl", Key::S3XAmzAcl),
    ("x-amz-grant-read", Key::S3XAmzGrantRead),
    ("x-amz-grant-write", Key::S3XAmzGrantWrite),
    ("x-amz-grant-read-acp", Key::S3XAmzGrantReadAcp),
    ("x-amz-grant-write-acp", Key::S3XAmzGrantWriteAcp),
    ("x-amz-grant-full-control", Key::S3XAmzGrantFullControl),
    ("x-amz-metadata-directive", Key::S3XAmzMetadataDirective),
    ("x-amz-server-side-encryption", Key::S3XAmzServerSideEncryption),
    (
        "x-amz-server-side-encryption-aws-kms-key-id",
        Key::S3XAmzServerSideEncryptionAwsKmsKeyId,
    ),
    (
        "x-amz-server-side-encryption-customer-algorithm",
        Key::S3XAmzServerSideEncryptionCustomerAlgorithm,
    ),
    ("x-amz-storage-class", Key::S3XAmzStorageClass),
    ("x-amz-copy-source", Key::S3XAmzCopySource),
];

/// Adds what a request of an operation says of itself.
pub(crate) fn circumstances(
    mut context: Context<'static>,
    row: &Row,
    (query, headers): (&str, &HeaderMap),
    region: &RegionName,
) -> Context<'static> {
    context.set(Key::AwsRequestedRegion, Some(region.to_string()));
    for (name, key) in PARAMETERS {
        context.set(key, parameter(query, name));
    }
    // Each request has few headers, of which few are looked at: so they are walked once, instead of searched for each key.
    for name in headers.keys().map(http::HeaderName::as_str) {
        if let Some((_, key)) = HEADERS.iter().find(|(known, _)| *known == name) {
            context.set(*key, header(headers, name));
        }
    }
    // Elsewhere the lock is said by a document, or by nothing. One that cannot be read is refused by the operation.
    if row.makes_as_headers_say()
        && let Ok(lock) = header_lock(headers)
    {
        tell(&mut context, &lock);
    }
    context
}

/// Adds how a request is signed. One without a signature has none of it.
pub(crate) fn signature(context: &mut Context<'static>, signed: &Signed) {
    let text = |text: &'static str| Value::Text(Cow::Borrowed(text));
    let place = match signed.place {
        SignaturePlace::Header => "REST-HEADER",
        SignaturePlace::Query => "REST-QUERY-STRING",
        SignaturePlace::Form => "POST",
    };
    context.set(Key::S3AuthType, Some(text(place)));
    let version = match signed.version {
        SignatureVersion::V2 => "AWS",
        SignatureVersion::V4 => baleen_signing::ALGORITHM,
    };
    context.set(Key::S3SignatureVersion, Some(text(version)));
    let age = signed.at.map(|at| context.now().since(at).as_millis().to_string());
    context.set(Key::S3SignatureAge, age);
}

/// The value of a header; several of a name are joined, as the definition of a list of fields has it.
fn header(headers: &HeaderMap, name: &str) -> Option<Value<'static>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let joined = values.fold(text(first), |joined, more| format!("{joined}, {}", text(more)));
    Some(Value::Text(Cow::Owned(match name {
        "x-amz-copy-source" => {
            let decoded = percent_encoding::percent_decode_str(&joined).decode_utf8_lossy();
            decoded.strip_prefix('/').unwrap_or(&decoded).to_owned()
        }
        _ => joined,
    })))
}
