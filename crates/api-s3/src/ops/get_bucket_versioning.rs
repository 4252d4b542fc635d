//! GetBucketVersioning: of a bucket that has never kept versions, an empty document.

use baleen_objects::Versioning;
use s3s::dto::{BucketVersioningStatus, GetBucketVersioningInput, GetBucketVersioningOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    _services: &Services,
    call: Call,
    _request: S3Request<GetBucketVersioningInput>,
) -> Answer<GetBucketVersioningOutput> {
    let status = match call.bucket.map(|bucket| bucket.versioning) {
        None | Some(Versioning::Never) => None,
        Some(Versioning::Enabled) => Some(BucketVersioningStatus::ENABLED),
        Some(Versioning::Suspended) => Some(BucketVersioningStatus::SUSPENDED),
    };
    Ok(S3Response::new(GetBucketVersioningOutput {
        status: status.map(BucketVersioningStatus::from_static),
        ..Default::default()
    }))
}
