//! PutBucketEncryption: how what is written to a bucket from now on is kept, unless the write says otherwise.

use s3s::dto::{PutBucketEncryptionInput, PutBucketEncryptionOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::encryption::bucket_encryption;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutBucketEncryptionInput>,
) -> Answer<PutBucketEncryptionOutput> {
    let asked = bucket_encryption(request.input.server_side_encryption_configuration)?;
    services.objects.put_setting(call.bucket_name()?, Some(&asked)).await?;
    Ok(S3Response::new(PutBucketEncryptionOutput::default()))
}
