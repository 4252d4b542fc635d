//! PutObject.

use baleen_objects::PutObject;
use s3s::dto::{PutObjectInput, PutObjectOutput};
use s3s::{S3Request, S3Response};

use super::tagging::header_tags;
use super::{Answer, acls};
use crate::access::Call;
use crate::convert::{body_in, checksum_type, etag, expect, object_headers, put_checksum, version_id, write_condition};
use crate::encryption::{self, put_encryption};
use crate::lifecycle::expiration;
use crate::locking::header_lock;
use crate::services::Services;
use crate::unsupported;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<PutObjectInput>,
) -> Answer<PutObjectOutput> {
    unsupported::refuse(&request.headers)?;
    let acl = acls::of_new_object(services, &call, &request.headers).await?;
    let (encrypt, sent) = encryption::asked(&request.headers)?;
    let encrypt = call.decide_encryption(services, encrypt).await?;
    let expect = expect(&request)?;
    let input = request.input;
    let stored = services
        .objects
        .put(PutObject {
            at: call.path()?,
            length: input.content_length.and_then(|length| u64::try_from(length).ok()),
            headers: object_headers(&request.headers, input.metadata)?,
            tags: header_tags(&request.headers)?,
            lock: header_lock(&request.headers)?,
            expect,
            condition: write_condition(input.if_none_match.as_ref(), input.if_match.as_ref())?,
            body: body_in(input.body),
            acl,
            encrypt,
        })
        .await?;
    let mut output = PutObjectOutput {
        e_tag: Some(etag(&stored.etag)),
        version_id: version_id(stored.version),
        expiration: stored.expiry.as_ref().and_then(expiration),
        ..Default::default()
    };
    put_encryption!(
        output,
        &stored.encrypted,
        sent.as_ref(),
        (&services.region, call.bucket_owner()?)
    );
    output.ssekms_encryption_context = encryption::context_text(&stored.encrypted);
    put_checksum!(output, stored.checksum.as_ref());
    output.checksum_type = stored.checksum.as_ref().map(checksum_type);
    Ok(S3Response::new(output))
}
