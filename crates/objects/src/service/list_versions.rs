//! Listing the versions of a bucket's objects.

use super::get::noncurrent_null;
use super::list::ReadSize;
use super::{Objects, OpenBucket};
use crate::limits::LIST_KEYS_MAX;
use crate::list::fold::{Fold, Pushed};
use crate::records::{BucketId, ChecksumRecord, MarkerRecord, ObjectRecord, VersionBytes, VersionRecord};
use crate::{ListVersions, ObjectError, Version, VersionContent, VersionEntry, VersionMarker, VersionPage, keys};
use baleen_meta::keys::{prefix_end, prefix_range};
use baleen_meta::{Entry, Scan, Snapshot, record};
use baleen_types::{ObjectKey, VersionId};
use std::collections::VecDeque;
use std::ops::Bound;

impl Objects {
    /// Lists one page of the versions and delete markers of a bucket, by key, newest first. As of [`Objects::list`], its
    /// cost depends on the page.
    ///
    /// # Errors
    /// [`ObjectError::NoSuchBucket`].
    pub async fn list_versions(&self, request: ListVersions) -> Result<VersionPage, ObjectError> {
        let bucket = self.open_bucket(&request.bucket).await?;
        let mut page = VersionPage::default();
        let room = request.max_keys.min(LIST_KEYS_MAX);
        if room == 0 {
            return Ok(page);
        }
        let snapshot = self.meta.snapshot().await?;
        let after = start(&snapshot, &bucket, request.after.as_ref()).await?;
        let folded_before = if after.version.is_none() {
            after.key.as_str()
        } else {
            ""
        };
        let mut fold = Fold::new(&request.prefix, &request.delimiter, folded_before, room);
        let mut cursors = [Table::Objects, Table::Markers, Table::Noncurrent]
            .map(|table| Cursor::new(table, bucket.id, &request, &after, room));
        loop {
            let mut first: Option<(usize, &str)> = None;
            let [objects, markers, noncurrent] = &mut cursors;
            let heads = [
                objects.peek(&snapshot).await?,
                markers.peek(&snapshot).await?,
                noncurrent.peek(&snapshot).await?,
            ];
            // Of one key, what is current comes first, and that is an object or a marker.
            for (at, key) in heads.into_iter().enumerate() {
                if let Some(key) = key
                    && first.is_none_or(|(_, least)| key < least)
                {
                    first = Some((at, key));
                }
            }
            let Some((at, key)) = first else { break };
            match fold.push(key) {
                Pushed::Taken => {
                    if let Some(entry) = cursors[at].take()? {
                        page.entries.push(entry);
                    }
                }
                Pushed::Folded => {
                    let passed = fold.last.clone().unwrap_or_default();
                    for cursor in &mut cursors {
                        cursor.pass(&passed);
                    }
                }
                Pushed::Skip(passed) => {
                    for cursor in &mut cursors {
                        cursor.pass(&passed);
                    }
                }
                Pushed::Full => {
                    page.next = fold.last.as_deref().map(|last| marker_after(last, &page.entries));
                    break;
                }
            }
        }
        page.common_prefixes = fold.common_prefixes;
        Ok(page)
    }
}

/// Where a page begins.
struct After {
    key: String,
    /// Behind this version of the key; `None` for behind all of them.
    version: Option<VersionBytes>,
}

/// Finds the place of a marker.
async fn start(snapshot: &Snapshot, bucket: &OpenBucket, marker: Option<&VersionMarker>) -> Result<After, ObjectError> {
    let Some(marker) = marker else {
        return Ok(After {
            key: String::new(),
            version: None,
        });
    };
    let version = match marker.version {
        Some(Version::Id(id)) => Some(*id.as_bytes()),
        Some(Version::Null) => null_version(snapshot, bucket, &marker.key).await?,
        None => None,
    };
    Ok(After {
        key: marker.key.clone(),
        version,
    })
}

/// The id behind the null version of a key.
async fn null_version(
    snapshot: &Snapshot,
    bucket: &OpenBucket,
    key: &str,
) -> Result<Option<VersionBytes>, ObjectError> {
    if let Some(stored) = snapshot.get(&keys::object(bucket.id, key)).await? {
        let object: ObjectRecord = record::decode(&stored)?;
        if object.is_null {
            return Ok(Some(object.version));
        }
    }
    if let Some(stored) = snapshot.get(&keys::marker(bucket.id, key)).await? {
        let marker: MarkerRecord = record::decode(&stored)?;
        if marker.is_null {
            return Ok(Some(marker.version));
        }
    }
    noncurrent_null(snapshot, bucket, key).await
}

/// Where to go on behind the last thing on a page. The id stands also for a null version, since another may be null then.
fn marker_after(last: &str, entries: &[VersionEntry]) -> VersionMarker {
    let of_last = entries.last().filter(|entry| entry.key.as_str() == last);
    VersionMarker {
        key: last.to_owned(),
        version: of_last.map(|entry| Version::Id(entry.place)),
    }
}

/// The tables in which versions are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Table {
    Objects,
    Markers,
    Noncurrent,
}

/// Reads one table in order.
struct Cursor {
    table: Table,
    bucket: BucketId,
    from: Bound<Vec<u8>>,
    to: Bound<Vec<u8>>,
    /// What was read and not yet taken, with the object key of each.
    read: VecDeque<(String, Entry)>,
    is_at_end: bool,
    size: ReadSize,
    /// Only versions older than this one of this key.
    after: Option<(String, VersionBytes)>,
}

impl Cursor {
    fn new(table: Table, bucket: BucketId, request: &ListVersions, after: &After, room: usize) -> Self {
        let mut cursor = Self {
            table,
            bucket,
            from: Bound::Unbounded,
            to: Bound::Unbounded,
            read: VecDeque::new(),
            is_at_end: false,
            size: ReadSize::new(room, &request.delimiter),
            after: None,
        };
        (cursor.from, cursor.to) = prefix_range(&cursor.place(&request.prefix));
        if after.key.as_str() >= request.prefix.as_str() && !after.key.is_empty() {
            cursor.from = match (table, after.version) {
                (Table::Noncurrent, Some(version)) => Bound::Excluded(keys::version(bucket, &after.key, version)),
                (Table::Noncurrent, None) => {
                    prefix_end(&keys::versions_of(bucket, &after.key)).map_or(Bound::Unbounded, Bound::Included)
                }
                (_, Some(_)) => Bound::Included(cursor.place(&after.key)),
                (_, None) => Bound::Excluded(cursor.place(&after.key)),
            };
            cursor.after = after.version.map(|version| (after.key.clone(), version));
        }
        cursor
    }

    /// The beginning of the rows of all keys that begin so.
    fn place(&self, key_prefix: &str) -> Vec<u8> {
        match self.table {
            Table::Objects => keys::object(self.bucket, key_prefix),
            Table::Markers => keys::marker(self.bucket, key_prefix),
            Table::Noncurrent => keys::versions(self.bucket, key_prefix),
        }
    }

    fn key_of(&self, entry: &Entry) -> Result<String, ObjectError> {
        Ok(match self.table {
            Table::Objects => keys::object_key_of(&entry.key)?.to_owned(),
            Table::Markers => keys::marker_key_of(&entry.key)?.to_owned(),
            Table::Noncurrent => keys::version_of(&entry.key)?.0,
        })
    }

    /// The object key of the next row.
    async fn peek(&mut self, snapshot: &Snapshot) -> Result<Option<&str>, ObjectError> {
        while self.read.is_empty() && !self.is_at_end {
            let limit = self.size.next();
            let scan = Scan::range(self.from.clone(), self.to.clone()).limit(limit);
            let entries = snapshot.scan(scan).await?;
            self.is_at_end = entries.len() < limit;
            if let Some(last) = entries.last() {
                self.from = Bound::Excluded(last.key.to_vec());
            }
            for entry in entries {
                let key = self.key_of(&entry)?;
                if !self.is_before(&key, &entry)? {
                    self.read.push_back((key, entry));
                }
            }
            self.size.learn(false);
        }
        Ok(self.read.front().map(|(key, _)| key.as_str()))
    }

    /// Whether a current version was on an earlier page.
    fn is_before(&self, key: &str, entry: &Entry) -> Result<bool, ObjectError> {
        match &self.after {
            Some((after, version)) if self.table != Table::Noncurrent && key == after => {
                Ok(self.decode(entry)?.version() >= *version)
            }
            _ => Ok(false),
        }
    }

    fn decode(&self, entry: &Entry) -> Result<VersionRecord, ObjectError> {
        match self.table {
            Table::Objects => Ok(VersionRecord::Object(Box::new(record::decode(&entry.value)?))),
            Table::Markers => Ok(VersionRecord::Marker(record::decode(&entry.value)?)),
            Table::Noncurrent => VersionRecord::decode(&entry.value),
        }
    }

    /// Takes the next row.
    fn take(&mut self) -> Result<Option<VersionEntry>, ObjectError> {
        let Some((key, entry)) = self.read.pop_front() else {
            return Ok(None);
        };
        let found = self.decode(&entry)?;
        let content = match &found {
            VersionRecord::Object(object) => Some(VersionContent {
                size: object.size,
                etag: object.etag.etag(),
                checksum: object.checksum.as_ref().map(ChecksumRecord::stored).transpose()?,
            }),
            VersionRecord::Marker(_) => None,
        };
        Ok(Some(VersionEntry {
            key: ObjectKey::parse(key).map_err(ObjectError::corrupt)?,
            version: found.name(),
            place: VersionId::from_bytes(found.version()),
            is_latest: self.table != Table::Noncurrent,
            modified: found.modified(),
            content,
        }))
    }

    /// Passes over all keys that begin so.
    fn pass(&mut self, passed: &str) {
        while self.read.front().is_some_and(|(key, _)| key.starts_with(passed)) {
            self.read.pop_front();
        }
        if !self.read.is_empty() || self.is_at_end {
            return;
        }
        let place = self.place(passed);
        let is_inside = match &self.from {
            Bound::Included(from) | Bound::Excluded(from) => from.starts_with(&place),
            Bound::Unbounded => false,
        };
        if is_inside {
            match prefix_end(&place) {
                Some(behind) => self.from = Bound::Included(behind),
                None => self.is_at_end = true,
            }
            self.size.learn(true);
        }
    }
}
