//! RSGetBucketInfo: `GET /{bucket}?rs-info=` (seed 004).

use baleen_http::Response;
use serde::Serialize;

use super::json;
use crate::access::Call;
use crate::fault::Fault;
use crate::replication;
use crate::services::Services;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    bucket_size: u64,
    replication_policy: Vec<String>,
    is_public: bool,
}

pub(super) async fn run(services: &Services, call: &Call) -> Result<Response, Fault> {
    let bucket = call.open_bucket()?;
    let usage = services.objects.bucket_usage(&bucket.name).await?;
    json(&Info {
        bucket_size: usage.bytes,
        replication_policy: replication::policy_of(services, bucket).await?,
        is_public: call.is_of_public_bucket(),
    })
}
