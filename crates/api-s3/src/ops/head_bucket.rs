//! HeadBucket.

use s3s::dto::{HeadBucketInput, HeadBucketOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<HeadBucketInput>,
) -> Answer<HeadBucketOutput> {
    // The hook found the bucket; that it is there is the whole answer.
    let region = call.bucket.map_or_else(|| services.region.clone(), |bucket| bucket.region);
    Ok(S3Response::new(HeadBucketOutput { bucket_region: Some(region.to_string()), ..Default::default() }))
}
