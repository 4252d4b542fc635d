//! What access control lists give.
//!
//! A list gives what a statement of the bucket's policy would: to an account, which leaves the rest to its own policies, or to
//! everyone. It never takes anything away, so that whatever denies wins over it.

use crate::document::Reach;
use crate::{Action, Caller};
use baleen_types::{Acl, Grant, Grantee, Permission};

/// The lists that count for a question; none where ownership says that lists do not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Acls<'a> {
    /// The bucket's.
    pub bucket: Option<&'a Acl>,
    /// The object's.
    pub object: Option<&'a Acl>,
}

/// Whose list counts for an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclOf {
    /// The bucket's.
    Bucket,
    /// The object's.
    Object,
}

impl Acls<'_> {
    /// How far the lists give an action to who asks.
    pub(crate) fn reach(self, action: Action, caller: Option<&Caller>) -> Reach {
        let Some((of, needed)) = needed(action) else {
            return Reach::Nowhere;
        };
        let list = match of {
            AclOf::Bucket => self.bucket,
            AclOf::Object => self.object,
        };
        let grants = list.map(Acl::grants).unwrap_or_default().iter();
        let fitting = grants.filter(|grant| grant.permission.includes(needed));
        fitting.map(|grant| reach(*grant, caller)).max().unwrap_or_default()
    }
}

fn reach(grant: Grant, caller: Option<&Caller>) -> Reach {
    match (grant.to, caller) {
        (Grantee::Everyone, _) | (Grantee::AnyAccount, Some(_)) => Reach::Caller,
        (Grantee::Account(account), Some(caller)) if caller.user.account == account => Reach::Account,
        (Grantee::Account(_) | Grantee::AnyAccount | Grantee::LogDelivery, _) => Reach::Nowhere,
    }
}

/// Whose list can give an action, if one can.
#[must_use]
pub fn acl_of(action: Action) -> Option<AclOf> {
    needed(action).map(|(of, _)| of)
}

/// The permission for an action (AWS, "Mapping of ACL permissions and access policy permissions").
fn needed(action: Action) -> Option<(AclOf, Permission)> {
    use Action as A;
    Some(match action {
        A::S3ListBucket | A::S3ListBucketVersions | A::S3ListBucketMultipartUploads => {
            (AclOf::Bucket, Permission::Read)
        }
        A::S3PutObject | A::S3DeleteObject => (AclOf::Bucket, Permission::Write),
        A::S3GetBucketAcl => (AclOf::Bucket, Permission::ReadAcl),
        A::S3PutBucketAcl => (AclOf::Bucket, Permission::WriteAcl),
        A::S3GetObject | A::S3GetObjectVersion => (AclOf::Object, Permission::Read),
        A::S3GetObjectAcl | A::S3GetObjectVersionAcl => (AclOf::Object, Permission::ReadAcl),
        A::S3PutObjectAcl | A::S3PutObjectVersionAcl => (AclOf::Object, Permission::WriteAcl),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{account, caller};

    /// A permission gives what it is for on what the list is of, and nothing else.
    #[test]
    fn each_permission_gives_its_actions_alone() {
        let everyone = |permission| {
            Acl::new(vec![Grant {
                to: Grantee::Everyone,
                permission,
            }])
            .unwrap()
        };
        let given = |permission, of| {
            let acl = everyone(permission);
            let (bucket, object) = match of {
                AclOf::Bucket => (Some(&acl), None),
                AclOf::Object => (None, Some(&acl)),
            };
            let acls = Acls { bucket, object };
            let given = Action::ALL
                .iter()
                .filter(|action| acls.reach(**action, None) == Reach::Caller);
            let names: Vec<_> = given.map(|action| action.name().trim_start_matches("s3:")).collect();
            names.join(" ")
        };
        for (permission, bucket, object) in [
            (
                Permission::Read,
                "ListBucket ListBucketVersions ListBucketMultipartUploads",
                "GetObject GetObjectVersion",
            ),
            (Permission::Write, "PutObject DeleteObject", ""),
            (Permission::ReadAcl, "GetBucketAcl", "GetObjectAcl GetObjectVersionAcl"),
            (Permission::WriteAcl, "PutBucketAcl", "PutObjectAcl PutObjectVersionAcl"),
            (
                Permission::FullControl,
                "ListBucket ListBucketVersions ListBucketMultipartUploads GetBucketAcl PutBucketAcl PutObject DeleteObject",
                "GetObject GetObjectVersion GetObjectAcl GetObjectVersionAcl PutObjectAcl PutObjectVersionAcl",
            ),
        ] {
            assert_eq!(given(permission, AclOf::Bucket), bucket, "{permission:?}");
            assert_eq!(given(permission, AclOf::Object), object, "{permission:?}");
        }
    }

    #[test]
    fn grants_reach_whom_they_name() {
        let others = Grantee::Account(account(2));
        for (to, nobody, own, other) in [
            (Grantee::Everyone, Reach::Caller, Reach::Caller, Reach::Caller),
            (Grantee::AnyAccount, Reach::Nowhere, Reach::Caller, Reach::Caller),
            // An account leaves the rest to its own policies.
            (
                Grantee::Account(account(1)),
                Reach::Nowhere,
                Reach::Account,
                Reach::Nowhere,
            ),
            (others, Reach::Nowhere, Reach::Nowhere, Reach::Account),
            (Grantee::LogDelivery, Reach::Nowhere, Reach::Nowhere, Reach::Nowhere),
        ] {
            let grant = Grant {
                to,
                permission: Permission::Read,
            };
            let (bob, fay) = (caller("bob").unwrap(), caller("foreign").unwrap());
            let found = [None, Some(&bob), Some(&fay)].map(|caller| reach(grant, caller));
            assert_eq!(found, [nobody, own, other], "{to:?}");
        }
    }
}
