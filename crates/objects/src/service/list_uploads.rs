//! Listing unfinished uploads, and the parts of one.

use super::list::ReadSize;
use super::{Objects, no_such_upload};
use crate::keys;
use crate::lifecycle::rules::Rules;
use crate::limits::{LIST_PARTS_MAX, LIST_UPLOADS_MAX};
use crate::list::fold::{Fold, Pushed};
use crate::records::{PartRecord, UploadRecord};
use crate::{
    Encrypted, ListParts, ListUploads, ObjectError, Part, PartsPage, Upload, UploadMarker, UploadPage, UploadPath,
};
use baleen_meta::keys::{prefix_end, prefix_range};
use baleen_meta::{Scan, record};
use baleen_types::{ETag, ObjectKey, ObjectPath, Timestamp};
use std::ops::Bound;

impl Objects {
    /// How the parts of an unfinished upload are kept, and whether the client chose the algorithm of its checksums.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::NoSuchUpload`].
    pub async fn encryption_of_upload(&self, path: &UploadPath) -> Result<(Encrypted, bool), ObjectError> {
        let bucket = self.open_bucket(&path.at.bucket).await?;
        let key = keys::upload(bucket.id, &path.at.key, path.upload);
        let stored = self.meta.get(&key).await?.ok_or_else(|| no_such_upload(path.upload))?;
        let stored: UploadRecord = record::decode(&stored)?;
        Ok((stored.encryption.encrypted()?, stored.chosen))
    }

    /// Lists one page of a bucket's unfinished uploads.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`].
    pub async fn list_uploads(&self, request: ListUploads) -> Result<UploadPage, ObjectError> {
        let bucket = self.open_bucket(&request.bucket).await?;
        let mut page = UploadPage::default();
        let room = request.max_uploads.min(LIST_UPLOADS_MAX);
        if room == 0 {
            return Ok(page);
        }
        let (mut from, to) = prefix_range(&keys::uploads(bucket.id, &request.prefix));
        let mut after = "";
        if let Some(marker) = &request.after {
            let behind = match (marker.upload, ObjectKey::parse(marker.key.as_str())) {
                (Some(upload), Ok(key)) => Bound::Excluded(keys::upload(bucket.id, &key, upload)),
                _ => prefix_end(&keys::uploads_of(bucket.id, &marker.key)).map_or(Bound::Unbounded, Bound::Included),
            };
            from = later(from, behind);
            if marker.upload.is_none() {
                after = &marker.key;
            }
        }
        let mut fold = Fold::new(&request.prefix, &request.delimiter, after, room);
        let mut reads = ReadSize::new(room, &request.delimiter);
        let mut passing: Option<String> = None;
        let rules = self.rules_of(&bucket.record).await?;
        let snapshot = self.meta.snapshot().await?;
        'page: loop {
            let limit = reads.next();
            let entries = snapshot
                .scan(Scan::range(from.clone(), to.clone()).limit(limit))
                .await?;
            for entry in &entries {
                let (key, id) = keys::upload_of(&entry.key)?;
                if passing.as_deref().is_some_and(|passed| key.starts_with(passed)) {
                    continue;
                }
                match fold.push(&key) {
                    Pushed::Taken => {
                        let key = ObjectKey::parse(key).map_err(ObjectError::corrupt)?;
                        let at = ObjectPath {
                            bucket: request.bucket.clone(),
                            key,
                        };
                        let stored: UploadRecord = record::decode(&entry.value)?;
                        let path = UploadPath { at, upload: id };
                        page.uploads.push(upload_of(path, &stored, rules.as_deref())?);
                    }
                    Pushed::Folded => passing.clone_from(&fold.last),
                    Pushed::Skip(passed) => passing = Some(passed),
                    Pushed::Full => {
                        page.next = fold.last.as_ref().map(|last| marker_after(last, &page.uploads));
                        break 'page;
                    }
                }
            }
            let Some(last) = entries.last().filter(|_| entries.len() == limit) else {
                break;
            };
            let passed = passing
                .as_deref()
                .filter(|passed| last.key.starts_with(&keys::uploads(bucket.id, passed)));
            from = match passed {
                Some(passed) => match prefix_end(&keys::uploads(bucket.id, passed)) {
                    Some(behind) => Bound::Included(behind),
                    None => break,
                },
                None => Bound::Excluded(last.key.to_vec()),
            };
            reads.learn(passed.is_some());
        }
        page.common_prefixes = fold.common_prefixes;
        Ok(page)
    }

    /// Lists one page of an upload's parts.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`], [`ObjectError::NoSuchUpload`].
    pub async fn list_parts(&self, request: ListParts) -> Result<PartsPage, ObjectError> {
        let path = request.upload;
        let bucket = self.open_bucket(&path.at.bucket).await?;
        let snapshot = self.meta.snapshot().await?;
        let key = keys::upload(bucket.id, &path.at.key, path.upload);
        let stored = snapshot.get(&key).await?.ok_or_else(|| no_such_upload(path.upload))?;
        let rules = self.rules_of(&bucket.record).await?;
        let upload = upload_of(path, &record::decode(&stored)?, rules.as_deref())?;
        let room = request.max_parts.min(LIST_PARTS_MAX);
        let (_, to) = prefix_range(&keys::parts(upload.path.upload));
        let mut from = keys::parts(upload.path.upload);
        from.extend(request.after.to_be_bytes());
        let scan = Scan::range(Bound::Excluded(from), to).limit(room + 1);
        let mut page = PartsPage {
            upload,
            parts: Vec::new(),
            next: None,
        };
        for entry in snapshot.scan(scan).await? {
            if page.parts.len() == room {
                page.next = page.parts.last().map(|part: &Part| part.number.get());
                break;
            }
            page.parts
                .push(part_of(&record::decode(&entry.value)?, page.upload.encrypted.clone())?);
        }
        Ok(page)
    }
}

/// The later of two places to begin at.
pub(super) fn later(a: Bound<Vec<u8>>, b: Bound<Vec<u8>>) -> Bound<Vec<u8>> {
    match (&a, &b) {
        (Bound::Included(from), Bound::Included(to) | Bound::Excluded(to)) if from > to => a,
        _ => b,
    }
}

/// Where to go on behind the last thing on a page: behind one upload, or behind all with a common prefix.
fn marker_after(last: &str, uploads: &[Upload]) -> UploadMarker {
    let of_last = uploads.last().filter(|upload| upload.path.at.key.as_str() == last);
    UploadMarker {
        key: last.to_owned(),
        upload: of_last.map(|upload| upload.path.upload),
    }
}

/// What an upload's record says to the outside.
pub(super) fn upload_of(path: UploadPath, record: &UploadRecord, rules: Option<&Rules>) -> Result<Upload, ObjectError> {
    let initiated = Timestamp::from_nanos(record.initiated_ns);
    let key = path.at.key.as_str();
    Ok(Upload {
        expiry: rules.and_then(|rules| rules.abort(key, initiated)),
        path,
        initiated,
        initiator: record.initiator()?,
        checksum_algorithm: record.algorithm.into(),
        checksum_kind: record.kind(),
        checksum_chosen: record.chosen,
        encrypted: record.encryption.encrypted()?,
    })
}

/// What a part's record says to the outside.
pub(super) fn part_of(record: &PartRecord, encrypted: Encrypted) -> Result<Part, ObjectError> {
    let checksum = record
        .checksums
        .first()
        .ok_or_else(|| ObjectError::corrupt("a part has no checksum"))?;
    Ok(Part {
        number: record.number()?,
        size: record.piece.size,
        etag: ETag::from_md5(record.md5),
        modified: Timestamp::from_nanos(record.modified_ns),
        checksum: checksum.checksum()?,
        encrypted,
    })
}
