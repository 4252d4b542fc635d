//! GetBucketIntelligentTieringConfiguration: no bucket has one, since there is one storage class here.

use s3s::S3Request;
use s3s::dto::{GetBucketIntelligentTieringConfigurationInput, GetBucketIntelligentTieringConfigurationOutput};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    _services: &Services,
    _call: Call,
    _request: S3Request<GetBucketIntelligentTieringConfigurationInput>,
) -> Answer<GetBucketIntelligentTieringConfigurationOutput> {
    Err(Fault::no_configuration())
}
