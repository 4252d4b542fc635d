//! GetBucketOwnershipControls: where nothing was ever said, what holds.

use baleen_objects::ObjectOwnership;
use s3s::dto::{
    GetBucketOwnershipControlsInput, GetBucketOwnershipControlsOutput, ObjectOwnership as Wire, OwnershipControls,
    OwnershipControlsRule,
};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<GetBucketOwnershipControlsInput>,
) -> Answer<GetBucketOwnershipControlsOutput> {
    let stored: Option<ObjectOwnership> = services.objects.setting(call.bucket_name()?).await?;
    let ownership = stored.unwrap_or_default();
    let object_ownership = ownership_wire(ownership).ok_or_else(|| {
        Fault::no_setting(
            "OwnershipControlsNotFoundError",
            "The bucket ownership controls were not found",
        )
    })?;
    let ownership_controls = Some(OwnershipControls {
        rules: vec![OwnershipControlsRule { object_ownership }],
    });
    Ok(S3Response::new(GetBucketOwnershipControlsOutput { ownership_controls }))
}

fn ownership_wire(ownership: ObjectOwnership) -> Option<Wire> {
    Some(Wire::from_static(match ownership {
        ObjectOwnership::BucketOwnerEnforced => Wire::BUCKET_OWNER_ENFORCED,
        ObjectOwnership::BucketOwnerPreferred => Wire::BUCKET_OWNER_PREFERRED,
        ObjectOwnership::ObjectWriter => Wire::OBJECT_WRITER,
        ObjectOwnership::Unsaid => return None,
    }))
}
