//! DeleteObject: gone afterwards, whether or not it was there.

use baleen_objects::DeleteObject;
use s3s::dto::{DeleteObjectInput, DeleteObjectOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::convert::version_id;
use crate::fault::Fault;
use crate::locking::governance;
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
    let of = call.version(input.version_id.as_deref())?;
    let governance = governance(&call, input.bypass_governance_retention, &of.at.key);
    let request = DeleteObject {
        governance,
        ..of.into()
    };
    let deleted = services.objects.delete(request).await?;
    Ok(S3Response::new(DeleteObjectOutput {
        delete_marker: deleted.is_marker.then_some(true),
        version_id: version_id(deleted.version),
        ..Default::default()
    }))
}
