//! UploadPart.

use baleen_objects::{PutPart, StoredChecksum, UploadPath};
use s3s::dto::{UploadPartInput, UploadPartOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::convert::{body_in, etag, expect, part_number, put_checksum, upload_id};
use crate::encryption::{self, SentKey, key_of, put_encryption};
use crate::services::Services;
use crate::unsupported;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<UploadPartInput>,
) -> Answer<UploadPartOutput> {
    unsupported::refuse(&request.headers)?;
    unsupported::refuse_locks(&request.headers)?;
    encryption::refuse_choice(&request.headers)?;
    let sent_key = SentKey::of(&request.headers)?;
    let expect = expect(&request.headers, &request.extensions)?;
    let (sent, named) = (expect.checksum.clone(), expect.checksum_algorithm);
    let input = request.input;
    let upload = UploadPath {
        at: call.path()?,
        upload: upload_id(&input.upload_id)?,
    };
    call.decide_part(services, &upload).await?;
    let stored = services
        .objects
        .put_part(PutPart {
            upload,
            part: part_number(input.part_number)?,
            length: input.content_length.and_then(|length| u64::try_from(length).ok()),
            expect,
            key: key_of(sent_key.as_ref()).cloned(),
            body: body_in(input.body),
        })
        .await?;
    let mut output = UploadPartOutput {
        e_tag: Some(etag(&stored.etag)),
        ..Default::default()
    };
    // What was sent and held is confirmed, whichever algorithm the upload keeps. One that followed the body is known here
    // by name only, and confirmed when it is the upload's own.
    let own = || {
        named
            .is_none_or(|named| named == stored.checksum.algorithm())
            .then(|| stored.checksum.clone())
    };
    let checksum = sent.or_else(own).map(StoredChecksum::full);
    put_encryption!(
        output,
        &stored.encrypted,
        sent_key.as_ref(),
        (&services.region, call.bucket_owner()?)
    );
    put_checksum!(output, checksum.as_ref());
    Ok(S3Response::new(output))
}
