//! GetBucketTagging.

use baleen_objects::{BucketTagging, Tags};
use http::StatusCode;
use s3s::dto::{GetBucketTaggingInput, GetBucketTaggingOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::tagging::tag_set;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<GetBucketTaggingInput>,
) -> Answer<GetBucketTaggingOutput> {
    let record: Option<BucketTagging> = services.objects.setting(call.bucket_name()?).await?;
    let record =
        record.ok_or_else(|| Fault::new("NoSuchTagSet", StatusCode::NOT_FOUND, "The TagSet does not exist."))?;
    Ok(S3Response::new(GetBucketTaggingOutput {
        tag_set: tag_set(&Tags::from(record)),
    }))
}
