//! GetBucketVersioning: never enabled, which S3 says by an empty document.

use s3s::dto::{GetBucketVersioningInput, GetBucketVersioningOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    _services: &Services,
    _call: Call,
    _request: S3Request<GetBucketVersioningInput>,
) -> Answer<GetBucketVersioningOutput> {
    Ok(S3Response::new(GetBucketVersioningOutput::default()))
}
