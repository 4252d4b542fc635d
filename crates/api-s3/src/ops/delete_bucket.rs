//! DeleteBucket: an empty one.

use s3s::dto::{DeleteBucketInput, DeleteBucketOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<DeleteBucketInput>,
) -> Answer<DeleteBucketOutput> {
    services.objects.delete_bucket(call.bucket_name()?).await?;
    Ok(S3Response::new(DeleteBucketOutput {}))
}
