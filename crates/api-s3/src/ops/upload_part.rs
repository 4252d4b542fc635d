//! UploadPart.

use baleen_objects::{PutPart, StoredChecksum, UploadPath};
use s3s::dto::{UploadPartInput, UploadPartOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::convert::{body_in, etag, expect, part_number, put_checksum, upload_id};
use crate::services::Services;
use crate::unsupported;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<UploadPartInput>,
) -> Answer<UploadPartOutput> {
    unsupported::refuse(&request.headers)?;
    let expect = expect(&request)?;
    let input = request.input;
    let stored = services
        .objects
        .put_part(PutPart {
            upload: UploadPath { at: call.path()?, upload: upload_id(&input.upload_id)? },
            part: part_number(input.part_number)?,
            length: input.content_length.and_then(|length| u64::try_from(length).ok()),
            expect,
            body: body_in(input.body),
        })
        .await?;
    let mut output = UploadPartOutput { e_tag: Some(etag(&stored.etag)), ..Default::default() };
    let checksum = StoredChecksum::full(stored.checksum);
    put_checksum!(output, Some(&checksum));
    Ok(S3Response::new(output))
}
