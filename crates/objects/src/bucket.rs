//! Buckets: requests and answers.

use crate::{ObjectLock, Settled, Versioning};
use baleen_types::{AccountId, BucketName, RegionName, Timestamp};

/// A request to make a bucket.
#[derive(Clone, Debug)]
pub struct CreateBucket {
    /// The account it will belong to.
    pub owner: AccountId,
    /// Its name, unique over all accounts.
    pub name: BucketName,
    /// Where its objects are to live.
    pub region: RegionName,
    /// Whether versions in it can be locked, which cannot be taken back; it keeps versions then.
    pub object_lock: bool,
}

/// How the names begin that are kept for the captures of accounts.
const CAPTURES_PREFIX: &str = "baleen-captures-";

/// The name of the bucket in which an account's captures are kept that name no other: `baleen-captures-` and the account's
/// digits. To other accounts it is taken, also before it is made, so that nobody waits in it for what is somebody else's.
pub fn captures_bucket(account: AccountId) -> BucketName {
    BucketName::parse(&format!("{CAPTURES_PREFIX}{account}")).expect("28 letters, digits and hyphens are a name")
}

/// The account for which a name is kept, if it is.
pub(crate) fn kept_for(name: &BucketName) -> Option<AccountId> {
    AccountId::parse(name.as_str().strip_prefix(CAPTURES_PREFIX)?).ok()
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: BucketName,
    /// The account it belongs to.
    pub owner: AccountId,
    /// Where its objects live.
    pub region: RegionName,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it keeps versions.
    pub versioning: Versioning,
    /// How versions in it are locked; `None` if they cannot be.
    pub object_lock: Option<ObjectLock>,
    /// Which settings it has.
    pub settings: Settled,
}

/// What an account has stored now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountUsage {
    /// Number of buckets.
    pub buckets: u64,
    /// Number of objects in them, each version for itself.
    pub objects: u64,
    /// Sum of their sizes; parts of unfinished uploads are not in it.
    pub bytes: u64,
}

/// What a bucket holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketUsage {
    /// Number of objects, each version for itself; delete markers are none.
    pub objects: u64,
    /// Sum of their sizes; parts of unfinished uploads are not in it.
    pub bytes: u64,
    /// Those of the objects which are not the current version of their key.
    pub noncurrent_objects: u64,
    /// The sum of their sizes.
    pub noncurrent_bytes: u64,
}
