//! What the operations on a bucket's policy share.

use baleen_policy::{DocumentKind, Malformed, Policy, Stranger};
use baleen_types::BucketName;
use http::StatusCode;

use crate::access::Call;
use crate::fault::{Fault, sentence};

/// A policy lets others do everything but look at it and change it (AWS, PutBucketPolicy: "If you have the correct
/// permissions, but you're not using an identity that belongs to the bucket owner's account, Amazon S3 returns a 405").
pub(super) fn check_is_of_owner(call: &Call) -> Result<(), Fault> {
    if call.is_of_owner() {
        return Ok(());
    }
    Err(Fault::new(
        "MethodNotAllowed",
        StatusCode::METHOD_NOT_ALLOWED,
        "The specified method is not allowed against this resource.",
    ))
}

/// The answer for a bucket without a policy.
pub(super) fn no_such_policy() -> Fault {
    Fault::no_setting("NoSuchBucketPolicy", "The bucket policy does not exist")
}

/// Reads the policy of a bucket. Where AWS has a text for what is wrong, it is that; else ours, which says more.
pub(super) fn read(document: &str, bucket: &BucketName) -> Result<Policy, Fault> {
    let malformed = |message: String| Fault::new("MalformedPolicy", StatusCode::BAD_REQUEST, message);
    let policy = Policy::parse(document, DocumentKind::Bucket).map_err(|why| match why {
        Malformed::BucketTooLong | Malformed::TooLong => {
            malformed("Policy exceeds the maximum allowed document size.".to_owned())
        }
        Malformed::Syntax(_) if !document.trim_start().starts_with('{') => {
            malformed("Policies must be valid JSON and the first byte must be '{'".to_owned())
        }
        Malformed::Syntax(why) => malformed(sentence(&why)),
    })?;
    let refused = match policy.stranger() {
        Some(Stranger::Action) => "Policy has invalid action",
        Some(Stranger::Key) => "Policy has an invalid condition key",
        None if !policy.stays_within(bucket) => "Policy has invalid resource",
        None => return Ok(policy),
    };
    Err(malformed(refused.to_owned()))
}
