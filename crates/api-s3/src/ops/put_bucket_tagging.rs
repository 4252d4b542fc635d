//! PutBucketTagging.

use baleen_objects::{BucketTagging, Tags};
use s3s::dto::{PutBucketTaggingInput, PutBucketTaggingOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::tagging::pairs;
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutBucketTaggingInput>,
) -> Answer<PutBucketTaggingOutput> {
    let tags = Tags::of_bucket(pairs(request.input.tagging.tag_set)?)?;
    // A bucket with no tags has no set of them.
    let record = (!tags.is_empty()).then(|| BucketTagging::from(tags));
    services
        .objects
        .put_setting(call.bucket_name()?, record.as_ref())
        .await?;
    Ok(S3Response::new(PutBucketTaggingOutput::default()))
}
