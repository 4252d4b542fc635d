//! PutBucketOwnershipControls: one rule.

use baleen_objects::ObjectOwnership;
use s3s::dto::{ObjectOwnership as Wire, PutBucketOwnershipControlsInput, PutBucketOwnershipControlsOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutBucketOwnershipControlsInput>,
) -> Answer<PutBucketOwnershipControlsOutput> {
    let rules = request.input.ownership_controls.rules;
    let [rule] = &rules[..] else {
        return Err(Fault::malformed_xml("The ownership controls need one rule."));
    };
    let ownership = match rule.object_ownership.as_str() {
        Wire::BUCKET_OWNER_ENFORCED => ObjectOwnership::BucketOwnerEnforced,
        Wire::BUCKET_OWNER_PREFERRED => ObjectOwnership::BucketOwnerPreferred,
        Wire::OBJECT_WRITER => ObjectOwnership::ObjectWriter,
        _ => {
            return Err(Fault::malformed_xml(
                "The object ownership is one of BucketOwnerEnforced, BucketOwnerPreferred and ObjectWriter.",
            ));
        }
    };
    services.objects.put_setting(call.bucket_name()?, Some(&ownership)).await?;
    Ok(S3Response::new(PutBucketOwnershipControlsOutput {}))
}
