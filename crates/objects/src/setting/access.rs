//! Settings that say who may: the policy of a bucket, what of public access is blocked, whose its objects are.

use super::setting;
use crate::ObjectError;
use crate::records::AclRecord;
use baleen_types::Acl;
use serde::{Deserialize, Serialize};

/// The policy of a bucket: the document as it was given, to be given back byte for byte. That it is one, and what it says,
/// is for who decides by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketPolicy {
    /// The document.
    pub document: String,
}

setting!(BucketPolicy, "bucket policy", Policy);

/// What of public access to a bucket, or to all of an account, is blocked (AWS, "Blocking public access", "Block public access settings").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "AWS's four switches, each by itself")]
pub struct PublicAccessBlock {
    /// Access control lists that are public are refused.
    pub block_public_acls: bool,
    /// Those that are there do not count.
    pub ignore_public_acls: bool,
    /// Policies that are public are refused.
    pub block_public_policy: bool,
    /// A policy that is public holds for the owner's account only.
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// All of it.
    pub const ALL: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };

    /// What one of both blocks.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            block_public_acls: self.block_public_acls || other.block_public_acls,
            ignore_public_acls: self.ignore_public_acls || other.ignore_public_acls,
            block_public_policy: self.block_public_policy || other.block_public_policy,
            restrict_public_buckets: self.restrict_public_buckets || other.restrict_public_buckets,
        }
    }
}

setting!(PublicAccessBlock, "public access block", PublicAccessBlock);

/// Whose the objects of a bucket are, and whether access control lists count. The order is the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ObjectOwnership {
    /// The bucket owner's; there are no lists.
    #[default]
    BucketOwnerEnforced,
    /// The bucket owner's, if their writer says so by a list.
    BucketOwnerPreferred,
    /// Their writer's.
    ObjectWriter,
    /// It was said, and taken back: as with AWS, lists count then.
    Unsaid,
}

impl ObjectOwnership {
    /// Whether access control lists count.
    #[must_use]
    pub fn lists_count(self) -> bool {
        self != Self::BucketOwnerEnforced
    }
}

setting!(ObjectOwnership, "object ownership", Ownership);

/// The access control list of a bucket. It counts where ownership says that lists do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketAcl(AclRecord);

setting!(BucketAcl, "bucket access control list", Acl);

impl From<&Acl> for BucketAcl {
    fn from(acl: &Acl) -> Self {
        Self(acl.into())
    }
}

impl BucketAcl {
    /// The list.
    ///
    /// # Errors
    /// [`ObjectError::Corrupt`].
    pub fn acl(&self) -> Result<Acl, ObjectError> {
        self.0.acl()
    }
}
