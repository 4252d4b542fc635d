//! PutPublicAccessBlock: a switch that is left out is off.

use baleen_objects::PublicAccessBlock;
use s3s::dto::{PutPublicAccessBlockInput, PutPublicAccessBlockOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutPublicAccessBlockInput>,
) -> Answer<PutPublicAccessBlockOutput> {
    let asked = request.input.public_access_block_configuration;
    let block = PublicAccessBlock {
        block_public_acls: asked.block_public_acls == Some(true),
        ignore_public_acls: asked.ignore_public_acls == Some(true),
        block_public_policy: asked.block_public_policy == Some(true),
        restrict_public_buckets: asked.restrict_public_buckets == Some(true),
    };
    services.objects.put_setting(call.bucket_name()?, Some(&block)).await?;
    Ok(S3Response::new(PutPublicAccessBlockOutput {}))
}
