//! The vocabulary of Baleen: ids, names, sizes, ranges, times and fault kinds.
//!
//! Each limit of the source documents is one type with one fallible constructor, so that a value which exists is a value
//! which is allowed. Nothing here does IO, is `async`, or knows another Baleen crate.

mod acl;
mod etag;
mod fault;
mod id;
mod link;
mod name;
mod range;
mod secret;
mod size;
mod timestamp;

pub use acl::{ACL_GRANTS_MAX, Acl, Grant, Grantee, Permission};
pub use etag::ETag;
pub use fault::{Classify, FaultKind, causes};
pub use id::{
    AccessKeyId, AccountId, AgentId, CaptureId, OwnershipId, ProjectId, RequestId, ScheduleId, UploadId, UserId,
    VersionId,
};
pub use link::{BpfInstruction, LinkType, VlanTag};
pub use name::{
    BucketName, CustomerName, EmailAddress, OBJECT_KEY_BYTES_MAX, ObjectKey, ObjectPath, RegionName, RootName,
    SiteName, UserName,
};
pub use range::{ByteRange, ServedRange};
pub use secret::Secret;
pub use size::{PART_NUMBER_MAX, PartNumber, format_bytes};
pub use timestamp::Timestamp;

/// A value from outside that does not fit its type; says which type, and what would fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The type that refused, in the words of the glossary ("bucket name").
    pub what: &'static str,
    /// What is wrong and what would be right, for the person who sent it. Never repeats a secret.
    pub why: String,
}

impl Invalid {
    /// Makes the refusal of one value.
    pub fn new(what: &'static str, why: impl Into<String>) -> Self {
        Self { what, why: why.into() }
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "invalid {}: {}", self.what, self.why)
    }
}

impl std::error::Error for Invalid {}

impl Classify for Invalid {
    fn kind(&self) -> FaultKind {
        FaultKind::Invalid
    }
}
