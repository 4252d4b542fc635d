//! DeleteBucketReplication: no bucket has a replication of rules (see [`super::get_bucket_replication`]), so that it is gone.

use http::StatusCode;
use s3s::dto::{DeleteBucketReplicationInput, DeleteBucketReplicationOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    _services: &Services,
    _call: Call,
    _request: S3Request<DeleteBucketReplicationInput>,
) -> Answer<DeleteBucketReplicationOutput> {
    Ok(S3Response::with_status(
        DeleteBucketReplicationOutput::default(),
        StatusCode::NO_CONTENT,
    ))
}
