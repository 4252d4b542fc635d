//! RSGetBucketStats: `GET /?rs-bucket-stats` (seed 004), of the buckets that ListBuckets would show.

use std::collections::BTreeMap;

use baleen_http::Response;
use baleen_objects::ObjectError;
use serde::Serialize;

use super::json;
use crate::access::Call;
use crate::fault::Fault;
use crate::replication;
use crate::services::Services;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats {
    size: u64,
    objects: u64,
    replication_policy: Vec<String>,
}

pub(super) async fn run(services: &Services, call: &Call) -> Result<Response, Fault> {
    let mut all = BTreeMap::new();
    for bucket in call.buckets(services).await? {
        let usage = match services.objects.bucket_usage(&bucket.name).await {
            Ok(usage) => usage,
            // It went meanwhile.
            Err(ObjectError::NoSuchBucket(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        let stats = Stats {
            size: usage.bytes,
            objects: usage.objects,
            replication_policy: replication::policy_of(services, &bucket).await?,
        };
        all.insert(bucket.name.to_string(), stats);
    }
    json(&all)
}
