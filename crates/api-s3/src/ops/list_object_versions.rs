//! ListObjectVersions: what a bucket keeps, the newest of each key first.

use baleen_objects::{ListVersions, VersionContent, VersionEntry, VersionMarker};
use baleen_types::AccountId;
use s3s::dto::{
    DeleteMarkerEntry, ListObjectVersionsInput, ListObjectVersionsOutput, ObjectVersion, ObjectVersionStorageClass,
};
use s3s::{S3Request, S3Response};

use super::Answer;
use super::listing::{Spelling, common_prefixes, max_keys};
use crate::access::Call;
use crate::convert::{checksum_algorithm, checksum_type, etag, owner, size, timestamp, version, version_id};
use crate::fault::Fault;
use crate::services::Services;

pub(super) async fn run(
    services: &Services,
    call: Call,
    request: S3Request<ListObjectVersionsInput>,
) -> Answer<ListObjectVersionsOutput> {
    let input = request.input;
    let spelling = Spelling::of(input.encoding_type.as_ref())?;
    let max_keys = max_keys(input.max_keys)?;
    let page = services
        .objects
        .list_versions(ListVersions {
            bucket: call.bucket_name()?.clone(),
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after: marker(input.key_marker.as_deref(), input.version_id_marker.as_deref())?,
            max_keys: max_keys.effective,
        })
        .await?;
    let account = call.bucket.map(|bucket| bucket.owner);
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for entry in page.entries {
        let key = spelling.write(entry.key.as_str());
        match &entry.content {
            Some(content) => versions.push(object(&entry, content, key, account)),
            None => markers.push(DeleteMarkerEntry {
                is_latest: Some(entry.is_latest),
                key: Some(key),
                last_modified: Some(timestamp(entry.modified)),
                owner: account.map(owner),
                version_id: Some(entry.version.to_string()),
            }),
        }
    }
    let next_version = page.next.as_ref().and_then(|next| next.version);
    Ok(S3Response::new(ListObjectVersionsOutput {
        common_prefixes: common_prefixes(&page.common_prefixes, spelling),
        delete_markers: Some(markers),
        delimiter: input.delimiter.as_deref().map(|text| spelling.write(text)),
        encoding_type: input.encoding_type,
        is_truncated: Some(page.next.is_some()),
        key_marker: Some(spelling.write(input.key_marker.as_deref().unwrap_or_default())),
        max_keys: Some(max_keys.asked),
        name: Some(input.bucket),
        next_key_marker: page.next.as_ref().map(|next| spelling.write(&next.key)),
        next_version_id_marker: version_id(next_version),
        prefix: Some(spelling.write(input.prefix.as_deref().unwrap_or_default())),
        request_charged: None,
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        versions: Some(versions),
    }))
}

fn object(entry: &VersionEntry, content: &VersionContent, key: String, account: Option<AccountId>) -> ObjectVersion {
    ObjectVersion {
        checksum_algorithm: content
            .checksum
            .as_ref()
            .map(|stored| vec![checksum_algorithm(stored.checksum.algorithm())]),
        checksum_type: content.checksum.as_ref().map(checksum_type),
        e_tag: Some(etag(&content.etag)),
        is_latest: Some(entry.is_latest),
        key: Some(key),
        last_modified: Some(timestamp(entry.modified)),
        owner: account.map(owner),
        restore_status: None,
        size: Some(size(content.size)),
        storage_class: Some(ObjectVersionStorageClass::from_static(
            ObjectVersionStorageClass::STANDARD,
        )),
        version_id: Some(entry.version.to_string()),
    }
}

/// Where the page begins. A version without its key is a place nowhere (AWS, ListObjectVersions).
fn marker(key: Option<&str>, version_id: Option<&str>) -> Result<Option<VersionMarker>, Fault> {
    let version = version(version_id)?;
    match key.filter(|key| !key.is_empty()) {
        Some(key) => Ok(Some(VersionMarker {
            key: key.to_owned(),
            version,
        })),
        None if version.is_some() => Err(Fault::invalid_argument(
            "A version-id marker cannot be specified without a key marker.",
        )),
        None => Ok(None),
    }
}
