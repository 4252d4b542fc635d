//! GetObjectTagging: no object has tags yet. AWS CLI asks before a copy in parts.

use baleen_objects::Selection;
use s3s::dto::{GetObjectTaggingInput, GetObjectTaggingOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<GetObjectTaggingInput>,
) -> Answer<GetObjectTaggingOutput> {
    let of = call.version(request.input.version_id.as_deref())?;
    let (head, _) = services.objects.head(of, Selection::Whole).await?;
    let version_id = head.version.map(|version| version.to_string());
    Ok(S3Response::new(GetObjectTaggingOutput { tag_set: Vec::new(), version_id }))
}
