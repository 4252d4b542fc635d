//! ListObjects, version 1: pages by marker.

use s3s::S3Request;
use s3s::dto::{ListObjectsInput, ListObjectsOutput};

use super::Answer;
use super::listing::{Spelling, common_prefixes, contents, max_keys, with_rows};
use crate::access::Call;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<ListObjectsInput>,
) -> Answer<ListObjectsOutput> {
    let input = request.input;
    let spelling = Spelling::of(input.encoding_type.as_ref())?;
    let max_keys = max_keys(input.max_keys)?;
    let page = services
        .objects
        .list(baleen_objects::ListObjects {
            bucket: call.bucket_name()?.clone(),
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after: input.marker.clone().filter(|marker| !marker.is_empty()),
            max_keys: max_keys.effective,
        })
        .await?;
    let owner = call.bucket.map(|bucket| bucket.owner);
    let (contents, rows) = contents(&page.entries, spelling, owner);
    let page = ListObjectsOutput {
        name: Some(input.bucket),
        is_truncated: Some(page.next.is_some()),
        next_marker: page.next.as_deref().map(|next| spelling.write(next)),
        contents,
        common_prefixes: common_prefixes(&page.common_prefixes, spelling),
        prefix: Some(spelling.write(input.prefix.as_deref().unwrap_or_default())),
        marker: Some(spelling.write(input.marker.as_deref().unwrap_or_default())),
        delimiter: input.delimiter.as_deref().map(|delimiter| spelling.write(delimiter)),
        max_keys: Some(max_keys.asked),
        encoding_type: input.encoding_type,
        request_charged: None,
    };
    Ok(with_rows(page, rows))
}
