//! What is acted on, with as much of its owner as is known before anything acts.

use crate::{Acls, Policy, Role, User};
use baleen_types::{AccountId, BucketName, ObjectKey, ProjectId, RegionName, UserId, UserName};

/// What an operation acts on.
#[derive(Clone, Copy, Debug)]
pub enum Resource<'a> {
    /// What belongs to the asking account itself (its list of buckets, a bucket about to be made, its users as a whole).
    OwnAccount,
    /// What the customer has behind a capture door, where the request names it by its 32-hex id.
    Project(ProjectId),
    /// One thing of a customer behind a capture door: `arn:aws:{service of the action}:::{path}`.
    Item {
        /// Whose it is.
        project: ProjectId,
        /// Its place in the service, such as `capture/{id}`.
        path: &'a str,
    },
    /// A bucket.
    Bucket(BucketFacts<'a>),
    /// An object, which need not exist.
    Object(BucketFacts<'a>, &'a ObjectKey),
    /// A named key that objects are encrypted under, which need not exist.
    EncryptionKey(KeyFacts<'a>),
    /// A user as something that is managed.
    User(UserFacts<'a>),
    /// A managed policy, which need not exist.
    Policy(PolicyFacts<'a>),
    /// All customers of the asking reseller, or one about to be made.
    Customers,
    /// One customer as something that is managed.
    Customer(CustomerFacts),
    /// A rule of a customer's whitelist.
    WhitelistRule {
        /// Whose whitelist.
        of: CustomerFacts,
        /// Whether it is in force, which only a reseller ends.
        is_active: bool,
    },
}

/// What is known of a bucket.
#[derive(Clone, Copy, Debug)]
pub struct BucketFacts<'a> {
    /// The bucket.
    pub name: &'a BucketName,
    /// The account that owns it; `None` when there is no such bucket, which a known user may learn.
    pub owner: Option<AccountId>,
    /// Its policy, if it has one.
    pub policy: Option<&'a Policy>,
    /// The access control lists that count.
    pub acls: Acls<'a>,
}

impl<'a> BucketFacts<'a> {
    /// A bucket that is not there.
    pub fn absent(name: &'a BucketName) -> Self {
        Self {
            name,
            owner: None,
            policy: None,
            acls: Acls::default(),
        }
    }
}

/// What is known of a named key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyFacts<'a> {
    /// Whose it is.
    pub account: AccountId,
    /// Where it is.
    pub region: &'a RegionName,
    /// Its name.
    pub name: &'a str,
    /// Whether it is the key that an account has of itself, for what names no other. It is for all of the account: what they may
    /// do with it is what they may do with the object (AWS, the policy of the managed key `aws/s3`).
    pub is_managed: bool,
}

/// What is known of a user that is acted on.
#[derive(Clone, Copy, Debug)]
pub struct UserFacts<'a> {
    /// The account.
    pub account: AccountId,
    /// The name.
    pub name: &'a UserName,
    /// The path.
    pub path: &'a str,
    /// Id and role; `None` when there is no such user, which who may manage users may learn.
    pub found: Option<(UserId, Role)>,
}

impl<'a> UserFacts<'a> {
    /// A user that is not there, or not yet.
    pub fn absent(account: AccountId, name: &'a UserName, path: &'a str) -> Self {
        Self {
            account,
            name,
            path,
            found: None,
        }
    }
}

impl<'a> From<&'a User> for UserFacts<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            account: user.account,
            name: &user.name,
            path: &user.path,
            found: Some((user.id, user.role)),
        }
    }
}

/// What is known of a managed policy that is acted on.
#[derive(Clone, Copy, Debug)]
pub struct PolicyFacts<'a> {
    /// The account.
    pub account: AccountId,
    /// The path.
    pub path: &'a str,
    /// The name.
    pub name: &'a str,
    /// Whether it is attached to who asks, who may then read it.
    pub is_attached: bool,
}

/// What is known of a customer that is acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CustomerFacts {
    /// The customer.
    pub account: AccountId,
    /// The account of the reseller that manages it.
    pub reseller: AccountId,
}
