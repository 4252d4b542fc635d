//! ListObjects, version 1: pages by marker.

use s3s::S3Request;
use s3s::dto::{ListObjectsInput, ListObjectsOutput};

use super::Answer;
use super::listing::{Rows, Spelling, common_prefixes, max_keys, with_rows};
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
    let owner = call.bucket.as_ref().map(|bucket| bucket.owner);
    let mut rows = Rows::new(&max_keys, spelling, owner);
    let list = baleen_objects::ListObjects {
        bucket: call.bucket_name()?.clone(),
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        after: input.marker.clone().filter(|marker| !marker.is_empty()),
        max_keys: max_keys.effective,
    };
    let page = services.objects.list(list, |entry| rows.push(entry)).await?;
    let page = ListObjectsOutput {
        name: Some(input.bucket),
        is_truncated: Some(page.next.is_some()),
        next_marker: page.next.as_deref().map(|next| spelling.write(next)),
        contents: rows.place(),
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
