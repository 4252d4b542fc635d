//! GetObjectAttributes: what is known of an object, as far as it is asked for.

use baleen_objects::limits::LIST_PARTS_MAX;
use baleen_objects::{ObjectPart, StoredChecksum};
use s3s::dto::{
    self, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts, ObjectAttributes, StorageClass,
};
use s3s::{S3Request, S3Response};

use super::Answer;
use crate::access::Call;
use crate::convert::{checksum_type, etag, put_checksum, size, timestamp, version_id};
use crate::encryption::{self, SentKey, key_of};
use crate::fault::Fault;
use crate::services::Services;
use crate::unsupported;

const KNOWN: [&str; 5] = [
    ObjectAttributes::ETAG,
    ObjectAttributes::CHECKSUM,
    ObjectAttributes::OBJECT_PARTS,
    ObjectAttributes::STORAGE_CLASS,
    ObjectAttributes::OBJECT_SIZE,
];

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<GetObjectAttributesInput>,
) -> Answer<GetObjectAttributesOutput> {
    unsupported::refuse(&request.headers)?;
    encryption::refuse_choice(&request.headers)?;
    let sent = SentKey::of(&request.headers)?;
    let input = request.input;
    // The codec takes a list of headers, and most clients send one with commas.
    let asked = input
        .object_attributes
        .iter()
        .flat_map(|line| line.as_str().split(','))
        .map(str::trim);
    let asked: Vec<&str> = asked.collect();
    if asked.iter().any(|name| !KNOWN.contains(name)) {
        return Err(Fault::invalid_argument("Invalid attribute name specified."));
    }
    let wants = |name| asked.contains(&name);
    let page = Page::of(input.max_parts, input.part_number_marker)?;
    let of = call.version(input.version_id.as_deref())?;
    let (head, parts) = services.objects.parts_of(&of, key_of(sent.as_ref())).await?;
    call.confirm(&head)?;
    if wants(ObjectAttributes::CHECKSUM) || wants(ObjectAttributes::OBJECT_PARTS) {
        // Checksums tell of the bytes, as in HeadObject and ListParts.
        call.decide_decryption(services, &head.encrypted)?;
    }
    let storage_class = StorageClass::from_static(StorageClass::STANDARD);
    Ok(S3Response::new(GetObjectAttributesOutput {
        e_tag: wants(ObjectAttributes::ETAG).then(|| etag(&head.etag)),
        checksum: head
            .checksum
            .as_ref()
            .filter(|_| wants(ObjectAttributes::CHECKSUM))
            .map(checksum),
        // AWS tells them of objects made of parts only.
        object_parts: (wants(ObjectAttributes::OBJECT_PARTS) && !parts.is_empty()).then(|| page.cut(&parts)),
        object_size: wants(ObjectAttributes::OBJECT_SIZE).then(|| size(head.size)),
        storage_class: wants(ObjectAttributes::STORAGE_CLASS).then_some(storage_class),
        last_modified: Some(timestamp(head.modified)),
        version_id: version_id(head.version),
        ..Default::default()
    }))
}

fn checksum(stored: &StoredChecksum) -> dto::Checksum {
    let mut output = dto::Checksum {
        checksum_type: Some(checksum_type(stored)),
        ..Default::default()
    };
    put_checksum!(output, Some(stored));
    output
}

/// Which of the parts are asked for.
struct Page {
    most: usize,
    after: u16,
}

impl Page {
    fn of(max_parts: Option<i32>, marker: Option<i32>) -> Result<Self, Fault> {
        let negative = |name: &str| Fault::invalid_argument(format!("{name} is out of range."));
        let most = max_parts.map_or(Ok(LIST_PARTS_MAX), usize::try_from);
        Ok(Self {
            most: most.map_err(|_| negative("x-amz-max-parts"))?.min(LIST_PARTS_MAX),
            after: u16::try_from(marker.unwrap_or(0)).map_err(|_| negative("x-amz-part-number-marker"))?,
        })
    }

    fn cut(&self, parts: &[ObjectPart]) -> GetObjectAttributesParts {
        let left: Vec<_> = parts.iter().filter(|part| part.number.get() > self.after).collect();
        let shown = &left[..left.len().min(self.most)];
        let last = shown.last().map_or(self.after, |part| part.number.get());
        let entry = |part: &&ObjectPart| {
            let mut entry = dto::ObjectPart {
                part_number: Some(i32::from(part.number.get())),
                size: Some(size(part.size)),
                ..Default::default()
            };
            let checksum = part.checksum.clone().map(StoredChecksum::full);
            put_checksum!(entry, checksum.as_ref());
            entry
        };
        GetObjectAttributesParts {
            is_truncated: Some(shown.len() < left.len()),
            max_parts: i32::try_from(self.most).ok(),
            part_number_marker: Some(i32::from(self.after)),
            next_part_number_marker: Some(i32::from(last)),
            parts: Some(shown.iter().map(entry).collect()),
            total_parts_count: i32::try_from(parts.len()).ok(),
        }
    }
}
