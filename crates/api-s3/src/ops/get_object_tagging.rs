//! GetObjectTagging.

use baleen_objects::Selection;
use s3s::dto::{GetObjectTaggingInput, GetObjectTaggingOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::tagging::tag_set;
use crate::access::Call;
use crate::convert::version_id;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<GetObjectTaggingInput>,
) -> Answer<GetObjectTaggingOutput> {
    let of = call.version(request.input.version_id.as_deref())?;
    let (head, _) = services.objects.head(of, Selection::Whole).await?;
    call.confirm(&head)?;
    Ok(S3Response::new(GetObjectTaggingOutput {
        tag_set: tag_set(&head.tags),
        version_id: version_id(head.version),
    }))
}
