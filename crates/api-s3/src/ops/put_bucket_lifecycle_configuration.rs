//! PutBucketLifecycleConfiguration, and the older PutBucketLifecycle, whose document is one of its forms.

use s3s::dto::{PutBucketLifecycleConfigurationInput, PutBucketLifecycleConfigurationOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::lifecycle::{lifecycle, smallest_transition};
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutBucketLifecycleConfigurationInput>,
) -> Answer<PutBucketLifecycleConfigurationOutput> {
    let input = request.input;
    let document = input
        .lifecycle_configuration
        .ok_or_else(|| Fault::malformed_xml("The request has no document."))?;
    let lifecycle = lifecycle(document, input.transition_default_minimum_object_size.as_ref())?;
    services
        .objects
        .put_lifecycle(call.bucket_name()?, Some(&lifecycle))
        .await?;
    Ok(S3Response::new(PutBucketLifecycleConfigurationOutput {
        transition_default_minimum_object_size: Some(smallest_transition(&lifecycle)),
    }))
}
