//! ListBuckets: all buckets of the account, or those which the asker may list.

use s3s::dto::{Bucket, ListBucketsInput, ListBucketsOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::convert::{owner, timestamp};
use crate::fault::Fault;
use crate::services::Services;

/// Buckets in one page when the client asks for pages (AWS, ListBuckets `max-buckets`: 1 to 10,000).
const PAGE_MAX: usize = 10_000;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<ListBucketsInput>,
) -> Answer<ListBucketsOutput> {
    let input = request.input;
    let page = match input.max_buckets {
        None => PAGE_MAX,
        Some(count) => usize::try_from(count)
            .ok()
            .filter(|count| (1..=PAGE_MAX).contains(count))
            .ok_or_else(|| {
                Fault::invalid_argument("Argument max-buckets must be an integer between 1 and 10000")
                    .of_argument("max-buckets")
            })?,
    };
    let account = call.account()?;
    let prefix = input.prefix.clone().unwrap_or_default();
    let after = input.continuation_token.unwrap_or_default();
    let region = input.bucket_region;
    let mut buckets = call.buckets(services).await?;
    buckets.sort_by(|left, right| left.name.cmp(&right.name));
    buckets.retain(|bucket: &baleen_objects::Bucket| {
        let name = bucket.name.as_str();
        name.starts_with(&prefix)
            && name > after.as_str()
            && region.as_deref().is_none_or(|r| r == bucket.region.as_str())
    });
    let more = buckets.len() > page;
    buckets.truncate(page);
    let continuation_token = more
        .then(|| buckets.last().map(|bucket| bucket.name.to_string()))
        .flatten();
    let paged = input.max_buckets.is_some();
    let entry = |bucket: baleen_objects::Bucket| Bucket {
        bucket_region: paged.then(|| bucket.region.to_string()),
        creation_date: Some(timestamp(bucket.created)),
        name: Some(bucket.name.to_string()),
    };
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(buckets.into_iter().map(entry).collect()),
        continuation_token,
        owner: Some(owner(account)),
        prefix: input.prefix,
    }))
}
