//! Uploads by HTML form: each becomes a PutObject before the codec sees it.
//!
//! So who may, what is in the audit log and what is counted is as for any other write. What is added here is the policy of the
//! form, which its signer made: it must allow all that the form says, or nothing is changed.
//!
//! The bucket is that of the address and of nothing else; a field of that name and the policy are compared with it.
//!
//! Source: seed 004, "POST s3v4 Uploads"; AWS "POST Object" and "Creating a POST policy".

mod answer;
mod fields;
mod policy;

pub(crate) use answer::Answer;

use baleen_http::{BodyCheck, BodyFault, Form, RequestBody};
use baleen_signing::encode_path;
use baleen_types::{BucketName, OBJECT_KEY_BYTES_MAX, Timestamp};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri};
use s3s::path::S3Path;
use std::ops::RangeInclusive;

use crate::address::place;
use crate::fault::Fault;
use crate::limits::FORM_FILE_BYTES_MAX;
use crate::routed::RoutedTo;
use crate::writes::PUT_OBJECT;
use policy::PostPolicy;

/// What the name of the file is put in for.
const FILE_NAME: &str = "${filename}";

/// Headers of a form's head that are kept: none of them is obeyed by a write.
const KEPT: [&str; 4] = ["host", "origin", "referer", "user-agent"];

/// Makes a PutObject of a form whose address is path-style by now; `below` is what stood before a key in it. What is left to do
/// is in the answer.
///
/// # Errors
/// What the policy does not allow, and fields that cannot be obeyed.
pub(crate) fn settle(
    (head, body): (&mut Parts, &mut RequestBody),
    form: &Form,
    (now, below): (Timestamp, &str),
    routed: &RoutedTo,
) -> Result<Answer, Fault> {
    let bucket = bucket(head)?;
    let key = key(form)?;
    routed.is(&PUT_OBJECT, &S3Path::object(&bucket, &key));
    if form.get("bucket").is_some_and(|named| named != bucket) {
        return Err(Fault::invalid_argument(
            "The field bucket names another bucket than the address.",
        ));
    }
    let judged = permitted(form, (&bucket, &key), now);
    routed.judge(&judged);
    body.check(FileRange::new(judged?));
    let answer = Answer::new(form, (&bucket, &key), (&place(head), below));

    let mut headers = fields::headers(form)?;
    let kept = head.headers.iter().filter(|(name, _)| KEPT.contains(&name.as_str()));
    headers.extend(
        kept.map(|(name, value)| (name.clone(), value.clone()))
            .collect::<HeaderMap>(),
    );
    head.headers = headers;
    head.method = Method::PUT;
    // A path of escaped bytes is one.
    head.uri = Uri::try_from(format!("/{bucket}/{}", encode_path(&key))).map_err(|_| {
        Fault::new(
            "InvalidURI",
            StatusCode::BAD_REQUEST,
            "The key cannot be written as an address.",
        )
    })?;
    Ok(answer)
}

/// How large the file may be, if the policy allows the rest. Without a policy nobody asks, and decides what nobody may.
fn permitted(form: &Form, (bucket, key): (&str, &str), now: Timestamp) -> Result<RangeInclusive<u64>, Fault> {
    let Some(policy) = form.get("policy") else {
        return Ok(0..=FORM_FILE_BYTES_MAX);
    };
    PostPolicy::parse(policy)?.permit(form, (bucket, key), now)
}

/// The one place from which the bucket is taken.
fn bucket(head: &Parts) -> Result<String, Fault> {
    let path = head.uri.path().strip_prefix('/').unwrap_or_default();
    let name = path.strip_suffix('/').unwrap_or(path);
    let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
    if name.is_empty() || name.contains('/') {
        return Err(Fault::new(
            "MethodNotAllowed",
            StatusCode::METHOD_NOT_ALLOWED,
            "A form is sent to the address of a bucket; its key is a field.",
        ));
    }
    // It becomes a part of an address, in which `?` and `#` would begin something else.
    BucketName::parse(&name)?;
    Ok(name.into_owned())
}

/// The key, with the name of the file put in: what follows the last slash of it, since some browsers send the whole path.
fn key(form: &Form) -> Result<String, Fault> {
    let file = form.file_name();
    let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
    let written = form.get("key").unwrap_or_default();
    // Counted first: a short form could ask for a key of many megabytes.
    let names = written.matches(FILE_NAME).count();
    if (written.len() - names * FILE_NAME.len()).saturating_add(names.saturating_mul(name.len())) > OBJECT_KEY_BYTES_MAX
    {
        return Err(Fault::new(
            "KeyTooLongError",
            StatusCode::BAD_REQUEST,
            "Your key is too long.",
        ));
    }
    let key = written.replace(FILE_NAME, name);
    if key.is_empty() {
        return Err(Fault::new(
            "UserKeyMustBeSpecified",
            StatusCode::BAD_REQUEST,
            "The bucket POST must contain a field named 'key'. If it is specified, please check the order of the fields.",
        ));
    }
    Ok(key)
}

/// Holds a file to its range.
struct FileRange {
    range: RangeInclusive<u64>,
    bytes: u64,
}

impl FileRange {
    fn new(range: RangeInclusive<u64>) -> Self {
        Self { range, bytes: 0 }
    }
}

impl BodyCheck for FileRange {
    fn update(&mut self, bytes: &[u8]) -> Result<(), BodyFault> {
        self.bytes += bytes.len() as u64;
        if self.bytes > *self.range.end() {
            return Err(BodyFault::OutsideRange {
                larger: true,
                bound: *self.range.end(),
            });
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BodyFault> {
        if self.bytes < *self.range.start() {
            return Err(BodyFault::OutsideRange {
                larger: false,
                bound: *self.range.start(),
            });
        }
        Ok(())
    }
}
