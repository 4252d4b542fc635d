//! Multipart uploads: requests and answers.

pub(crate) mod assemble;

use crate::{
    Body, Checksum, ChecksumAlgorithm, ChecksumKind, CustomerKey, Encrypt, Encrypted, Expect, Expiry, Lock,
    ObjectHeaders, ObjectVersion, Tags, WriteCondition,
};
use baleen_types::{AccountId, Acl, ByteRange, ETag, ObjectPath, PartNumber, Timestamp, UploadId};

/// A request to begin an upload.
#[derive(Clone, Debug)]
pub struct CreateUpload {
    /// Where the object will be.
    pub at: ObjectPath,
    /// The account that begins it; `None` if the store does itself.
    pub initiator: Option<AccountId>,
    /// What will be kept beside its bytes.
    pub headers: ObjectHeaders,
    /// The tags it will have.
    pub tags: Tags,
    /// The lock it will have; what is not said is as the bucket has it when the upload is completed.
    pub lock: Lock,
    /// The access control list it will have.
    pub acl: Acl,
    /// How its parts are kept.
    pub encrypt: Encrypt,
    /// The checksum of parts and object; without it CRC64NVME over the whole object, as AWS does.
    pub checksum_algorithm: Option<ChecksumAlgorithm>,
    /// How the object's checksum is made; without it the algorithm's usual way.
    pub checksum_kind: Option<ChecksumKind>,
}

/// Names one upload; the key must be the one it was begun with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadPath {
    /// Where the object will be.
    pub at: ObjectPath,
    /// The upload.
    pub upload: UploadId,
}

/// An unfinished upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Which.
    pub path: UploadPath,
    /// When it was begun.
    pub initiated: Timestamp,
    /// And by which account; `None` of the store's own, and of those that were begun before it was kept.
    pub initiator: Option<AccountId>,
    /// The checksum algorithm of its parts.
    pub checksum_algorithm: ChecksumAlgorithm,
    /// How the object's checksum will be made.
    pub checksum_kind: ChecksumKind,
    /// Whether the client chose the algorithm; if not, it is not echoed.
    pub checksum_chosen: bool,
    /// How its parts are kept.
    pub encrypted: Encrypted,
    /// When it is ended by itself, as the bucket's lifecycle rules are now.
    pub expiry: Option<Expiry>,
}

/// A request to store one part. A part which exists is replaced.
pub struct PutPart {
    /// Of which upload.
    pub upload: UploadPath,
    /// Its place in the object.
    pub part: PartNumber,
    /// Its bytes.
    pub body: Body,
    /// Their number, if it was announced.
    pub length: Option<u64>,
    /// The key under which the upload was begun, if it is a customer's.
    pub key: Option<CustomerKey>,
    /// What the sender said about the bytes.
    pub expect: Expect,
}

/// A request to store one part from an object of the store.
#[derive(Clone, Debug)]
pub struct CopyPart {
    /// From where.
    pub source: ObjectVersion,
    /// Which of the source's bytes; without it all. It must lie wholly inside (AWS, UploadPartCopy).
    pub range: Option<ByteRange>,
    /// Tags of which the source must have one; empty for no condition.
    pub source_if_match: Vec<ETag>,
    /// The key of the source, if it is a customer's.
    pub source_key: Option<CustomerKey>,
    /// How the source is kept, as it was decided who may open it: what is under another named key by then is not copied. `None`
    /// for whichever is there.
    pub source_kept: Option<Encrypted>,
    /// The key under which the upload was begun, if it is a customer's.
    pub key: Option<CustomerKey>,
    /// Of which upload.
    pub upload: UploadPath,
    /// Its place in the object.
    pub part: PartNumber,
}

/// One stored part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place in the object.
    pub number: PartNumber,
    /// Bytes.
    pub size: u64,
    /// Its tag.
    pub etag: ETag,
    /// When it was stored.
    pub modified: Timestamp,
    /// Its checksum in the upload's algorithm.
    pub checksum: Checksum,
    /// How it is kept.
    pub encrypted: Encrypted,
}

/// A request to make the object.
#[derive(Clone, Debug)]
pub struct CompleteUpload {
    /// Which upload.
    pub upload: UploadPath,
    /// The parts to take, in ascending order.
    pub parts: Vec<CompletedPart>,
    /// The whole object's checksum, as the client knows it; with the number of parts if it is composite.
    pub checksum: Option<Checksum>,
    /// How that is made, as the client knows it.
    pub checksum_kind: Option<ChecksumKind>,
    /// The whole object's size, as the client knows it.
    pub size: Option<u64>,
    /// The key under which the upload was begun, if it is a customer's and is sent once more; it has to be that key then.
    pub key: Option<CustomerKey>,
    /// What must be true of the object which is there now.
    pub condition: WriteCondition,
}

/// One line of a complete request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedPart {
    /// The part.
    pub number: PartNumber,
    /// The tag it was answered with.
    pub etag: ETag,
    /// Its checksum, if the client sends one.
    pub checksum: Option<Checksum>,
}

/// A request for one page of an upload's parts.
#[derive(Clone, Debug)]
pub struct ListParts {
    /// Of which upload.
    pub upload: UploadPath,
    /// Only parts above this number; 0 for all.
    pub after: u16,
    /// At most so many.
    pub max_parts: usize,
}

/// One page of parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartsPage {
    /// The upload itself.
    pub upload: Upload,
    /// Its parts, ascending.
    pub parts: Vec<Part>,
    /// Where to go on; `None` means that this was the last page.
    pub next: Option<u16>,
}
