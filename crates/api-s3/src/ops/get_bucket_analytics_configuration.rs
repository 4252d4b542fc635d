//! GetBucketAnalyticsConfiguration: no bucket has one, since no use of storage classes is looked at here.

use s3s::S3Request;
use s3s::dto::{GetBucketAnalyticsConfigurationInput, GetBucketAnalyticsConfigurationOutput};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    _services: &Services,
    _call: Call,
    _request: S3Request<GetBucketAnalyticsConfigurationInput>,
) -> Answer<GetBucketAnalyticsConfigurationOutput> {
    Err(Fault::no_configuration())
}
