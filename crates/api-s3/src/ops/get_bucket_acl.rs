//! GetBucketAcl: where lists do not count, the owner's.

use baleen_objects::BucketAcl;
use s3s::dto::{GetBucketAclInput, GetBucketAclOutput};
use s3s::{S3Request, S3Response};

use super::{Answer, acls};
use crate::access::Call;
use crate::convert::owner;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<GetBucketAclInput>,
) -> Answer<GetBucketAclOutput> {
    let of = call.bucket_owner()?;
    let stored: Option<BucketAcl> = if call.lists_count() {
        services.objects.setting(call.bucket_name()?).await?
    } else {
        None
    };
    let acl = stored.map_or_else(|| Ok(acls::private(of)), |stored| stored.acl())?;
    Ok(S3Response::new(GetBucketAclOutput {
        grants: Some(acls::document(&acl)),
        owner: Some(owner(of)),
    }))
}
