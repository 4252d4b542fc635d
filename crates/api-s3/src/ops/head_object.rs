//! HeadObject.

use baleen_objects::Selection;
use http::StatusCode;
use s3s::dto::{HeadObjectInput, HeadObjectOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::reading::{
    check, content_range, describe, is_of_another, other_headers, selection, unserved, wants_checksum,
};
use crate::access::Call;
use crate::conditions::{AskedRange, Conditions};
use crate::convert::size;
use crate::door::StatusOverride;
use crate::encryption::{self, SentKey, key_of, put_encryption};
use crate::locking::readable;
use crate::services::Services;
use crate::unsupported;

pub(super) async fn run(
    services: &Services,
    call: Call,
    mut request: S3Request<HeadObjectInput>,
) -> Answer<HeadObjectOutput> {
    unsupported::refuse(&request.headers)?;
    encryption::refuse_choice(&request.headers)?;
    let sent = SentKey::of(&request.headers)?;
    let key = key_of(sent.as_ref());
    let conditions = request.extensions.remove::<Conditions>().unwrap_or_default();
    let asked = request.extensions.remove::<AskedRange>().unwrap_or_default();
    let input = request.input;
    let mut selection = selection(asked.range, input.part_number)?;
    let of = call.version(input.version_id.as_deref())?;
    let mut found = services.objects.head_with(&of, selection, key).await;
    if is_of_another(services, (&of, key), &asked, found.as_ref().map(|found| &found.0.etag)).await? {
        selection = Selection::Whole;
        found = services.objects.head_with(&of, selection, key).await;
    }
    let (head, served) = match found {
        Ok(found) => found,
        Err(error) => return Err(unserved(services, (&of, key), &conditions, error).await),
    };
    call.confirm(&head)?;
    let whole = selection == Selection::Whole;
    let checksum_wanted = wants_checksum(selection, input.checksum_mode.as_ref());
    if checksum_wanted {
        // A checksum tells of the bytes, all else does not (AWS, HeadObject, `x-amz-checksum-mode`).
        call.decide_decryption(services, &head.encrypted)?;
    }
    check(&conditions, &head)?;
    let content_range = content_range(selection, served, head.size);
    let partial = content_range.is_some();
    let mut output = HeadObjectOutput {
        content_length: Some(size(served.length)),
        content_range,
        parts_count: head.parts.filter(|_| input.part_number.is_some()).map(i32::from),
        ..Default::default()
    };
    let headers = other_headers(services, &head, (&request.headers, whole)).await?;
    put_encryption!(
        output,
        &head.encrypted,
        sent.as_ref(),
        (&services.region, call.bucket_owner()?)
    );
    let lock = readable(&call, head.lock)?;
    describe!(output, head, checksum_wanted, lock);
    let mut response = S3Response::with_headers(output, headers);
    if partial {
        response.extensions.insert(StatusOverride(StatusCode::PARTIAL_CONTENT));
    }
    Ok(response)
}
