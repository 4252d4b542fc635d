//! DeleteBucketEncryption: what is written from now on is kept as it comes, unless the write says otherwise.

use baleen_objects::BucketEncryption;
use s3s::dto::{DeleteBucketEncryptionInput, DeleteBucketEncryptionOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<DeleteBucketEncryptionInput>,
) -> Answer<DeleteBucketEncryptionOutput> {
    let none = None::<&BucketEncryption>;
    services.objects.put_setting(call.bucket_name()?, none).await?;
    Ok(S3Response::new(DeleteBucketEncryptionOutput::default()))
}
