//! DeleteObject: gone afterwards, whether or not it was there.

use baleen_objects::{DeleteObject, WriteCondition};
use s3s::dto::{DeleteObjectInput, DeleteObjectOutput, ETagCondition};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::convert::{delete_condition, version_id};
use crate::fault::Fault;
use crate::locking::governance;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<DeleteObjectInput>,
) -> Answer<DeleteObjectOutput> {
    let input = request.input;
    if input.if_match_size.is_some() || input.if_match_last_modified_time.is_some() {
        // AWS has them for directory buckets only. To delete in spite of a condition would be worse than not to delete.
        return Err(Fault::not_implemented(
            "A deletion can be conditional on the entity tag only.",
        ));
    }
    let condition = match &input.if_match {
        Some(ETagCondition::Any) => WriteCondition::IfPresent,
        Some(ETagCondition::ETag(tag)) => delete_condition(Some(tag))?,
        None => WriteCondition::None,
    };
    let of = call.version(input.version_id.as_deref())?;
    let governance = governance(&call, input.bypass_governance_retention, &of.at.key);
    let request = DeleteObject {
        governance,
        condition,
        ..of.into()
    };
    let deleted = services.objects.delete(request).await?;
    Ok(S3Response::new(DeleteObjectOutput {
        delete_marker: deleted.is_marker.then_some(true),
        version_id: version_id(deleted.version),
        ..Default::default()
    }))
}
