//! GetBucketLocation.

use s3s::dto::{BucketLocationConstraint, GetBucketLocationInput, GetBucketLocationOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<GetBucketLocationInput>,
) -> Answer<GetBucketLocationOutput> {
    let region = call
        .bucket
        .map_or_else(|| services.region.clone(), |bucket| bucket.region);
    // The first region has no name here (AWS, GetBucketLocation: "have a LocationConstraint of null").
    let constraint = match region.as_str() {
        "us-east-1" => String::new(),
        other => other.to_owned(),
    };
    let location_constraint = Some(BucketLocationConstraint::from(constraint));
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
}
