//! HeadBucket.

use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::dto::{HeadBucketInput, HeadBucketOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

/// The size of a bucket with all its versions (seed 004, "HEAD Bucket").
static SIZE: HeaderName = HeaderName::from_static("x-lyve-size");

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<HeadBucketInput>,
) -> Answer<HeadBucketOutput> {
    let usage = services.objects.bucket_usage(call.bucket_name()?).await?;
    let region = call
        .bucket
        .map_or_else(|| services.region.clone(), |bucket| bucket.region);
    let output = HeadBucketOutput {
        bucket_region: Some(region.to_string()),
        ..Default::default()
    };
    let headers = HeaderMap::from_iter([(SIZE.clone(), HeaderValue::from(usage.bytes))]);
    Ok(S3Response::with_headers(output, headers))
}
