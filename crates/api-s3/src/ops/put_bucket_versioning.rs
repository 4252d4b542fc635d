//! PutBucketVersioning.

use s3s::dto::{BucketVersioningStatus, MFADelete, PutBucketVersioningInput, PutBucketVersioningOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutBucketVersioningInput>,
) -> Answer<PutBucketVersioningOutput> {
    let asked = request.input.versioning_configuration;
    if asked.mfa_delete.is_some_and(|mfa| mfa.as_str() != MFADelete::DISABLED) {
        // To answer yes and then to delete without the second factor would be worse.
        return Err(Fault::not_implemented("MFA delete is not implemented."));
    }
    let is_enabled = match asked.status.as_ref().map(BucketVersioningStatus::as_str) {
        Some(BucketVersioningStatus::ENABLED) => true,
        Some(BucketVersioningStatus::SUSPENDED) => false,
        _ => {
            let message = "The versioning configuration needs a Status of Enabled or Suspended.";
            return Err(Fault::malformed_xml(message));
        }
    };
    services.objects.set_versioning(call.bucket_name()?, is_enabled).await?;
    Ok(S3Response::new(PutBucketVersioningOutput::default()))
}
