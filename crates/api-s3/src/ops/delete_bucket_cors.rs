//! DeleteBucketCors.

use baleen_objects::Cors;
use s3s::dto::{DeleteBucketCorsInput, DeleteBucketCorsOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<DeleteBucketCorsInput>,
) -> Answer<DeleteBucketCorsOutput> {
    services.objects.put_setting::<Cors>(call.bucket_name()?, None).await?;
    Ok(S3Response::new(DeleteBucketCorsOutput {}))
}
