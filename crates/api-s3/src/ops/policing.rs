//! What the operations on a bucket's policy share.

use baleen_policy::{DocumentKind, Malformed, Policy, Strange, Stranger};
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
    // AWS's text first, and then what and where it is, of which AWS says nothing.
    if let Some(Strange { what, name, statement }) = policy.stranger() {
        let refused = match what {
            Stranger::Action => "Policy has invalid action",
            Stranger::Idle => "Action does not apply to any resource(s) in statement",
            Stranger::Key => "Policy has an invalid condition key",
        };
        return Err(malformed(format!("{refused}: {name} in {statement}")));
    }
    match policy.strays_from(bucket) {
        Some(statement) => Err(malformed(format!("Policy has invalid resource: that of {statement}"))),
        None => Ok(policy),
    }
}
