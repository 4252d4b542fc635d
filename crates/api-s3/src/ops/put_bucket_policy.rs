//! PutBucketPolicy.

use baleen_objects::BucketPolicy;
use s3s::dto::{PutBucketPolicyInput, PutBucketPolicyOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::ops::policing;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutBucketPolicyInput>,
) -> Answer<PutBucketPolicyOutput> {
    policing::check_is_of_owner(&call)?;
    let name = call.bucket_name()?;
    let document = request.input.policy;
    let policy = policing::read(&document, name)?;
    let mut seen = None;
    if policy.is_public() {
        if services
            .policies
            .block_of(name, call.bucket_owner()?)
            .await?
            .block_public_policy
        {
            return Err(Fault::access_denied());
        }
        // And it is not set between.
        seen = call.bucket.as_ref().map(|bucket| bucket.settings);
    }
    services
        .objects
        .put_setting_in(name, seen, Some(&BucketPolicy { document }))
        .await?;
    Ok(S3Response::new(PutBucketPolicyOutput {}))
}
