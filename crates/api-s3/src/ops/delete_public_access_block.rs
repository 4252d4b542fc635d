//! DeletePublicAccessBlock.

use baleen_objects::PublicAccessBlock;
use s3s::dto::{DeletePublicAccessBlockInput, DeletePublicAccessBlockOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<DeletePublicAccessBlockInput>,
) -> Answer<DeletePublicAccessBlockOutput> {
    services
        .objects
        .put_setting::<PublicAccessBlock>(call.bucket_name()?, None)
        .await?;
    Ok(S3Response::new(DeletePublicAccessBlockOutput {}))
}
