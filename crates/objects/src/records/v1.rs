//! Shapes of the first release, from before buckets kept versions and objects had tags.

use super::{AlgorithmRecord, BodyRecord, BucketId, ChecksumRecord, ETagRecord, HeadersRecord, Piece};
use baleen_meta::record::first_version;
use serde::{Deserialize, Serialize};

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketRecord {
    pub(crate) id: BucketId,
    pub(crate) owner: u64,
    pub(crate) region: String,
    pub(crate) created_ns: i64,
}
first_version!(BucketRecord, "bucket");

/// The one version of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectRecord {
    pub(crate) version: [u8; 16],
    pub(crate) size: u64,
    pub(crate) modified_ns: i64,
    pub(crate) etag: ETagRecord,
    pub(crate) checksum: Option<ChecksumRecord>,
    pub(crate) headers: HeadersRecord,
    pub(crate) body: BodyRecord,
}
first_version!(ObjectRecord, "object");

/// An unfinished upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    pub(crate) initiated_ns: i64,
    pub(crate) headers: HeadersRecord,
    pub(crate) algorithm: AlgorithmRecord,
    pub(crate) chosen: bool,
    pub(crate) composite: bool,
}
first_version!(UploadRecord, "upload");

/// What completing an upload was answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompletedRecord {
    pub(crate) bucket: BucketId,
    pub(crate) key: String,
    pub(crate) etag: ETagRecord,
    pub(crate) checksum: Option<ChecksumRecord>,
    pub(crate) size: u64,
    pub(crate) modified_ns: i64,
}
first_version!(CompletedRecord, "completed upload");

/// One page of pieces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ExtentPage {
    pub(crate) pieces: Vec<Piece>,
}
first_version!(ExtentPage, "extent page");
