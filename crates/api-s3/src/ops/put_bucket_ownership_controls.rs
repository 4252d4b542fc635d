//! PutBucketOwnershipControls: one rule.

use baleen_objects::BucketAcl;
use s3s::dto::{PutBucketOwnershipControlsInput, PutBucketOwnershipControlsOutput};
use s3s::{S3Request, S3Response};

use super::{Answer, acls};
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
    let ownership = acls::ownership(rule.object_ownership.as_str()).ok_or_else(|| {
        Fault::malformed_xml(
            "The object ownership is one of BucketOwnerEnforced, BucketOwnerPreferred and ObjectWriter.",
        )
    })?;
    let mut seen = None;
    if !ownership.lists_count() && call.lists_count() {
        // And no list is set between.
        seen = call.bucket.as_ref().map(|bucket| bucket.settings);
        let stored: Option<BucketAcl> = services.objects.setting(call.bucket_name()?).await?;
        let acl = stored.map(|stored| stored.acl()).transpose()?.unwrap_or_default();
        if acl.is_of_others_than(call.bucket_owner()?) {
            return Err(acls::owner_enforced());
        }
    }
    services
        .objects
        .put_setting_in(call.bucket_name()?, seen, Some(&ownership))
        .await?;
    Ok(S3Response::new(PutBucketOwnershipControlsOutput {}))
}
