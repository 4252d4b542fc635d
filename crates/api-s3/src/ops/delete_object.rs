//! DeleteObject: gone afterwards, whether or not it was there.

use s3s::dto::{DeleteObjectInput, DeleteObjectOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::convert::refuse_version;
use crate::fault::Fault;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<DeleteObjectInput>,
) -> Answer<DeleteObjectOutput> {
    let input = request.input;
    if input.if_match.is_some() || input.if_match_size.is_some() || input.if_match_last_modified_time.is_some() {
        // To delete in spite of a condition would be worse than not to delete.
        return Err(Fault::not_implemented("Conditional deletes are not implemented."));
    }
    refuse_version(input.version_id.as_deref())?;
    services.objects.delete(&call.path()?).await?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}
