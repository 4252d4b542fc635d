//! PutObjectTagging.

use baleen_objects::Tags;
use s3s::dto::{PutObjectTaggingInput, PutObjectTaggingOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::tagging::pairs;
use crate::access::Call;
use crate::convert::version_id;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutObjectTaggingInput>,
) -> Answer<PutObjectTaggingOutput> {
    let of = call.version(request.input.version_id.as_deref())?;
    let pairs = pairs(request.input.tagging.tag_set)?;
    call.decide_giving(&pairs)?;
    let tags = Tags::of_object(pairs)?;
    let version = services.objects.replace_tags(&of, call.seen_tags(), tags).await?;
    Ok(S3Response::new(PutObjectTaggingOutput {
        version_id: version_id(version),
    }))
}
