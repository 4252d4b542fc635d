//! GetBucketReplication: no bucket has one, since buckets are replicated by regions, not by rules (see [`crate::replication`]).

use s3s::S3Request;
use s3s::dto::{GetBucketReplicationInput, GetBucketReplicationOutput};

use super::Answer;
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

#[allow(clippy::unused_async, reason = "every operation has the same shape")]
pub(super) async fn run(
    _services: &Services,
    _call: Call,
    _request: S3Request<GetBucketReplicationInput>,
) -> Answer<GetBucketReplicationOutput> {
    Err(Fault::no_setting(
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    ))
}
