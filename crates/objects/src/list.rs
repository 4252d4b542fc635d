//! Listings: requests and answers.

pub(crate) mod fold;

use crate::{ChecksumAlgorithm, ChecksumKind, StoredChecksum, Upload, Version};
use baleen_types::{BucketName, ETag, ObjectKey, Timestamp, UploadId, VersionId};

/// A request for one page of a bucket's keys; ListObjects V1 and V2 are both rendered from its answer.
#[derive(Clone, Debug)]
pub struct ListObjects {
    /// The bucket.
    pub bucket: BucketName,
    /// Only keys that begin so.
    pub prefix: String,
    /// Keys with this text behind the prefix are folded into one common prefix, which ends with it; empty for none.
    pub delimiter: String,
    /// Only keys after this text, and not the common prefix which it is, if it is one: V1's marker, V2's start-after and
    /// decoded continuation token.
    pub after: Option<String>,
    /// At most so many keys and common prefixes together; above [`crate::limits::LIST_KEYS_MAX`] it is cut to it.
    pub max_keys: usize,
}

/// One page of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPage<T> {
    /// What was made of its objects, in the order of their keys' UTF-8 bytes.
    pub entries: Vec<T>,
    /// Folded prefixes, in the same order.
    pub common_prefixes: Vec<String>,
    /// Where to go on (`after` of the next request); `None` means that this was the last page.
    pub next: Option<String>,
}

/// One object in a listing, as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry<'a> {
    /// Its key.
    pub key: &'a str,
    /// Bytes.
    pub size: u64,
    /// Its tag.
    pub etag: ETag,
    /// When it was stored.
    pub modified: Timestamp,
    /// The checksum that is stored with it.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
}

/// A request for one page of the versions of a bucket's objects.
#[derive(Clone, Debug)]
pub struct ListVersions {
    /// The bucket.
    pub bucket: BucketName,
    /// Only keys that begin so.
    pub prefix: String,
    /// As in [`ListObjects`].
    pub delimiter: String,
    /// Where to go on.
    pub after: Option<VersionMarker>,
    /// At most so many versions, delete markers and common prefixes together.
    pub max_keys: usize,
}

/// A place in the listing of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionMarker {
    /// Behind this key or common prefix.
    pub key: String,
    /// Behind this version of the key, so that older ones of it follow.
    pub version: Option<Version>,
}

/// One page of versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionPage {
    /// Versions and delete markers, in the order of their keys, those of one key newest first.
    pub entries: Vec<VersionEntry>,
    /// Folded prefixes, in order.
    pub common_prefixes: Vec<String>,
    /// Where to go on; `None` means that this was the last page.
    pub next: Option<VersionMarker>,
}

/// One version, or delete marker, in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionEntry {
    /// Its key.
    pub key: ObjectKey,
    /// Which version.
    pub version: Version,
    /// Its place among the versions of the key, also of the null version.
    pub place: VersionId,
    /// Whether it is the current one.
    pub is_latest: bool,
    /// When it was made.
    pub modified: Timestamp,
    /// What it holds; `None` for a delete marker.
    pub content: Option<VersionContent>,
}

/// What is told of a version that is an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionContent {
    /// Bytes.
    pub size: u64,
    /// Its tag.
    pub etag: ETag,
    /// The checksum stored with it.
    pub checksum: Option<StoredChecksum>,
}

/// A request for one page of a bucket's unfinished uploads.
#[derive(Clone, Debug)]
pub struct ListUploads {
    /// The bucket.
    pub bucket: BucketName,
    /// Only keys that begin so.
    pub prefix: String,
    /// As in [`ListObjects`].
    pub delimiter: String,
    /// Where to go on.
    pub after: Option<UploadMarker>,
    /// At most so many uploads and common prefixes together.
    pub max_uploads: usize,
}

/// A place in the list of uploads: after all of `key`, or after one upload of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadMarker {
    /// `key-marker`; a common prefix is one too.
    pub key: String,
    /// `upload-id-marker`.
    pub upload: Option<UploadId>,
}

/// One page of unfinished uploads, in the order of keys, then of their begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadPage {
    /// The uploads.
    pub uploads: Vec<Upload>,
    /// Folded prefixes.
    pub common_prefixes: Vec<String>,
    /// Where to go on; `None` means that this was the last page.
    pub next: Option<UploadMarker>,
}
