//! GetObject: whole, range or part, conditional.

use baleen_objects::{OpenObject, Selection};
use s3s::dto::{GetObjectInput, GetObjectOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::reading::{
    check, content_range, describe, is_of_another, other_headers, selection, unserved, wants_checksum,
};
use crate::access::Call;
use crate::conditions::{AskedRange, Conditions};
use crate::convert::{body_out, size};
use crate::encryption::{self, SentKey, key_of, put_encryption};
use crate::locking::readable;
use crate::services::Services;
use crate::unsupported;

pub(super) async fn run(
    services: &Services,
    call: Call,
    mut request: S3Request<GetObjectInput>,
) -> Answer<GetObjectOutput> {
    unsupported::refuse(&request.headers)?;
    encryption::refuse_choice(&request.headers)?;
    let sent = SentKey::of(&request.headers)?;
    let key = key_of(sent.as_ref());
    let conditions = request.extensions.remove::<Conditions>().unwrap_or_default();
    let asked = request.extensions.remove::<AskedRange>().unwrap_or_default();
    let input = request.input;
    let mut selection = selection(asked.range, input.part_number)?;
    let of = call.version(input.version_id.as_deref())?;
    let mut opened = services.objects.open_with(&of, selection, key).await;
    if is_of_another(
        services,
        (&of, key),
        &asked,
        opened.as_ref().map(|opened| &opened.head.etag),
    )
    .await?
    {
        selection = Selection::Whole;
        opened = services.objects.open_with(&of, selection, key).await;
    }
    let opened = match opened {
        Ok(opened) => opened,
        Err(error) => return Err(unserved(services, (&of, key), &conditions, error).await),
    };
    let OpenObject { head, range, body } = opened;
    call.confirm(&head)?;
    call.decide_decryption(services, &head.encrypted)?;
    check(&conditions, &head)?;

    let mut output = GetObjectOutput {
        content_length: Some(size(range.length)),
        content_range: content_range(selection, range, head.size),
        body: Some(body_out(body, range.length)),
        parts_count: head.parts.filter(|_| input.part_number.is_some()).map(i32::from),
        ..Default::default()
    };
    let whole = selection == Selection::Whole;
    let checksum_wanted = wants_checksum(selection, input.checksum_mode.as_ref());
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
    if input.response_expires.is_some() {
        // Set by the codec, which a header here would overrule.
        response.headers.remove(http::header::EXPIRES);
    }
    Ok(response)
}
