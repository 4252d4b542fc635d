//! CopyObject.

use baleen_objects::{ChecksumAlgorithm, CopyObject, Directive, Selection, Tags};
use s3s::dto::{CopyObjectInput, CopyObjectOutput, CopyObjectResult, MetadataDirective, TaggingDirective};
use s3s::{S3Request, S3Response};

use super::copying::SourceAsked;
use super::tagging::header_tags;
use super::{Answer, acls};
use crate::access::{Call, UnreadableTags};
use crate::convert::{checksum_type, etag, header_condition, object_headers, put_checksum, timestamp, version_id};
use crate::encryption::{self, put_encryption};
use crate::fault::Fault;
use crate::lifecycle::expiration;
use crate::locking::header_lock;
use crate::services::Services;
use crate::unsupported;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<CopyObjectInput>,
) -> Answer<CopyObjectOutput> {
    unsupported::refuse(&request.headers)?;
    let acl = acls::of_new_object(services, &call, &request.headers).await?;
    let (encrypt, sent) = encryption::asked(&request.headers)?;
    let encrypt = call.decide_encryption(services, encrypt).await?;
    let may_read_tags = request.extensions.get::<UnreadableTags>().is_none();
    let mut source = SourceAsked::read(services, &request).await?;
    let source_version = version_id(source.object.version);
    let input = request.input;
    let headers = match input.metadata_directive.as_ref().map(MetadataDirective::as_str) {
        None | Some(MetadataDirective::COPY) => Directive::Copy,
        Some(MetadataDirective::REPLACE) => Directive::Replace(object_headers(&request.headers)?),
        Some(_) => return Err(Fault::invalid_argument("Unknown metadata directive.")),
    };
    let tags = match input.tagging_directive.as_ref().map(TaggingDirective::as_str) {
        // The tags of the request do not count then, as its metadata does not beside the other directive.
        None | Some(TaggingDirective::COPY) => copied_tags(services, &call, &mut source, may_read_tags).await?,
        Some(TaggingDirective::REPLACE) => Directive::Replace(header_tags(&request.headers)?),
        Some(_) => return Err(Fault::invalid_argument("Unknown tagging directive.")),
    };
    let checksum_algorithm = input
        .checksum_algorithm
        .as_ref()
        .map(|name| ChecksumAlgorithm::parse(name.as_str()))
        .transpose()?;
    let stored = services
        .objects
        .copy(CopyObject {
            source: source.object,
            to: call.path()?,
            headers,
            tags,
            lock: header_lock(&request.headers)?,
            checksum_algorithm,
            source_if_match: source.if_match,
            condition: header_condition(&request.headers)?,
            acl,
            source_key: source.key,
            source_kept: source.kept,
            encrypt,
        })
        .await?;
    let mut result = CopyObjectResult {
        e_tag: Some(etag(&stored.etag)),
        last_modified: Some(timestamp(stored.modified)),
        ..Default::default()
    };
    put_checksum!(result, stored.checksum.as_ref());
    result.checksum_type = stored.checksum.as_ref().map(checksum_type);
    let mut output = CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: source_version,
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
    Ok(S3Response::new(output))
}

/// The tags of a copy that keeps those of its source. To copy them is to read them there and to write them here (AWS,
/// CopyObject, "Permissions"): who may not do both copies what has none.
async fn copied_tags(
    services: &Services,
    call: &Call,
    source: &mut SourceAsked,
    may_read: bool,
) -> Result<Directive<Tags>, Fault> {
    if may_read && call.may_give_any_tags() {
        return Ok(Directive::Copy);
    }
    let (head, _) = services.objects.head(&source.object, Selection::Whole).await?;
    // Those of what is copied.
    source.pin(head.etag)?;
    if head.tags.is_empty() {
        // And none that come meanwhile.
        return Ok(Directive::Replace(Tags::default()));
    }
    if !may_read {
        return Err(Fault::access_denied());
    }
    let pairs: Vec<_> = head
        .tags
        .iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    call.decide_tags(&pairs)?;
    // These, and none that come meanwhile.
    Ok(Directive::Replace(head.tags))
}
