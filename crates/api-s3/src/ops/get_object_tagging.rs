//! GetObjectTagging: no object has tags yet. AWS CLI asks before a copy in parts.

use baleen_objects::Selection;
use s3s::dto::{GetObjectTaggingInput, GetObjectTaggingOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::convert::refuse_version;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<GetObjectTaggingInput>,
) -> Answer<GetObjectTaggingOutput> {
    refuse_version(request.input.version_id.as_deref())?;
    services.objects.head(&call.path()?, Selection::Whole).await?;
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set: Vec::new(), version_id: None }))
}
