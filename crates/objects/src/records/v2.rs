//! Shapes from before a bucket said whether it has a key, and an object what the checksums of its parts are,
//! and an upload who began it.

use super::{
    AclRecord, AlgorithmRecord, BodyRecord, BucketId, ChecksumRecord, ETagRecord, EncryptionRecord, HeadersRecord,
    LockRecord, ObjectLockRecord, TagsRecord, VersionBytes, VersioningRecord, v1,
};
use baleen_meta::record::Record;
use serde::{Deserialize, Serialize};

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketRecord {
    pub(crate) id: BucketId,
    pub(crate) owner: u64,
    pub(crate) region: String,
    pub(crate) created_ns: i64,
    pub(crate) versioning: VersioningRecord,
    pub(crate) object_lock: Option<ObjectLockRecord>,
    pub(crate) settings: u32,
    pub(crate) revision: u64,
}

impl Record for BucketRecord {
    const NAME: &'static str = "bucket";
    const VERSION: u8 = 2;
    type Before = v1::BucketRecord;
    fn migrate(before: v1::BucketRecord) -> Self {
        Self {
            id: before.id,
            owner: before.owner,
            region: before.region,
            created_ns: before.created_ns,
            versioning: VersioningRecord::Never,
            object_lock: None,
            settings: 0,
            revision: 0,
        }
    }
}

/// One version of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectRecord {
    pub(crate) version: VersionBytes,
    pub(crate) is_null: bool,
    pub(crate) size: u64,
    pub(crate) modified_ns: i64,
    pub(crate) etag: ETagRecord,
    pub(crate) checksum: Option<ChecksumRecord>,
    pub(crate) headers: HeadersRecord,
    pub(crate) tags: TagsRecord,
    pub(crate) acl: AclRecord,
    pub(crate) lock: LockRecord,
    pub(crate) encryption: EncryptionRecord,
    pub(crate) body: BodyRecord,
}

impl Record for ObjectRecord {
    const NAME: &'static str = "object";
    const VERSION: u8 = 2;
    type Before = v1::ObjectRecord;
    fn migrate(before: v1::ObjectRecord) -> Self {
        Self {
            version: before.version,
            // Buckets kept no versions then.
            is_null: true,
            size: before.size,
            modified_ns: before.modified_ns,
            etag: before.etag,
            checksum: before.checksum,
            headers: before.headers,
            tags: TagsRecord::new(),
            acl: AclRecord::default(),
            lock: LockRecord::default(),
            encryption: EncryptionRecord::No,
            body: before.body,
        }
    }
}

/// An unfinished upload, from before it said who began it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    pub(crate) initiated_ns: i64,
    pub(crate) headers: HeadersRecord,
    pub(crate) tags: TagsRecord,
    pub(crate) acl: AclRecord,
    pub(crate) lock: LockRecord,
    pub(crate) algorithm: AlgorithmRecord,
    pub(crate) chosen: bool,
    pub(crate) composite: bool,
    pub(crate) encryption: EncryptionRecord,
}

impl Record for UploadRecord {
    const NAME: &'static str = "upload";
    const VERSION: u8 = 2;
    type Before = v1::UploadRecord;
    fn migrate(before: v1::UploadRecord) -> Self {
        Self {
            initiated_ns: before.initiated_ns,
            headers: before.headers,
            tags: TagsRecord::new(),
            acl: AclRecord::default(),
            lock: LockRecord::default(),
            algorithm: before.algorithm,
            chosen: before.chosen,
            composite: before.composite,
            encryption: EncryptionRecord::No,
        }
    }
}
