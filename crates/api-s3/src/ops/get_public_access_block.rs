//! GetPublicAccessBlock.

use baleen_objects::PublicAccessBlock;
use s3s::dto::{GetPublicAccessBlockInput, GetPublicAccessBlockOutput, PublicAccessBlockConfiguration};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<GetPublicAccessBlockInput>,
) -> Answer<GetPublicAccessBlockOutput> {
    let stored: Option<PublicAccessBlock> = services.objects.setting(call.bucket_name()?).await?;
    let block = stored.ok_or_else(|| {
        Fault::no_setting(
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        )
    })?;
    let public_access_block_configuration = Some(PublicAccessBlockConfiguration {
        block_public_acls: Some(block.block_public_acls),
        block_public_policy: Some(block.block_public_policy),
        ignore_public_acls: Some(block.ignore_public_acls),
        restrict_public_buckets: Some(block.restrict_public_buckets),
    });
    Ok(S3Response::new(GetPublicAccessBlockOutput {
        public_access_block_configuration,
    }))
}
