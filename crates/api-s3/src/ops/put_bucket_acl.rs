//! PutBucketAcl.

use baleen_objects::BucketAcl;
use s3s::dto::{PutBucketAclInput, PutBucketAclOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::acls::{self, Of};
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutBucketAclInput>,
) -> Answer<PutBucketAclOutput> {
    let (name, owner) = (call.bucket_name()?, call.bucket_owner()?);
    let acl = acls::asked(&request.headers, request.input.access_control_policy, Of::Bucket, owner)?;
    if call.lists_count() {
        acls::check_block(services, &call, &acl).await?;
        // And neither that it counts nor what blocks it is set between.
        let seen = call.bucket.as_ref().map(|bucket| bucket.settings);
        let seen = seen.filter(|_| acl.is_of_others_than(owner));
        let setting = BucketAcl::from(&acl);
        services.objects.put_setting_in(name, seen, Some(&setting)).await?;
    } else if acl.is_of_others_than(owner) {
        return Err(acls::not_supported());
    }
    Ok(S3Response::new(PutBucketAclOutput {}))
}
