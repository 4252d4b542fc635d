//! GetBucketPolicy: the document as it was given.

use baleen_objects::BucketPolicy;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use s3s::dto::{GetBucketPolicyInput, GetBucketPolicyOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::ops::policing;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<GetBucketPolicyInput>,
) -> Answer<GetBucketPolicyOutput> {
    policing::check_is_of_owner(&call)?;
    let stored: Option<BucketPolicy> = services.objects.setting(call.bucket_name()?).await?;
    let stored = stored.ok_or_else(policing::no_such_policy)?;
    let mut answer = S3Response::new(GetBucketPolicyOutput {
        policy: Some(stored.document),
    });
    answer
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(answer)
}
