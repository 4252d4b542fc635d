//! Access control lists.

use crate::{AccountId, Invalid};

/// Most grants of a list (AWS, "Access control list (ACL) overview": "An ACL can have up to 100 grants").
pub const ACL_GRANTS_MAX: usize = 100;

/// Whom else than by policies a bucket or an object is open to. The owner, who has everything anyway, need not be on it.
///
/// ```
/// use baleen_types::{Acl, Grant, Grantee, Permission};
/// let grant = Grant { to: Grantee::Everyone, permission: Permission::Read };
/// assert!(Acl::new(vec![grant; 100]).is_ok());
/// assert!(Acl::new(vec![grant; 101]).is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl(Vec<Grant>);

/// One line of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// To whom.
    pub to: Grantee,
    /// What.
    pub permission: Permission,
}

/// To whom something is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grantee {
    /// An account.
    Account(AccountId),
    /// The group AllUsers: everyone, also without credentials.
    Everyone,
    /// The group AuthenticatedUsers: everyone with credentials of whatever account.
    AnyAccount,
    /// The group LogDelivery: what writes access logs.
    LogDelivery,
}

/// What is granted (AWS, "What permissions can I grant?").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// All that follow.
    FullControl,
    /// To write and delete the objects of a bucket.
    Write,
    /// To change the list.
    WriteAcl,
    /// To list a bucket, or to read an object.
    Read,
    /// To read the list.
    ReadAcl,
}

impl Acl {
    /// A list of these grants.
    ///
    /// # Errors
    /// More than [`ACL_GRANTS_MAX`].
    pub fn new(grants: Vec<Grant>) -> Result<Self, Invalid> {
        if grants.len() > ACL_GRANTS_MAX {
            let why = format!("it has {} grants, of which {ACL_GRANTS_MAX} are allowed", grants.len());
            return Err(Invalid::new("access control list", why));
        }
        Ok(Self(grants))
    }

    /// The grants, in their order.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.0
    }

    /// Whether a list grants something to people without an account, or of whatever account (AWS, "The meaning of public").
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.0.iter().any(|grant| grant.to.is_public())
    }

    /// The list as far as it is not public.
    #[must_use]
    pub fn without_public(&self) -> Self {
        Self(self.0.iter().filter(|grant| !grant.to.is_public()).copied().collect())
    }

    /// Whether the list grants something to others than an account.
    #[must_use]
    pub fn is_of_others_than(&self, owner: AccountId) -> bool {
        self.0.iter().any(|grant| grant.to != Grantee::Account(owner))
    }
}

impl Grantee {
    fn is_public(self) -> bool {
        matches!(self, Self::Everyone | Self::AnyAccount)
    }
}

impl Permission {
    /// Whether to have it is to have another.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        self == Self::FullControl || self == other
    }
}
