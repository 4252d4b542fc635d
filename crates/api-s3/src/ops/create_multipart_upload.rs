//! CreateMultipartUpload.

use baleen_objects::{ChecksumAlgorithm, ChecksumKind, CreateUpload};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use s3s::dto::{self, CreateMultipartUploadInput, CreateMultipartUploadOutput};
use s3s::{S3Request, S3Response};

use super::tagging::header_tags;
use super::{Answer, acls};
use crate::access::Call;
use crate::convert::{checksum_algorithm, object_headers, timestamp};
use crate::encryption::{self, put_encryption};
use crate::fault::Fault;
use crate::lifecycle::rule_id;
use crate::locking::header_lock;
use crate::prepare::FormType;
use crate::services::Services;
use crate::unsupported;

pub(super) async fn run(
    services: &Services,
    call: Call,
    mut request: S3Request<CreateMultipartUploadInput>,
) -> Answer<CreateMultipartUploadOutput> {
    if let Some(FormType(value)) = request.extensions.remove() {
        request.headers.insert(CONTENT_TYPE, value);
    }
    unsupported::refuse(&request.headers)?;
    if call.is_of_nobody() {
        // As with AWS. What nobody has begun nobody would end.
        return Err(Fault::new(
            "AccessDenied",
            StatusCode::FORBIDDEN,
            "Anonymous users cannot initiate multipart uploads.  Please authenticate.",
        ));
    }
    let acl = acls::of_new_object(services, &call, &request.headers).await?;
    let (encrypt, sent) = encryption::asked(&request.headers)?;
    let encrypt = call.decide_encryption(services, encrypt).await?;
    let input = request.input;
    let algorithm = input
        .checksum_algorithm
        .as_ref()
        .map(|name| ChecksumAlgorithm::parse(name.as_str()))
        .transpose()?;
    let kind = input
        .checksum_type
        .as_ref()
        .map(|name| ChecksumKind::parse(name.as_str()))
        .transpose()?;
    let upload = services
        .objects
        .create_upload(CreateUpload {
            at: call.path()?,
            initiator: call.asking_account(),
            headers: object_headers(&request.headers)?,
            tags: header_tags(&request.headers)?,
            lock: header_lock(&request.headers)?,
            checksum_algorithm: algorithm,
            checksum_kind: kind,
            acl,
            encrypt,
        })
        .await?;
    let chosen = upload.checksum_chosen;
    let mut output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload.path.upload.to_string()),
        abort_date: upload.expiry.as_ref().map(|expiry| timestamp(expiry.at)),
        abort_rule_id: upload.expiry.as_ref().map(rule_id),
        checksum_algorithm: chosen.then(|| checksum_algorithm(upload.checksum_algorithm)),
        checksum_type: chosen.then(|| dto::ChecksumType::from_static(upload.checksum_kind.as_str())),
        ..Default::default()
    };
    put_encryption!(
        output,
        &upload.encrypted,
        sent.as_ref(),
        (&services.region, call.bucket_owner()?)
    );
    output.ssekms_encryption_context = encryption::context_text(&upload.encrypted);
    Ok(S3Response::new(output))
}
