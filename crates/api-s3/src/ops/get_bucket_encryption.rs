//! GetBucketEncryption: there is none, and nobody is told otherwise (peers' failure F15).

use s3s::S3Request;
use s3s::dto::{GetBucketEncryptionInput, GetBucketEncryptionOutput};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    _services: &Services,
    _call: Call,
    _request: S3Request<GetBucketEncryptionInput>,
) -> Answer<GetBucketEncryptionOutput> {
    Err(Fault::no_setting(
        "ServerSideEncryptionConfigurationNotFoundError",
        "The server side encryption configuration was not found",
    ))
}
