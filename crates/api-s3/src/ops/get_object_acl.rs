//! GetObjectAcl.

use baleen_objects::Selection;
use s3s::dto::{GetObjectAclInput, GetObjectAclOutput};
use s3s::{S3Request, S3Response};

use super::{Answer, acls};
use crate::access::Call;
use crate::convert::owner;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<GetObjectAclInput>,
) -> Answer<GetObjectAclOutput> {
    let of = call.version(request.input.version_id.as_deref())?;
    let (head, _) = services.objects.head(of, Selection::Whole).await?;
    call.confirm(&head)?;
    let of = call.bucket_owner()?;
    let stated = call.lists_count() && !head.acl.grants().is_empty();
    let acl = if stated { head.acl } else { acls::private(of) };
    Ok(S3Response::new(GetObjectAclOutput {
        grants: Some(acls::document(&acl)),
        owner: Some(owner(of)),
        request_charged: None,
    }))
}
