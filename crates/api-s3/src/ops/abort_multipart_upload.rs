//! AbortMultipartUpload.

use baleen_objects::UploadPath;
use s3s::dto::{AbortMultipartUploadInput, AbortMultipartUploadOutput};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::convert::upload_id;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<AbortMultipartUploadInput>,
) -> Answer<AbortMultipartUploadOutput> {
    let upload = UploadPath {
        at: call.path()?,
        upload: upload_id(&request.input.upload_id)?,
    };
    services.objects.abort_upload(&upload).await?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}
