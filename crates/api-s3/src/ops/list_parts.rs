//! ListParts.

use baleen_objects::limits::LIST_PARTS_MAX;
use baleen_objects::{Encrypted, ListParts, UploadPath};
use s3s::dto::{self, ListPartsInput, ListPartsOutput, StorageClass};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::listing::out_of_range;
use crate::access::Call;
use crate::convert::{checksum_algorithm, etag, initiator, owner, put_checksum, size, timestamp, upload_id};
use crate::lifecycle::rule_id;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<ListPartsInput>,
) -> Answer<ListPartsOutput> {
    let input = request.input;
    let most = i32::try_from(LIST_PARTS_MAX).unwrap_or(i32::MAX);
    let asked = input.max_parts.unwrap_or(most).min(most);
    let max_parts = usize::try_from(asked).map_err(|_| out_of_range("max-parts"))?;
    let marker = input.part_number_marker.unwrap_or(0);
    let after = u16::try_from(marker).map_err(|_| out_of_range("part-number-marker"))?;
    let page = services
        .objects
        .list_parts(ListParts {
            upload: UploadPath {
                at: call.path()?,
                upload: upload_id(&input.upload_id)?,
            },
            after,
            max_parts,
        })
        .await?;
    if page.upload.checksum_chosen {
        call.decide_decryption(services, &page.upload.encrypted)?;
    }
    let account = call.bucket.map(|bucket| bucket.owner);
    // Checksums of what a customer's key hides would tell whether it is something known.
    let chosen = page.upload.checksum_chosen && !matches!(page.upload.encrypted, Encrypted::Customer(_));
    let entry = |part: baleen_objects::Part| {
        let mut entry = dto::Part {
            e_tag: Some(etag(&part.etag)),
            last_modified: Some(timestamp(part.modified)),
            part_number: Some(i32::from(part.number.get())),
            size: Some(size(part.size)),
            ..Default::default()
        };
        if chosen {
            let stored = baleen_objects::StoredChecksum::full(part.checksum);
            put_checksum!(entry, Some(&stored));
        }
        entry
    };
    Ok(S3Response::new(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        abort_date: page.upload.expiry.as_ref().map(|expiry| timestamp(expiry.at)),
        abort_rule_id: page.upload.expiry.as_ref().map(rule_id),
        initiator: initiator(page.upload.initiator, account),
        owner: account.map(owner),
        is_truncated: Some(page.next.is_some()),
        next_part_number_marker: page.next.map(i32::from),
        part_number_marker: Some(marker),
        max_parts: Some(asked),
        parts: Some(page.parts.into_iter().map(entry).collect()),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        checksum_algorithm: chosen.then(|| checksum_algorithm(page.upload.checksum_algorithm)),
        checksum_type: chosen.then(|| dto::ChecksumType::from_static(page.upload.checksum_kind.as_str())),
        ..Default::default()
    }))
}
