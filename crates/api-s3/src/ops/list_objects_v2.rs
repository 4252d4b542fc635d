//! ListObjectsV2: pages by continuation token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use s3s::S3Request;
use s3s::dto::{ListObjectsV2Input, ListObjectsV2Output};

use super::Answer;
use super::listing::{Rows, Spelling, common_prefixes, max_keys, with_rows};
use crate::access::Call;
use crate::fault::Fault;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<ListObjectsV2Input>,
) -> Answer<ListObjectsV2Output> {
    let input = request.input;
    let spelling = Spelling::of(input.encoding_type.as_ref())?;
    let max_keys = max_keys(input.max_keys)?;
    let after = match &input.continuation_token {
        Some(token) => Some(open_token(token)?),
        None => input.start_after.clone().filter(|key| !key.is_empty()),
    };
    let owner = call
        .bucket
        .as_ref()
        .map(|bucket| bucket.owner)
        .filter(|_| input.fetch_owner == Some(true));
    let mut rows = Rows::new(&max_keys, spelling, owner);
    let list = baleen_objects::ListObjects {
        bucket: call.bucket_name()?.clone(),
        prefix: input.prefix.clone().unwrap_or_default(),
        delimiter: input.delimiter.clone().unwrap_or_default(),
        after,
        max_keys: max_keys.effective,
    };
    let page = services.objects.list(list, |entry| rows.push(entry)).await?;
    let count = page.entries.len() + page.common_prefixes.len();
    let page = ListObjectsV2Output {
        name: Some(input.bucket),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_deref().map(seal_token),
        continuation_token: input.continuation_token,
        key_count: Some(i32::try_from(count).unwrap_or(i32::MAX)),
        contents: rows.place(),
        common_prefixes: common_prefixes(&page.common_prefixes, spelling),
        prefix: Some(spelling.write(input.prefix.as_deref().unwrap_or_default())),
        start_after: input.start_after.as_deref().map(|key| spelling.write(key)),
        delimiter: input.delimiter.as_deref().map(|delimiter| spelling.write(delimiter)),
        max_keys: Some(max_keys.asked),
        encoding_type: input.encoding_type,
        request_charged: None,
    };
    Ok(with_rows(page, rows))
}

/// A token is the place in the listing in a form that nobody edits by accident: a version digit, then base64.
fn seal_token(after: &str) -> String {
    format!("1{}", BASE64.encode(after))
}

fn open_token(token: &str) -> Result<String, Fault> {
    token
        .strip_prefix('1')
        .and_then(|rest| BASE64.decode(rest).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Fault::invalid_argument("The continuation token provided is incorrect."))
}
