//! GetBucketLifecycleConfiguration.

use s3s::dto::{GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::lifecycle::{documents, smallest_transition};
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    _request: S3Request<GetBucketLifecycleConfigurationInput>,
) -> Answer<GetBucketLifecycleConfigurationOutput> {
    let lifecycle = services.objects.lifecycle(call.bucket_name()?).await?.ok_or_else(|| {
        Fault::no_setting(
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist.",
        )
    })?;
    Ok(S3Response::new(GetBucketLifecycleConfigurationOutput {
        transition_default_minimum_object_size: Some(smallest_transition(&lifecycle)),
        rules: Some(documents(lifecycle)),
    }))
}
