//! DeleteBucketPolicy: also of a bucket without one.

use baleen_objects::BucketPolicy;
use s3s::dto::{DeleteBucketPolicyInput, DeleteBucketPolicyOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::ops::policing;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<DeleteBucketPolicyInput>,
) -> Answer<DeleteBucketPolicyOutput> {
    policing::check_is_of_owner(&call)?;
    services
        .objects
        .put_setting::<BucketPolicy>(call.bucket_name()?, None)
        .await?;
    Ok(S3Response::new(DeleteBucketPolicyOutput {}))
}
