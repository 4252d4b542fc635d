//! Access control lists between headers, documents and our types (AWS, "Access control list (ACL) overview").

use baleen_objects::ObjectOwnership;
use baleen_types::{AccountId, Acl, Grant, Grantee, Permission};
use http::{HeaderMap, StatusCode};
use s3s::dto::{self, AccessControlPolicy, Type};

use crate::access::Call;
use crate::convert::owner;
use crate::fault::Fault;
use crate::header;
use crate::services::Services;

/// What a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Bucket,
    Object,
}

const EVERYONE: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const ANY_ACCOUNT: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

/// Headers with what they grant.
const GRANTS: [(&str, Permission); 5] = [
    ("x-amz-grant-full-control", Permission::FullControl),
    ("x-amz-grant-write", Permission::Write),
    ("x-amz-grant-write-acp", Permission::WriteAcl),
    ("x-amz-grant-read", Permission::Read),
    ("x-amz-grant-read-acp", Permission::ReadAcl),
];

/// The list that what nobody has said anything of has.
pub(super) fn private(owner: AccountId) -> Acl {
    let grant = Grant {
        to: Grantee::Account(owner),
        permission: Permission::FullControl,
    };
    Acl::new(vec![grant]).unwrap_or_default()
}

/// Whether headers grant something one by one.
pub(super) fn grants_by_header(headers: &HeaderMap) -> bool {
    GRANTS.iter().any(|(name, _)| header::value(headers, name).is_some())
}

/// The list that the headers of a request give; `None` if they give none.
pub(super) fn of_headers(headers: &HeaderMap, of: Of, owner: AccountId) -> Result<Option<Acl>, Fault> {
    let canned = header::value(headers, "x-amz-acl").map(|value| value.to_str().unwrap_or_default());
    match (canned, grants_by_header(headers)) {
        (None, false) => Ok(None),
        (Some(name), false) => Ok(Some(canned_list(name, of, owner)?)),
        (None, true) => {
            let mut grants = Vec::new();
            for (name, permission) in GRANTS {
                for value in headers.get_all(name) {
                    for to in grantees(value.to_str().unwrap_or_default())? {
                        grants.push(Grant { to, permission });
                    }
                }
            }
            Ok(Some(Acl::new(grants)?))
        }
        (Some(_), true) => Err(Fault::invalid_request(
            "Specifying both Canned ACLs and Header Grants is not allowed",
        )),
    }
}

/// The list that a request to set one gives, by its headers or its document.
pub(super) fn asked(
    headers: &HeaderMap,
    document: Option<AccessControlPolicy>,
    of: Of,
    owner: AccountId,
) -> Result<Acl, Fault> {
    match (of_headers(headers, of, owner)?, document) {
        (Some(acl), None) => Ok(acl),
        (None, Some(document)) => of_document(document, owner),
        (Some(_), Some(_)) => Err(Fault::new(
            "UnexpectedContent",
            StatusCode::BAD_REQUEST,
            "This request does not support content.",
        )),
        (None, None) => Err(Fault::new(
            "MissingSecurityHeader",
            StatusCode::BAD_REQUEST,
            "Your request was missing a required header.",
        )),
    }
}

/// A list by its name (AWS, "Canned ACL").
fn canned_list(name: &str, of: Of, owner: AccountId) -> Result<Acl, Fault> {
    let more: &[(Grantee, Permission)] = match (name, of) {
        // Its objects are the bucket owner's, whoever wrote them.
        ("private", _) | ("bucket-owner-read" | "bucket-owner-full-control", Of::Object) => &[],
        ("public-read", _) => &[(Grantee::Everyone, Permission::Read)],
        ("public-read-write", _) => &[
            (Grantee::Everyone, Permission::Read),
            (Grantee::Everyone, Permission::Write),
        ],
        ("authenticated-read", _) => &[(Grantee::AnyAccount, Permission::Read)],
        ("log-delivery-write", Of::Bucket) => &[
            (Grantee::LogDelivery, Permission::Write),
            (Grantee::LogDelivery, Permission::ReadAcl),
        ],
        _ => {
            return Err(Fault::invalid_argument(format!(
                "The canned ACL {name:?} is not known."
            )));
        }
    };
    let more = more.iter().map(|&(to, permission)| Grant { to, permission });
    Ok(Acl::new(private(owner).grants().iter().copied().chain(more).collect())?)
}

/// Whom a header names: `id="100000000288", uri="http://…"`.
fn grantees(text: &str) -> Result<Vec<Grantee>, Fault> {
    let named = text.split(',').map(|one| {
        let (kind, value) = one
            .trim()
            .split_once('=')
            .ok_or_else(|| Fault::invalid_argument("A grant names its grantees as id=\"…\" or uri=\"…\"."))?;
        let value = value.trim().trim_matches('"');
        match kind.trim().to_ascii_lowercase().as_str() {
            "id" => account(value),
            "uri" => group(value),
            "emailaddress" => Err(no_such_address()),
            _ => Err(Fault::invalid_argument("A grantee is an id, a uri or an emailAddress.")),
        }
    });
    named.collect()
}

fn account(id: &str) -> Result<Grantee, Fault> {
    AccountId::parse(id)
        .map(Grantee::Account)
        .map_err(|_| Fault::invalid_argument("Invalid id"))
}

fn group(uri: &str) -> Result<Grantee, Fault> {
    match uri {
        EVERYONE => Ok(Grantee::Everyone),
        ANY_ACCOUNT => Ok(Grantee::AnyAccount),
        LOG_DELIVERY => Ok(Grantee::LogDelivery),
        _ => Err(Fault::invalid_argument("Invalid group uri")),
    }
}

fn no_such_address() -> Fault {
    Fault::new(
        "UnresolvableGrantByEmailAddress",
        StatusCode::BAD_REQUEST,
        "Accounts are not found by e-mail address here; name the account by its id.",
    )
}

fn of_document(document: AccessControlPolicy, owner: AccountId) -> Result<Acl, Fault> {
    // Nobody gives away what is the owner's (AWS, PutBucketAcl).
    let named = document.owner.and_then(|owner| owner.id);
    if named.is_some_and(|id| id != owner.to_string()) {
        return Err(Fault::access_denied());
    }
    let malformed = || {
        Fault::malformed_xml(
            "The XML you provided was not well-formed or did not validate against our published schema.",
        )
    };
    let grants = document.grants.ok_or_else(malformed)?;
    let grants = grants.into_iter().map(|grant| {
        let (grantee, permission) = grant.grantee.zip(grant.permission).ok_or_else(malformed)?;
        let to = match (grantee.type_.as_str(), &grantee.id, &grantee.uri) {
            (Type::CANONICAL_USER, Some(id), _) => account(id)?,
            (Type::GROUP, _, Some(uri)) => group(uri)?,
            (Type::AMAZON_CUSTOMER_BY_EMAIL, ..) => return Err(no_such_address()),
            _ => return Err(malformed()),
        };
        let permission = match permission.as_str() {
            dto::Permission::FULL_CONTROL => Permission::FullControl,
            dto::Permission::WRITE => Permission::Write,
            dto::Permission::WRITE_ACP => Permission::WriteAcl,
            dto::Permission::READ => Permission::Read,
            dto::Permission::READ_ACP => Permission::ReadAcl,
            _ => return Err(malformed()),
        };
        Ok(Grant { to, permission })
    });
    Ok(Acl::new(grants.collect::<Result<_, Fault>>()?)?)
}

/// The grants of a list for a document.
pub(super) fn document(acl: &Acl) -> dto::Grants {
    let grant = |grant: &Grant| {
        let nobody = dto::Grantee {
            display_name: None,
            email_address: None,
            id: None,
            type_: Type::from_static(Type::GROUP),
            uri: None,
        };
        let group = |uri: &str| dto::Grantee {
            uri: Some(uri.to_owned()),
            ..nobody.clone()
        };
        let grantee = match grant.to {
            Grantee::Account(account) => {
                let named = owner(account);
                dto::Grantee {
                    display_name: named.display_name,
                    id: named.id,
                    type_: Type::from_static(Type::CANONICAL_USER),
                    ..nobody
                }
            }
            Grantee::Everyone => group(EVERYONE),
            Grantee::AnyAccount => group(ANY_ACCOUNT),
            Grantee::LogDelivery => group(LOG_DELIVERY),
        };
        let permission = match grant.permission {
            Permission::FullControl => dto::Permission::FULL_CONTROL,
            Permission::Write => dto::Permission::WRITE,
            Permission::WriteAcl => dto::Permission::WRITE_ACP,
            Permission::Read => dto::Permission::READ,
            Permission::ReadAcl => dto::Permission::READ_ACP,
        };
        dto::Grant {
            grantee: Some(grantee),
            permission: Some(dto::Permission::from_static(permission)),
        }
    };
    acl.grants().iter().map(grant).collect()
}

/// Refuses a list that is public where such lists are blocked.
pub(super) async fn check_block(services: &Services, call: &Call, acl: &Acl) -> Result<(), Fault> {
    if !acl.is_public() {
        return Ok(());
    }
    let block = services
        .policies
        .block_of(call.bucket_name()?, call.bucket_owner()?)
        .await?;
    if block.block_public_acls {
        return Err(Fault::access_denied());
    }
    Ok(())
}

/// The list that a request gives a new object.
pub(crate) async fn of_new_object(services: &Services, call: &Call, headers: &HeaderMap) -> Result<Acl, Fault> {
    let owner = call.bucket_owner()?;
    let Some(acl) = of_headers(headers, Of::Object, owner)? else {
        return Ok(Acl::default());
    };
    if call.lists_count() {
        check_block(services, call, &acl).await?;
        Ok(acl)
    } else if acl.is_of_others_than(owner) {
        Err(not_supported())
    } else {
        Ok(Acl::default())
    }
}

/// Ownership by its name.
pub(super) fn ownership(name: &str) -> Option<ObjectOwnership> {
    use dto::ObjectOwnership as Wire;
    Some(match name {
        Wire::BUCKET_OWNER_ENFORCED => ObjectOwnership::BucketOwnerEnforced,
        Wire::BUCKET_OWNER_PREFERRED => ObjectOwnership::BucketOwnerPreferred,
        Wire::OBJECT_WRITER => ObjectOwnership::ObjectWriter,
        _ => return None,
    })
}

/// The answer to who wants both lists and an ownership by which they do not count.
pub(super) fn owner_enforced() -> Fault {
    Fault::new(
        "InvalidBucketAclWithObjectOwnership",
        StatusCode::BAD_REQUEST,
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    )
}

/// The answer where lists do not count.
pub(super) fn not_supported() -> Fault {
    Fault::new(
        "AccessControlListNotSupported",
        StatusCode::BAD_REQUEST,
        "The bucket does not allow ACLs",
    )
}

#[cfg(test)]
mod tests;
