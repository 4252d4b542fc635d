//! DeleteBucketTagging: a bucket without tags is as it was asked for.

use baleen_objects::BucketTagging;
use s3s::dto::{DeleteBucketTaggingInput, DeleteBucketTaggingOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<DeleteBucketTaggingInput>,
) -> Answer<DeleteBucketTaggingOutput> {
    services
        .objects
        .put_setting::<BucketTagging>(call.bucket_name()?, None)
        .await?;
    Ok(S3Response::new(DeleteBucketTaggingOutput::default()))
}
