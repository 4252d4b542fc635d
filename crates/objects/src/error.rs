//! What can go wrong, one variant for each thing a caller handles differently.

use crate::{BodyError, ChecksumAlgorithm, ChecksumKind, FailedCondition, TagFault, Version};
use baleen_types::{BucketName, Classify, FaultKind, ObjectPath, PartNumber, Timestamp, UploadId};

/// An error of the object service. Its text may be shown to a client; causes below it are for the log.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// There is no bucket of that name.
    #[error("the bucket {0} does not exist")]
    NoSuchBucket(BucketName),
    /// The name is another account's.
    #[error("the bucket name {0} is taken")]
    BucketAlreadyExists(BucketName),
    /// The bucket is there and belongs to who asks.
    #[error("you have the bucket {0} already")]
    BucketAlreadyOwnedByYou(BucketName),
    /// The bucket still holds objects.
    #[error("the bucket {0} is not empty")]
    BucketNotEmpty(BucketName),
    /// The account has as many buckets as it may.
    #[error("an account has at most {limit} buckets")]
    TooManyBuckets {
        /// The limit.
        limit: usize,
    },
    /// There is no object at that key.
    #[error("there is no object at {0}")]
    NoSuchKey(ObjectPath),
    /// The object has no such version.
    #[error("there is no version {version} of {at}")]
    NoSuchVersion {
        /// Where.
        at: ObjectPath,
        /// Which was asked for.
        version: Version,
    },
    /// What was asked for is a delete marker.
    #[error("what is at {at} is a delete marker")]
    DeleteMarker {
        /// Where.
        at: ObjectPath,
        /// Which version it is.
        version: Version,
        /// When it was made.
        modified: Timestamp,
        /// Whether that version was asked for; if not, it hides what was there.
        named: bool,
    },
    /// Versions in the bucket can be locked, so it cannot stop to keep them.
    #[error("versioning cannot be suspended in a bucket with object lock")]
    VersioningNeeded,
    /// The bucket keeps no versions now, so there is nothing to lock.
    #[error("versioning must be enabled in a bucket for object lock")]
    LockNeedsVersions,
    /// A bucket that keeps versions, or has kept some, renames nothing.
    #[error("objects are renamed only in a bucket that has never kept versions; elsewhere copy, then delete")]
    RenameNeedsNoVersions,
    /// Versions in the bucket cannot be locked.
    #[error("the bucket is missing an object lock configuration")]
    LockMissing,
    /// A retention that would be over at once.
    #[error("the retain until date must be in the future")]
    RetainUntilPast,
    /// A default retention that is no time, or too long.
    #[error("a default retention is 1 to 36500 days, or 1 to 100 years")]
    BadRetentionPeriod,
    /// A lock protects the version.
    #[error("access denied because the object is protected by object lock")]
    Locked,
    /// The upload was never begun, is for another key, was aborted or was completed long ago.
    #[error("the upload {0} does not exist: it was aborted, completed, or never begun")]
    NoSuchUpload(UploadId),
    /// A part of the list was not uploaded, or its tag or checksum is another one.
    #[error("part {part} was not uploaded, or its entity tag or checksum does not match")]
    InvalidPart {
        /// Which.
        part: u16,
    },
    /// The list is not in ascending order, or names a part twice.
    #[error("the parts must be listed in ascending order, each once")]
    InvalidPartOrder,
    /// The list is empty.
    #[error("at least one part must be listed")]
    NoParts,
    /// A part that is not the last is too small.
    #[error("part {part} has {size} bytes; all parts but the last need {min}")]
    PartTooSmall {
        /// Which.
        part: u16,
        /// Its size.
        size: u64,
        /// The limit.
        min: u64,
    },
    /// The body is above the limit for one request, or the object above its own.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// Nothing of the range lies inside the object.
    #[error("the range lies outside the {size} bytes of the object")]
    InvalidRange {
        /// The object's size.
        size: u64,
    },
    /// The object has no such part.
    #[error("the object has no part {}", part.get())]
    InvalidPartNumber {
        /// Which was asked for.
        part: PartNumber,
    },
    /// A condition on the object which is there does not hold.
    #[error("at least one of the pre-conditions you specified did not hold")]
    PreconditionFailed(FailedCondition),
    /// A copy onto itself which changes nothing.
    #[error("an object may be copied onto itself only with new metadata")]
    CopyOntoItself,
    /// An object is to get the key that it has.
    #[error("an object cannot be renamed to the name that it has")]
    RenameOntoItself,
    /// The token of a renaming was that of another.
    #[error("parameters on this idempotent request are inconsistent with parameters used in previous requests")]
    RenameTokenMismatch,
    /// `Content-MD5` is not the body's.
    #[error("the body's MD5 is not the one given in Content-MD5")]
    BadDigest,
    /// A checksum is not the body's.
    #[error("the {} given is not the one computed", algorithm.as_str())]
    BadChecksum {
        /// Of which algorithm.
        algorithm: ChecksumAlgorithm,
    },
    /// A checksum of another algorithm than the upload's, or a kind which the algorithm does not have.
    #[error("{0}")]
    ChecksumNotAllowed(String),
    /// The completion of an upload says that its checksum is made in another way than it was begun with.
    #[error("the checksum type of the upload is {}", .0.as_str())]
    ChecksumKindMismatch(ChecksumKind),
    /// The body is shorter or longer than announced.
    #[error("the body has {got} bytes where {expected} were announced")]
    IncompleteBody {
        /// As announced.
        expected: u64,
        /// As received, at the moment when it was clear.
        got: u64,
    },
    /// The completed object's size is not what the client said.
    #[error("the parts have {got} bytes where {expected} were announced")]
    SizeMismatch {
        /// As announced.
        expected: u64,
        /// As stored.
        got: u64,
    },
    /// Too much user metadata.
    #[error("user metadata of {bytes} bytes is more than 2048")]
    MetadataTooLarge {
        /// Names and values together.
        bytes: usize,
    },
    /// Standard headers too long to store.
    #[error("standard headers of {bytes} bytes are more than 8192")]
    HeadersTooLarge {
        /// All values together.
        bytes: usize,
    },
    /// More tags than there may be.
    #[error("there are more than {limit} tags")]
    TooManyTags {
        /// The limit.
        limit: usize,
    },
    /// A tag that cannot be.
    #[error("{0}")]
    BadTag(TagFault),
    /// What is encrypted under a customer's key was asked for without one.
    #[error(
        "the object was stored using a form of Server Side Encryption. The correct parameters must be provided to \
         retrieve the object"
    )]
    KeyMissing,
    /// The customer's key is another one.
    #[error("access denied")]
    KeyWrong,
    /// A customer's key came for what is not encrypted under one.
    #[error("the encryption parameters are not applicable to this object")]
    KeyNotApplicable,
    /// A part of an upload whose parts are encrypted under a customer's key came without one.
    #[error(
        "the multipart upload initiate requested encryption. Subsequent part requests must include the appropriate \
         encryption parameters"
    )]
    PartKeyMissing,
    /// A part came with another customer's key than its upload, or with one where that has none.
    #[error("the provided encryption parameters did not match the ones used originally")]
    PartKeyWrong,
    /// A setting of a bucket that is longer than it may be.
    #[error("the configuration is longer than {limit} bytes")]
    SettingTooLarge {
        /// The limit.
        limit: usize,
    },
    /// There is no named key like the one that is asked for, or that something is encrypted under.
    #[error("key {0} does not exist")]
    NoSuchEncryptionKey(String),
    /// The named key is disabled.
    #[error("key {0} is disabled")]
    EncryptionKeyDisabled(String),
    /// The sender broke off, or said something about the body which is not true.
    #[error("the body could not be read: {0}")]
    Body(BodyError),
    /// The volume is full; nothing was stored.
    #[error("there is no space left to store this")]
    NoSpace,
    /// Other writes to the same key kept winning.
    #[error("too many writes to the same key at once; try again")]
    Contended,
    /// More changes than one commit holds. To be repeated is of no use; that nothing does it is for the tests.
    #[error("the request changes more than can be changed at once")]
    TooMuchAtOnce(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Stored bytes or records are not what was written.
    #[error("stored data is damaged")]
    Corrupt(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store below failed otherwise.
    #[error("the store could not do it now; try again")]
    Storage(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl ObjectError {
    /// Stored data that cannot be what was written.
    pub(crate) fn corrupt(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Corrupt(why.into())
    }
}

impl From<baleen_meta::Error> for ObjectError {
    fn from(error: baleen_meta::Error) -> Self {
        match error {
            baleen_meta::Error::NoSpace { .. } => Self::NoSpace,
            error => match error.kind() {
                FaultKind::Corrupt => Self::Corrupt(Box::new(error)),
                FaultKind::TooLarge => Self::TooMuchAtOnce(Box::new(error)),
                _ => Self::Storage(Box::new(error)),
            },
        }
    }
}

impl From<baleen_kms::Error> for ObjectError {
    fn from(error: baleen_kms::Error) -> Self {
        match error {
            baleen_kms::Error::NoSuchKey(named) => Self::NoSuchEncryptionKey(named),
            baleen_kms::Error::Disabled(name) => Self::EncryptionKeyDisabled(name.to_string()),
            baleen_kms::Error::Meta(error) => error.into(),
            error if error.kind() == FaultKind::Corrupt => Self::Corrupt(Box::new(error)),
            error => Self::Storage(Box::new(error)),
        }
    }
}

impl From<baleen_usage::Error> for ObjectError {
    fn from(error: baleen_usage::Error) -> Self {
        match error {
            baleen_usage::Error::Meta(error) => Self::from(error),
        }
    }
}

impl From<baleen_meta::record::RecordError> for ObjectError {
    fn from(error: baleen_meta::record::RecordError) -> Self {
        Self::from(baleen_meta::Error::from(error))
    }
}

impl From<baleen_blob::Error> for ObjectError {
    fn from(error: baleen_blob::Error) -> Self {
        match error {
            baleen_blob::Error::NoSpace => Self::NoSpace,
            error if error.kind() == FaultKind::Corrupt => Self::Corrupt(Box::new(error)),
            error => Self::Storage(Box::new(error)),
        }
    }
}

impl Classify for ObjectError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::NoSuchBucket(_)
            | Self::NoSuchKey(_)
            | Self::NoSuchVersion { .. }
            | Self::DeleteMarker { .. }
            | Self::NoSuchUpload(_) => FaultKind::NotFound,
            Self::BucketAlreadyExists(_) | Self::BucketAlreadyOwnedByYou(_) => FaultKind::Exists,
            Self::BucketNotEmpty(_)
            | Self::VersioningNeeded
            | Self::LockNeedsVersions
            | Self::RenameNeedsNoVersions => FaultKind::Conflict,
            Self::Locked | Self::KeyWrong => FaultKind::Denied,
            Self::TooManyBuckets { .. }
            | Self::InvalidPart { .. }
            | Self::InvalidPartOrder
            | Self::NoParts
            | Self::PartTooSmall { .. }
            | Self::InvalidRange { .. }
            | Self::InvalidPartNumber { .. }
            | Self::CopyOntoItself
            | Self::RenameOntoItself
            | Self::RenameTokenMismatch
            | Self::BadDigest
            | Self::BadChecksum { .. }
            | Self::ChecksumNotAllowed(_)
            | Self::ChecksumKindMismatch(_)
            | Self::TooManyTags { .. }
            | Self::BadTag(_)
            | Self::LockMissing
            | Self::RetainUntilPast
            | Self::BadRetentionPeriod
            | Self::KeyMissing
            | Self::NoSuchEncryptionKey(_)
            | Self::EncryptionKeyDisabled(_)
            | Self::KeyNotApplicable
            | Self::PartKeyMissing
            | Self::PartKeyWrong
            | Self::IncompleteBody { .. }
            | Self::SizeMismatch { .. } => FaultKind::Invalid,
            Self::TooLarge { .. }
            | Self::MetadataTooLarge { .. }
            | Self::HeadersTooLarge { .. }
            | Self::SettingTooLarge { .. }
            | Self::TooMuchAtOnce(_) => FaultKind::TooLarge,
            Self::PreconditionFailed(_) => FaultKind::Precondition,
            Self::Body(error) => error.kind(),
            Self::NoSpace | Self::Storage(_) => FaultKind::Unavailable,
            Self::Contended => FaultKind::Throttled,
            Self::Corrupt(_) => FaultKind::Corrupt,
        }
    }
}
