//! Objects: requests and answers.

use crate::{
    Body, Checksum, ChecksumAlgorithm, CustomerKey, Encrypt, Encrypted, Expiry, Governance, LateChecksum, Lock,
    ObjectError, ObjectHeaders, StoredChecksum, Tags, Version,
};
use baleen_types::{AccountId, Acl, ByteRange, ETag, ObjectKey, ObjectPath, PartNumber, ServedRange, Timestamp};

/// An object, or one version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion {
    /// Where.
    pub at: ObjectPath,
    /// Which version; `None` for the current one.
    pub version: Option<Version>,
}

impl From<ObjectPath> for ObjectVersion {
    fn from(at: ObjectPath) -> Self {
        Self { at, version: None }
    }
}

impl From<&ObjectPath> for ObjectVersion {
    fn from(at: &ObjectPath) -> Self {
        at.clone().into()
    }
}

impl From<&ObjectVersion> for ObjectVersion {
    fn from(of: &ObjectVersion) -> Self {
        of.clone()
    }
}

/// A request to store an object.
pub struct PutObject {
    /// Where.
    pub at: ObjectPath,
    /// Its bytes.
    pub body: Body,
    /// Their number, if it was announced; another number is then [`crate::ObjectError::IncompleteBody`].
    pub length: Option<u64>,
    /// What is kept beside the bytes.
    pub headers: ObjectHeaders,
    /// Its tags.
    pub tags: Tags,
    /// Its lock; what is not said is as the bucket has it.
    pub lock: Lock,
    /// Its access control list.
    pub acl: Acl,
    /// How it is kept.
    pub encrypt: Encrypt,
    /// What the sender said about the bytes.
    pub expect: Expect,
    /// What must be true for the write to happen.
    pub condition: WriteCondition,
}

/// What a sender says about a body; each statement is checked against the bytes, and one that is wrong refuses the write.
#[derive(Default)]
pub struct Expect {
    /// `Content-MD5`.
    pub md5: Option<[u8; 16]>,
    /// A checksum sent ahead of the body.
    pub checksum: Option<Checksum>,
    /// The algorithm to compute and store when no value is sent ahead.
    pub checksum_algorithm: Option<ChecksumAlgorithm>,
    /// A checksum sent behind the body; its algorithm must be announced in `checksum_algorithm`.
    pub late: Option<LateChecksum>,
}

/// What must be true of the current object for a write to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WriteCondition {
    /// Nothing.
    #[default]
    None,
    /// There is no object at the key (`If-None-Match: *`).
    IfAbsent,
    /// There is one (`If-Match: *`).
    IfPresent,
    /// There is one, with this tag (`If-Match`).
    IfMatch(ETag),
}

/// Which condition of a request does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailedCondition {
    /// [`WriteCondition::IfAbsent`].
    IfAbsent,
    /// [`WriteCondition::IfPresent`] or [`WriteCondition::IfMatch`].
    IfMatch,
    /// The tag that the source of a copy must have.
    SourceIfMatch,
}

impl WriteCondition {
    /// What is told of it when it does not hold.
    pub(crate) fn failed(&self) -> ObjectError {
        ObjectError::PreconditionFailed(match self {
            Self::IfAbsent => FailedCondition::IfAbsent,
            Self::None | Self::IfPresent | Self::IfMatch(_) => FailedCondition::IfMatch,
        })
    }
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The tag of the new object or part.
    pub etag: ETag,
    /// The checksum that was computed and stored.
    pub checksum: Option<StoredChecksum>,
    /// Bytes stored.
    pub size: u64,
    /// When it was stored.
    pub modified: Timestamp,
    /// How it is kept.
    pub encrypted: Encrypted,
    /// Which version it became; `None` for a part, and in a bucket that has never kept versions.
    pub version: Option<Version>,
    /// When it goes by itself, as the bucket's lifecycle rules are now; `None` for a part.
    pub expiry: Option<Expiry>,
}

/// A request to delete an object, or one version of it.
#[derive(Clone, Debug)]
pub struct DeleteObject {
    /// Which. A version that is named is gone for good; without one, a bucket that keeps versions gets a delete marker.
    pub of: ObjectVersion,
    /// What must be true of the current object for the deletion to happen; a version that is named must be that one then.
    pub condition: WriteCondition,
    /// Whether retentions of the mode governance count.
    pub governance: Governance,
}

impl<T: Into<ObjectVersion>> From<T> for DeleteObject {
    fn from(of: T) -> Self {
        Self {
            of: of.into(),
            condition: WriteCondition::None,
            governance: Governance::Holds,
        }
    }
}

/// What a deletion did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deleted {
    /// Whether there was what was to be deleted.
    pub existed: bool,
    /// The delete marker that was made, or the version that was removed; `None` in a bucket that has never kept versions,
    /// and if the version named was not there.
    pub version: Option<Version>,
    /// Whether that version is, or was, a delete marker.
    pub is_marker: bool,
}

/// All that is known of an object without reading its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectHead {
    /// Where it is.
    pub at: ObjectPath,
    /// Which version it is; `None` in a bucket that has never kept versions.
    pub version: Option<Version>,
    /// Bytes.
    pub size: u64,
    /// Its tag.
    pub etag: ETag,
    /// When it was stored.
    pub modified: Timestamp,
    /// What the sender put beside the bytes.
    pub headers: ObjectHeaders,
    /// Its tags.
    pub tags: Tags,
    /// Its lock.
    pub lock: Lock,
    /// Its access control list.
    pub acl: Acl,
    /// How it is kept.
    pub encrypted: Encrypted,
    /// The checksum stored with it; where a part is wanted alone, that of the part, if it has one.
    pub checksum: Option<StoredChecksum>,
    /// How many parts it was made of; `None` if it was put at once.
    pub parts: Option<u16>,
    /// When it goes by itself, as the bucket's lifecycle rules are now; `None` of a noncurrent version.
    pub expiry: Option<Expiry>,
}

/// One of the parts that an object was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectPart {
    /// Its number in the upload.
    pub number: PartNumber,
    /// Bytes.
    pub size: u64,
    /// Its checksum, where the object's is made of those of its parts.
    pub checksum: Option<Checksum>,
}

/// Which bytes of an object to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    #[default]
    Whole,
    /// A range.
    Range(ByteRange),
    /// One part of a multipart object; part 1 of any other is the whole.
    Part(PartNumber),
}

/// An object opened for reading.
pub struct OpenObject {
    /// What is known of it.
    pub head: ObjectHead,
    /// Which of its bytes follow.
    pub range: ServedRange,
    /// The bytes; an error item means that what was sent so far must not be taken for the whole.
    pub body: Body,
}

/// Keep what the source has, or take what the request brings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Directive<T> {
    /// As the source has it.
    #[default]
    Copy,
    /// As given.
    Replace(T),
}

/// A request to copy an object inside the store.
#[derive(Clone, Debug)]
pub struct CopyObject {
    /// From where.
    pub source: ObjectVersion,
    /// To where; the current version of the source itself only if `headers` replaces something.
    pub to: ObjectPath,
    /// Headers and user metadata of the copy.
    pub headers: Directive<ObjectHeaders>,
    /// Tags of the copy.
    pub tags: Directive<Tags>,
    /// The lock of the copy, which never has the source's; what is not said is as the bucket has it.
    pub lock: Lock,
    /// The access control list of the copy, which never has the source's.
    pub acl: Acl,
    /// The key of the source, if it is a customer's.
    pub source_key: Option<CustomerKey>,
    /// How the source is kept, as it was decided who may open it: what is under another named key by then is not copied. `None`
    /// for whichever is there.
    pub source_kept: Option<Encrypted>,
    /// How the copy is kept, which is never as the source is.
    pub encrypt: Encrypt,
    /// The checksum algorithm of the copy; without it the source's.
    pub checksum_algorithm: Option<ChecksumAlgorithm>,
    /// Tags of which the source must have one (`x-amz-copy-source-if-match`); empty for no condition.
    pub source_if_match: Vec<ETag>,
    /// What must be true at the destination.
    pub condition: WriteCondition,
}

/// A request to give an object another key.
#[derive(Clone, Debug)]
pub struct RenameObject {
    /// Where it is.
    pub from: ObjectPath,
    /// Its new key, in the same bucket.
    pub to: ObjectKey,
    /// The object that is meant, as it was found; one that has changed since is not renamed. `None` for whichever is there.
    pub meant: Option<Box<ObjectHead>>,
    /// What must be true at the new key.
    pub condition: WriteCondition,
    /// By what it is known again, if its client wants that.
    pub token: Option<RenameToken>,
}

/// By what a renaming is known when it is sent again, since its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenameToken {
    /// Whose it is.
    pub account: AccountId,
    /// The SHA-256 of what the client calls it.
    pub token: [u8; 32],
    /// The SHA-256 of all that is asked for.
    pub asked: [u8; 32],
}
