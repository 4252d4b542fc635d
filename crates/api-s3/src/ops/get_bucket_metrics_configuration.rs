//! GetBucketMetricsConfiguration: no bucket has one, since there are none of some of its objects here.

use s3s::S3Request;
use s3s::dto::{GetBucketMetricsConfigurationInput, GetBucketMetricsConfigurationOutput};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    _services: &Services,
    _call: Call,
    _request: S3Request<GetBucketMetricsConfigurationInput>,
) -> Answer<GetBucketMetricsConfigurationOutput> {
    Err(Fault::no_configuration())
}
