//! Shapes from before a bucket said whether it has a key.

use super::{BucketId, ObjectLockRecord, VersioningRecord, v1};
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
