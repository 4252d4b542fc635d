//! DeleteBucketWebsite: no bucket has a website (see [`super::get_bucket_website`]), so that it is gone.

use http::StatusCode;
use s3s::dto::{DeleteBucketWebsiteInput, DeleteBucketWebsiteOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    _services: &Services,
    _call: Call,
    _request: S3Request<DeleteBucketWebsiteInput>,
) -> Answer<DeleteBucketWebsiteOutput> {
    Ok(S3Response::with_status(
        DeleteBucketWebsiteOutput::default(),
        StatusCode::NO_CONTENT,
    ))
}
