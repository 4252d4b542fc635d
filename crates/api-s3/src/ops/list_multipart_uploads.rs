//! ListMultipartUploads.

use baleen_objects::limits::LIST_UPLOADS_MAX;
use baleen_objects::{ListUploads, Upload, UploadMarker};
use baleen_types::UploadId;
use s3s::dto::{self, ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload, StorageClass};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::listing::{Spelling, common_prefixes, out_of_range};
use crate::access::Call;
use crate::convert::{checksum_algorithm, initiator, owner, timestamp};
use crate::fault::Fault;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<ListMultipartUploadsInput>,
) -> Answer<ListMultipartUploadsOutput> {
    let input = request.input;
    let spelling = Spelling::of(input.encoding_type.as_ref())?;
    let most = i32::try_from(LIST_UPLOADS_MAX).unwrap_or(i32::MAX);
    let asked = input.max_uploads.unwrap_or(most).min(most);
    let max_uploads = usize::try_from(asked).map_err(|_| out_of_range("max-uploads"))?;
    let page = services
        .objects
        .list_uploads(ListUploads {
            bucket: call.bucket_name()?.clone(),
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after: marker(input.key_marker.as_deref(), input.upload_id_marker.as_deref())?,
            max_uploads,
        })
        .await?;
    let account = call.bucket.map(|bucket| bucket.owner);
    let entry = |upload: Upload| MultipartUpload {
        checksum_algorithm: upload
            .checksum_chosen
            .then(|| checksum_algorithm(upload.checksum_algorithm)),
        checksum_type: upload
            .checksum_chosen
            .then(|| dto::ChecksumType::from_static(upload.checksum_kind.as_str())),
        initiated: Some(timestamp(upload.initiated)),
        initiator: initiator(upload.initiator, account),
        key: Some(spelling.write(upload.path.at.key.as_str())),
        owner: account.map(owner),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        upload_id: Some(upload.path.upload.to_string()),
    };
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        is_truncated: Some(page.next.is_some()),
        next_key_marker: page.next.as_ref().map(|next| spelling.write(&next.key)),
        next_upload_id_marker: page.next.as_ref().and_then(|next| next.upload.map(|id| id.to_string())),
        uploads: Some(page.uploads.into_iter().map(entry).collect()),
        common_prefixes: common_prefixes(&page.common_prefixes, spelling),
        key_marker: Some(spelling.write(input.key_marker.as_deref().unwrap_or_default())),
        upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
        prefix: Some(spelling.write(input.prefix.as_deref().unwrap_or_default())),
        delimiter: input.delimiter.as_deref().map(|delimiter| spelling.write(delimiter)),
        max_uploads: Some(asked),
        encoding_type: input.encoding_type,
        request_charged: None,
    }))
}

/// An upload id marker counts only beside a key marker (AWS, ListMultipartUploads).
fn marker(key: Option<&str>, upload: Option<&str>) -> Result<Option<UploadMarker>, Fault> {
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return Ok(None);
    };
    let upload = upload
        .filter(|id| !id.is_empty())
        .map(UploadId::parse)
        .transpose()
        .map_err(|_| Fault::invalid_argument("Invalid uploadId marker."))?;
    Ok(Some(UploadMarker {
        key: key.to_owned(),
        upload,
    }))
}
