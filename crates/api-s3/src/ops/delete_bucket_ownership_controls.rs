//! DeleteBucketOwnershipControls: as with AWS, access control lists count then.

use baleen_objects::ObjectOwnership;
use s3s::dto::{DeleteBucketOwnershipControlsInput, DeleteBucketOwnershipControlsOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<DeleteBucketOwnershipControlsInput>,
) -> Answer<DeleteBucketOwnershipControlsOutput> {
    services
        .objects
        .put_setting(call.bucket_name()?, Some(&ObjectOwnership::Unsaid))
        .await?;
    Ok(S3Response::new(DeleteBucketOwnershipControlsOutput {}))
}
