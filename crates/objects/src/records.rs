//! What this crate stores, each shape with its version.
//!
//! Nothing of a record can be set by a request header but what stands in [`HeadersRecord`], which nothing inside reads.

/// Converts between a type and the record of it that has the same variants. One that is missing here does not compile.
macro_rules! mirrors {
    ($record:ident, $of:ident: $($variant:ident),+) => {
        impl From<$of> for $record {
            fn from(of: $of) -> Self {
                match of {
                    $($of::$variant => Self::$variant,)+
                }
            }
        }

        impl From<$record> for $of {
            fn from(record: $record) -> Self {
                match record {
                    $($record::$variant => Self::$variant,)+
                }
            }
        }
    };
}

mod acl;
mod body;
mod copies;
mod encryption;
mod listed;
mod lock;
mod v1;
mod v2;
mod versions;

pub(crate) use acl::AclRecord;
pub(crate) use body::{
    BodyRecord, ExtentPage, LiveExtent, PAGE_PIECES_MAX, Piece, PieceAt, RECORD_PIECES_MAX, decode_inline,
    encode_inline,
};
pub(crate) use copies::CopyDue;
pub use encryption::SEALED;
pub(crate) use encryption::{BucketKeyRecord, EncryptionRecord, KmsRecord};
pub(crate) use listed::ListedObject;
pub(crate) use lock::{LockRecord, ObjectLockRecord};
pub(crate) use versions::{MarkerRecord, NullRecord, VersionBytes, VersionRecord};

use crate::{
    Bucket, Checksum, ChecksumAlgorithm, ChecksumKind, ObjectError, ObjectHeaders, SettingKind, Settled,
    StoredChecksum, Version, Versioning,
};
use baleen_meta::record::{Record, first_version};
use baleen_types::{AccountId, BucketName, ETag, PartNumber, RegionName, Timestamp};
use serde::{Deserialize, Serialize};

/// The id of a bucket in keys. A bucket made again under an old name gets another id, so that nothing of the old one can
/// come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct BucketId(pub(crate) u64);

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketRecord {
    pub(crate) id: BucketId,
    pub(crate) owner: u64,
    pub(crate) region: String,
    pub(crate) created_ns: i64,
    pub(crate) versioning: VersioningRecord,
    /// How versions are locked, if they can be; never taken back.
    pub(crate) object_lock: Option<ObjectLockRecord>,
    /// The kinds of settings that there are, a bit for each.
    pub(crate) settings: u32,
    /// Another number after every change of the bucket's settings, so that whoever keeps what was made of them sees that it
    /// is old.
    pub(crate) revision: u64,
    /// Whether a key was made for its objects. Written in the commit of the key and never taken back, so that a key which is
    /// lost is known to be lost, and no other is made in its place.
    pub(crate) has_key: bool,
}

impl Record for BucketRecord {
    const NAME: &'static str = "bucket";
    const VERSION: u8 = 3;
    type Before = v2::BucketRecord;
    fn migrate(before: v2::BucketRecord) -> Self {
        Self {
            id: before.id,
            owner: before.owner,
            region: before.region,
            created_ns: before.created_ns,
            versioning: before.versioning,
            object_lock: before.object_lock,
            settings: before.settings,
            revision: before.revision,
            // It may have one, and is marked when that is used.
            has_key: false,
        }
    }
}

impl BucketRecord {
    pub(crate) fn owner(&self) -> Result<AccountId, ObjectError> {
        AccountId::from_u64(self.owner).map_err(ObjectError::corrupt)
    }

    pub(crate) fn bucket(&self, name: &BucketName) -> Result<Bucket, ObjectError> {
        Ok(Bucket {
            name: name.clone(),
            owner: self.owner()?,
            region: RegionName::parse(&self.region).map_err(ObjectError::corrupt)?,
            created: Timestamp::from_nanos(self.created_ns),
            versioning: self.versioning.into(),
            object_lock: self.object_lock.map(|lock| lock.object_lock()).transpose()?,
            settings: Settled {
                bucket: self.id.0,
                kinds: self.settings,
                revision: self.revision,
            },
        })
    }

    /// Whether there is a setting of the kind.
    pub(crate) fn has(&self, kind: SettingKind) -> bool {
        self.settings & kind.bit() != 0
    }

    /// Whether what is written now is a null version.
    pub(crate) fn writes_null(&self) -> bool {
        self.versioning != VersioningRecord::Enabled
    }
}

/// [`Versioning`] as it is stored: the order is the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum VersioningRecord {
    Never,
    Enabled,
    Suspended,
}

impl From<VersioningRecord> for Versioning {
    fn from(record: VersioningRecord) -> Self {
        match record {
            VersioningRecord::Never => Self::Never,
            VersioningRecord::Enabled => Self::Enabled,
            VersioningRecord::Suspended => Self::Suspended,
        }
    }
}

/// One version of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ObjectRecord {
    /// Which of all writes to the key made it; ascending in their order.
    pub(crate) version: VersionBytes,
    /// Whether clients know it as the null version.
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
    /// The checksums of the pieces that stand in `body`, one behind the other, where the object's own is made of those of its
    /// parts; else none.
    pub(crate) part_digests: Vec<u8>,
}

impl Record for ObjectRecord {
    const NAME: &'static str = "object";
    const VERSION: u8 = 3;
    type Before = v2::ObjectRecord;
    fn migrate(before: v2::ObjectRecord) -> Self {
        Self {
            version: before.version,
            is_null: before.is_null,
            size: before.size,
            modified_ns: before.modified_ns,
            etag: before.etag,
            checksum: before.checksum,
            headers: before.headers,
            tags: before.tags,
            acl: before.acl,
            lock: before.lock,
            encryption: before.encryption,
            body: before.body,
            // They were not kept.
            part_digests: Vec::new(),
        }
    }
}

impl ObjectRecord {
    pub(crate) fn modified(&self) -> Timestamp {
        Timestamp::from_nanos(self.modified_ns)
    }

    /// How clients name this version.
    pub(crate) fn name(&self) -> Version {
        versions::name_of(self.version, self.is_null)
    }
}

/// An entity tag, in the 16 bytes that it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ETagRecord {
    pub(crate) md5: [u8; 16],
    /// The number of parts, if it was made of parts.
    pub(crate) parts: Option<u16>,
}

impl ETagRecord {
    pub(crate) fn etag(&self) -> ETag {
        match self.parts {
            Some(parts) => ETag::from_parts(self.md5, usize::from(parts)),
            None => ETag::from_md5(self.md5),
        }
    }
}

/// A checksum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChecksumRecord {
    algorithm: AlgorithmRecord,
    digest: Vec<u8>,
    /// The number of parts of a composite one.
    composite_of: Option<u16>,
}

/// The stored names of the algorithms: their order is the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AlgorithmRecord {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

mirrors!(AlgorithmRecord, ChecksumAlgorithm: Crc32, Crc32c, Crc64Nvme, Sha1, Sha256);

impl From<&StoredChecksum> for ChecksumRecord {
    fn from(stored: &StoredChecksum) -> Self {
        Self {
            algorithm: stored.checksum.algorithm().into(),
            digest: stored.checksum.digest().to_vec(),
            composite_of: stored.parts,
        }
    }
}

impl From<&Checksum> for ChecksumRecord {
    fn from(checksum: &Checksum) -> Self {
        Self::from(&StoredChecksum::full(checksum.clone()))
    }
}

impl ChecksumRecord {
    pub(crate) fn checksum(&self) -> Result<Checksum, ObjectError> {
        Checksum::new(self.algorithm.into(), self.digest.clone()).map_err(ObjectError::corrupt)
    }

    pub(crate) fn stored(&self) -> Result<StoredChecksum, ObjectError> {
        Ok(StoredChecksum {
            checksum: self.checksum()?,
            kind: kind_of(self.composite_of),
            parts: self.composite_of,
        })
    }
}

/// How a checksum was made that is of so many parts, or of none.
fn kind_of(composite_of: Option<u16>) -> ChecksumKind {
    match composite_of {
        Some(_) => ChecksumKind::Composite,
        None => ChecksumKind::FullObject,
    }
}

/// Tags as they were checked when they came: keys and values.
pub(crate) type TagsRecord = Vec<(String, String)>;

/// What the client stores beside the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeadersRecord {
    /// In the order of [`ObjectHeaders::standard`].
    standard: [Option<String>; 6],
    user: Vec<(String, String)>,
}

impl From<&ObjectHeaders> for HeadersRecord {
    fn from(headers: &ObjectHeaders) -> Self {
        Self {
            standard: headers.standard().map(Clone::clone),
            user: headers
                .user
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        }
    }
}

impl From<HeadersRecord> for ObjectHeaders {
    fn from(record: HeadersRecord) -> Self {
        let [
            content_type,
            cache_control,
            content_disposition,
            content_encoding,
            content_language,
            expires,
        ] = record.standard;
        Self {
            content_type,
            cache_control,
            content_disposition,
            content_encoding,
            content_language,
            expires,
            user: record.user.into_iter().collect(),
        }
    }
}

/// An unfinished upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    pub(crate) initiated_ns: i64,
    pub(crate) headers: HeadersRecord,
    pub(crate) tags: TagsRecord,
    pub(crate) acl: AclRecord,
    pub(crate) lock: LockRecord,
    pub(crate) algorithm: AlgorithmRecord,
    /// Whether the client chose the algorithm.
    pub(crate) chosen: bool,
    pub(crate) composite: bool,
    pub(crate) encryption: EncryptionRecord,
    /// The account that began it, if it is known.
    pub(crate) initiator: Option<u64>,
}

impl Record for UploadRecord {
    const NAME: &'static str = "upload";
    const VERSION: u8 = 3;
    type Before = v2::UploadRecord;
    fn migrate(before: v2::UploadRecord) -> Self {
        Self {
            initiated_ns: before.initiated_ns,
            headers: before.headers,
            tags: before.tags,
            acl: before.acl,
            lock: before.lock,
            algorithm: before.algorithm,
            chosen: before.chosen,
            composite: before.composite,
            encryption: before.encryption,
            initiator: None,
        }
    }
}

impl UploadRecord {
    pub(crate) fn initiator(&self) -> Result<Option<AccountId>, ObjectError> {
        let account = self.initiator.map(AccountId::from_u64).transpose();
        account.map_err(ObjectError::corrupt)
    }

    pub(crate) fn kind(&self) -> ChecksumKind {
        if self.composite {
            ChecksumKind::Composite
        } else {
            ChecksumKind::FullObject
        }
    }
}

/// A part of an unfinished upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    pub(crate) md5: [u8; 16],
    pub(crate) modified_ns: i64,
    /// The upload's algorithm first, then one that the client sent for this part alone.
    pub(crate) checksums: Vec<ChecksumRecord>,
    pub(crate) piece: Piece,
}
first_version!(PartRecord, "part");

impl PartRecord {
    pub(crate) fn number(&self) -> Result<PartNumber, ObjectError> {
        PartNumber::new(u32::from(self.piece.part)).map_err(ObjectError::corrupt)
    }
}

/// What completing an upload was answered with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CompletedRecord {
    pub(crate) bucket: BucketId,
    pub(crate) key: String,
    pub(crate) etag: ETagRecord,
    pub(crate) checksum: Option<ChecksumRecord>,
    pub(crate) size: u64,
    pub(crate) modified_ns: i64,
    pub(crate) encryption: EncryptionRecord,
}

impl Record for CompletedRecord {
    const NAME: &'static str = "completed upload";
    const VERSION: u8 = 2;
    type Before = v1::CompletedRecord;
    fn migrate(before: v1::CompletedRecord) -> Self {
        Self {
            bucket: before.bucket,
            key: before.key,
            etag: before.etag,
            checksum: before.checksum,
            size: before.size,
            modified_ns: before.modified_ns,
            encryption: EncryptionRecord::No,
        }
    }
}

/// A renaming that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RenamedRecord {
    /// The digest of its token.
    pub(crate) token: [u8; 32],
    /// The digest of all that was asked for.
    pub(crate) asked: [u8; 32],
    pub(crate) done_ns: i64,
}
first_version!(RenamedRecord, "renaming");

#[cfg(test)]
mod tests;
