//! GetBucketEncryption.

use baleen_objects::BucketEncryption;
use s3s::dto::{GetBucketEncryptionInput, GetBucketEncryptionOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::encryption::bucket_document;
use crate::fault::Fault;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<GetBucketEncryptionInput>,
) -> Answer<GetBucketEncryptionOutput> {
    let kept: Option<BucketEncryption> = services.objects.setting(call.bucket_name()?).await?;
    let Some(kept) = kept else {
        // Unlike with AWS, where every bucket has one: nobody is told that bytes are encrypted which are not (peers' failure
        // F15).
        return Err(Fault::no_setting(
            "ServerSideEncryptionConfigurationNotFoundError",
            "The server side encryption configuration was not found",
        ));
    };
    Ok(S3Response::new(GetBucketEncryptionOutput {
        server_side_encryption_configuration: Some(bucket_document(&kept)),
    }))
}
