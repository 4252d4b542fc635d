//! What is stored of access control lists.

use crate::ObjectError;
use baleen_types::{AccountId, Acl, Grant, Grantee, Permission};
use serde::{Deserialize, Serialize};

/// [`Acl`] as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AclRecord(Vec<(GranteeRecord, PermissionRecord)>);

/// [`Grantee`] as it is stored: the order is the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum GranteeRecord {
    Account(u64),
    Everyone,
    AnyAccount,
    LogDelivery,
}

/// [`Permission`] as it is stored: the order is the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum PermissionRecord {
    FullControl,
    Write,
    WriteAcl,
    Read,
    ReadAcl,
}

mirrors!(PermissionRecord, Permission: FullControl, Write, WriteAcl, Read, ReadAcl);

impl From<&Acl> for AclRecord {
    fn from(acl: &Acl) -> Self {
        let grant = |grant: &Grant| {
            let to = match grant.to {
                Grantee::Account(account) => GranteeRecord::Account(account.as_u64()),
                Grantee::Everyone => GranteeRecord::Everyone,
                Grantee::AnyAccount => GranteeRecord::AnyAccount,
                Grantee::LogDelivery => GranteeRecord::LogDelivery,
            };
            (to, grant.permission.into())
        };
        Self(acl.grants().iter().map(grant).collect())
    }
}

impl AclRecord {
    pub(crate) fn acl(&self) -> Result<Acl, ObjectError> {
        let grant = |(to, permission): &(GranteeRecord, PermissionRecord)| {
            let to = match *to {
                GranteeRecord::Account(account) => {
                    Grantee::Account(AccountId::from_u64(account).map_err(ObjectError::corrupt)?)
                }
                GranteeRecord::Everyone => Grantee::Everyone,
                GranteeRecord::AnyAccount => Grantee::AnyAccount,
                GranteeRecord::LogDelivery => Grantee::LogDelivery,
            };
            let permission = (*permission).into();
            Ok(Grant { to, permission })
        };
        let grants: Result<_, ObjectError> = self.0.iter().map(grant).collect();
        Acl::new(grants?).map_err(ObjectError::corrupt)
    }
}
