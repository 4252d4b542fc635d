//! CompleteMultipartUpload.

use baleen_objects::{Checksum, ChecksumAlgorithm, ChecksumKind, CompleteUpload, CompletedPart, Encrypted, UploadPath};
use baleen_types::ETag;
use s3s::dto::{self, CompleteMultipartUploadInput, CompleteMultipartUploadOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::address::Addressed;
use crate::convert::{
    checksum_of, checksum_type, etag, part_number, put_checksum, upload_id, version_id, write_condition,
};
use crate::encryption::{self, SentKey, Told, key_of};
use crate::fault::Fault;
use crate::lifecycle::expiration;
use crate::services::Services;
use crate::unsupported;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<CompleteMultipartUploadInput>,
) -> Answer<CompleteMultipartUploadOutput> {
    unsupported::refuse(&request.headers)?;
    unsupported::refuse_locks(&request.headers)?;
    encryption::refuse_choice(&request.headers)?;
    let sent = SentKey::of(&request.headers)?;
    let checksum = object_checksum(&request)?;
    let addressed = request.extensions.get::<Addressed>().cloned();
    let input = request.input;
    let listed = input.multipart_upload.and_then(|list| list.parts).unwrap_or_default();
    let parts = listed
        .into_iter()
        .map(completed_part)
        .collect::<Result<Vec<_>, Fault>>()?;
    let checksum_kind = input
        .checksum_type
        .as_ref()
        .map(|name| ChecksumKind::parse(name.as_str()))
        .transpose()?;
    let size = input
        .mpu_object_size
        .map(|size| {
            u64::try_from(size).map_err(|_| Fault::invalid_argument("x-amz-mp-object-size must not be negative."))
        })
        .transpose()?;
    let upload = UploadPath {
        at: call.path()?,
        upload: upload_id(&input.upload_id)?,
    };
    call.decide_completion(services, &upload).await?;
    let stored = services
        .objects
        .complete_upload(CompleteUpload {
            upload,
            parts,
            checksum,
            checksum_kind,
            size,
            key: key_of(sent.as_ref()).cloned(),
            condition: write_condition(input.if_none_match.as_ref(), input.if_match.as_ref())?,
        })
        .await?;
    let mut output = CompleteMultipartUploadOutput {
        location: addressed.map(|addressed| addressed.location(&input.bucket, &input.key)),
        bucket: Some(input.bucket),
        key: Some(input.key),
        e_tag: Some(etag(&stored.etag)),
        version_id: version_id(stored.version),
        expiration: stored.expiry.as_ref().and_then(expiration),
        ..Default::default()
    };
    // Of a customer's key AWS tells nothing here.
    let told = Told::of(&stored.encrypted, None, (&services.region, call.bucket_owner()?));
    output.server_side_encryption = told.algorithm;
    output.ssekms_key_id = told.key_id;
    output.bucket_key_enabled = told.bucket_key;
    // Nor of the bytes, to who did not send it, or may not decrypt: a checksum tells whether they are something known.
    let is_hidden = match &stored.encrypted {
        Encrypted::Customer(_) => sent.is_none(),
        kept => !call.may_decrypt(services, kept),
    };
    let checksum = stored.checksum.as_ref().filter(|_| !is_hidden);
    put_checksum!(output, checksum);
    output.checksum_type = checksum.map(checksum_type);
    Ok(S3Response::new(output))
}

fn completed_part(part: dto::CompletedPart) -> Result<CompletedPart, Fault> {
    let malformed = |what: &str| Fault::malformed_xml(format!("A part has no {what}."));
    let number = part_number(part.part_number.ok_or_else(|| malformed("PartNumber"))?)?;
    let tag = part.e_tag.ok_or_else(|| malformed("ETag"))?;
    let invalid_part = || Fault::from(baleen_objects::ObjectError::InvalidPart { part: number.get() });
    let etag = ETag::parse(tag.value()).map_err(|_| invalid_part())?;
    let given = [
        (ChecksumAlgorithm::Crc32, part.checksum_crc32),
        (ChecksumAlgorithm::Crc32c, part.checksum_crc32c),
        (ChecksumAlgorithm::Crc64Nvme, part.checksum_crc64nvme),
        (ChecksumAlgorithm::Sha1, part.checksum_sha1),
        (ChecksumAlgorithm::Sha256, part.checksum_sha256),
    ];
    let checksum = given
        .into_iter()
        .find_map(|(algorithm, value)| value.map(|value| Checksum::parse(algorithm, &value)))
        .transpose()
        .map_err(|_| invalid_part())?;
    Ok(CompletedPart { number, etag, checksum })
}

/// The checksum of the whole, which for a composite one ends with `-` and the number of parts.
fn object_checksum<T>(request: &S3Request<T>) -> Result<Option<Checksum>, Fault> {
    checksum_of(&request.headers, |text| {
        text.split_once('-').map_or(text, |(digest, _)| digest)
    })
}
