//! UploadPartCopy.

use baleen_objects::{CopyPart, StoredChecksum, UploadPath};
use baleen_types::ByteRange;
use s3s::dto::{CopyPartResult, UploadPartCopyInput, UploadPartCopyOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::copying::SourceAsked;
use crate::access::Call;
use crate::convert::{etag, part_number, put_checksum, timestamp, upload_id, version_id};
use crate::encryption::{self, SentKey, key_of, put_encryption};
use crate::fault::Fault;
use crate::services::Services;
use crate::unsupported;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<UploadPartCopyInput>,
) -> Answer<UploadPartCopyOutput> {
    unsupported::refuse(&request.headers)?;
    unsupported::refuse_locks(&request.headers)?;
    encryption::refuse_choice(&request.headers)?;
    let sent = SentKey::of(&request.headers)?;
    let source = SourceAsked::read(services, &request).await?;
    let source_version = version_id(source.object.version);
    let input = request.input;
    let upload = UploadPath {
        at: call.path()?,
        upload: upload_id(&input.upload_id)?,
    };
    call.decide_part(services, &upload).await?;
    let stored = services
        .objects
        .copy_part(CopyPart {
            source: source.object,
            range: input.copy_source_range.as_deref().map(source_range).transpose()?,
            source_if_match: source.if_match,
            source_key: source.key,
            source_kept: source.kept,
            key: key_of(sent.as_ref()).cloned(),
            upload,
            part: part_number(input.part_number)?,
        })
        .await?;
    let mut result = CopyPartResult {
        e_tag: Some(etag(&stored.etag)),
        last_modified: Some(timestamp(stored.modified)),
        ..Default::default()
    };
    let checksum = StoredChecksum::full(stored.checksum.clone());
    put_checksum!(result, Some(&checksum));
    let mut output = UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id: source_version,
        ..Default::default()
    };
    put_encryption!(
        output,
        &stored.encrypted,
        sent.as_ref(),
        (&services.region, call.bucket_owner()?)
    );
    Ok(S3Response::new(output))
}

/// Unlike the range of a GET, this one must have both ends (AWS, UploadPartCopy `x-amz-copy-source-range`).
fn source_range(text: &str) -> Result<ByteRange, Fault> {
    match ByteRange::parse(text) {
        Some(range @ ByteRange::Between { .. }) => Ok(range),
        _ => Err(Fault::invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy.",
        )),
    }
}
