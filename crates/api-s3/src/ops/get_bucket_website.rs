//! GetBucketWebsite: no bucket has one, since websites are not served here.

use s3s::S3Request;
use s3s::dto::{GetBucketWebsiteInput, GetBucketWebsiteOutput};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    _services: &Services,
    _call: Call,
    _request: S3Request<GetBucketWebsiteInput>,
) -> Answer<GetBucketWebsiteOutput> {
    Err(Fault::no_setting(
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    ))
}
