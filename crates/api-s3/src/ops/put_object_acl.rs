//! PutObjectAcl.

use baleen_objects::Selection;
use s3s::dto::{PutObjectAclInput, PutObjectAclOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::acls::{self, Of};
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutObjectAclInput>,
) -> Answer<PutObjectAclOutput> {
    let owner = call.bucket_owner()?;
    let of = call.version(request.input.version_id.as_deref())?;
    let acl = acls::asked(&request.headers, request.input.access_control_policy, Of::Object, owner)?;
    if call.lists_count() {
        acls::check_block(services, &call, &acl).await?;
        services
            .objects
            .replace_acl(&of, call.seen_tags_and_list(), &acl)
            .await?;
    } else if acl.is_of_others_than(owner) {
        return Err(acls::not_supported());
    } else {
        // What it has already; of what is not there nothing is so.
        services.objects.head(of, Selection::Whole).await?;
    }
    Ok(S3Response::new(PutObjectAclOutput { request_charged: None }))
}
