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
        services.objects.put_setting(name, Some(&BucketAcl::from(&acl))).await?;
    } else if acl.is_of_others_than(owner) {
        return Err(acls::not_supported());
    }
    Ok(S3Response::new(PutBucketAclOutput {}))
}
