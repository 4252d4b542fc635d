//! DeleteObjectTagging: what has no tags is as it was asked for.

use baleen_objects::Tags;
use s3s::dto::{DeleteObjectTaggingInput, DeleteObjectTaggingOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::convert::version_id;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<DeleteObjectTaggingInput>,
) -> Answer<DeleteObjectTaggingOutput> {
    let of = call.version(request.input.version_id.as_deref())?;
    let version = services
        .objects
        .replace_tags(&of, call.seen_tags(), Tags::default())
        .await?;
    Ok(S3Response::new(DeleteObjectTaggingOutput {
        version_id: version_id(version),
    }))
}
