//! ListBucketMetricsConfigurations: no bucket has any (see [`super::get_bucket_metrics_configuration`]).

use s3s::dto::{ListBucketMetricsConfigurationsInput, ListBucketMetricsConfigurationsOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    _services: &Services,
    _call: Call,
    _request: S3Request<ListBucketMetricsConfigurationsInput>,
) -> Answer<ListBucketMetricsConfigurationsOutput> {
    Ok(S3Response::new(ListBucketMetricsConfigurationsOutput {
        is_truncated: Some(false),
        ..ListBucketMetricsConfigurationsOutput::default()
    }))
}
