//! What several answers have in common.

use crate::fault::Fault;
use crate::fields::{unfit, violation};
use crate::limits::REGIONS_MAX;
use crate::params::Params;
use crate::xml::Xml;
use baleen_iam::login::LoginState;
use baleen_iam::{AuthMethod, OpenedSession, Page, PolicyInfo, UserInfo, VersionInfo};
use baleen_policy::Role;
use baleen_types::{RegionName, RequestId, RootName, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use serde_json::{Value, json};

/// A user's members (service model iam, "User").
pub(crate) fn user(xml: &mut Xml, user: &UserInfo, last_login: Option<Timestamp>) {
    xml.text("Path", &user.path);
    xml.text("UserName", &user.name);
    xml.text("UserId", user.id);
    xml.text("Arn", user.arn());
    xml.text("CreateDate", user.created.to_rfc3339_millis());
    xml.maybe("PasswordLastUsed", last_login.map(Timestamp::to_rfc3339_millis));
}

/// Tags, which AWS writes for one user and leaves out of lists.
pub(crate) fn tags(xml: &mut Xml, tags: &[(String, String)]) {
    xml.list("Tags", tags, |xml, (key, value)| {
        xml.text("Key", key);
        xml.text("Value", value);
    });
}

/// The end of a list: whether there is more, and how to ask for it.
pub(crate) fn page_end<T>(xml: &mut Xml, page: &Page<T>) {
    list_end(xml, page.next.as_deref());
}

/// The end of a list behind which the next page begins at `marker`.
pub(crate) fn list_end(xml: &mut Xml, marker: Option<&str>) {
    xml.text("IsTruncated", marker.is_some());
    xml.maybe("Marker", marker);
}

/// A managed policy's members (service model iam, "Policy").
pub(crate) fn policy(xml: &mut Xml, policy: &PolicyInfo) {
    xml.text("PolicyName", &policy.name);
    xml.text("PolicyId", &policy.id);
    xml.text("Arn", policy.arn());
    xml.text("Path", &policy.path);
    xml.text("DefaultVersionId", policy.default_version);
    xml.text("AttachmentCount", policy.attachments);
    xml.text("PermissionsBoundaryUsageCount", 0);
    xml.text("IsAttachable", true);
    xml.text("Description", &policy.description);
    xml.text("CreateDate", policy.created.to_rfc3339_millis());
    xml.text("UpdateDate", policy.updated.to_rfc3339_millis());
}

/// A version of a policy (service model iam, "PolicyVersion").
pub(crate) fn policy_version(xml: &mut Xml, version: &VersionInfo) {
    xml.text("VersionId", version.number);
    xml.text("IsDefaultVersion", version.is_default);
    xml.text("CreateDate", version.created.to_rfc3339_millis());
}

/// The members of a name and its document. AWS percent-encodes documents, and clients decode them whether they are or not
/// (identity contract, 7.2).
pub(crate) fn document(xml: &mut Xml, name: &str, document: &str) {
    xml.text(name, percent_encoding::utf8_percent_encode(document, UNRESERVED));
}

/// What RFC 3986 leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The regions of a request: `Regions=A,B`, a JSON list, or `Regions.member.N` (identity contract, section 4). An empty
/// text is the empty list, which means all regions.
pub(crate) fn regions(params: &Params) -> Result<Option<Vec<RegionName>>, Fault> {
    let given = params.get("Regions");
    let members = params.members("Regions", REGIONS_MAX)?;
    let names: Vec<String> = match given {
        None if members.is_empty() => return Ok(None),
        None => members.into_iter().map(str::to_owned).collect(),
        Some(_) if !members.is_empty() => return Err(violation("Regions", "it must be given in one form")),
        Some(text) if text.trim_start().starts_with('[') => {
            serde_json::from_str(text).map_err(|_| violation("Regions", "Member must be a list of names in JSON"))?
        }
        Some(text) => text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect(),
    };
    if names.len() > REGIONS_MAX {
        return Err(violation(
            "Regions",
            format!("Member must have length less than or equal to {REGIONS_MAX}"),
        ));
    }
    let parse = |name: &String| RegionName::parse(name).map_err(|invalid| unfit("Regions", &invalid));
    names.iter().map(parse).collect::<Result<_, _>>().map(Some)
}

/// The time of something that never was, as the document prints it.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// When something was last, as the document prints it.
pub(crate) fn last(at: Option<Timestamp>) -> String {
    at.map_or_else(|| NEVER.to_owned(), Timestamp::to_rfc3339_millis)
}

/// A user as the document's own actions write it, below the name of its root, which RSGetUserInfo prints without the
/// reseller's (seed 004, "RSGetUserInfo" and "RSLogin").
pub(crate) fn user_info(user: &UserInfo, login: LoginState, root: &str) -> Value {
    let role = match user.role {
        Role::Root => "root",
        Role::Admin => "admin",
        Role::User => "user",
    };
    let method = match user.auth {
        AuthMethod::Password => "password",
        AuthMethod::Federated => "federated",
    };
    json!({
        "Id": user.id.to_string(),
        "Name": user.name.as_str(),
        "PwdMustChange": user.must_change_password,
        "Email": user.name.as_str(),
        "Firstname": user.first_name,
        "Lastname": user.last_name,
        "Type": role,
        "CreatedOn": user.created.to_rfc3339_millis(),
        "LastAccess": last(login.last_login),
        "Path": user.path,
        "Root": root,
        "AuthMethod": method,
        "TFAEnabled": login.has_second_factor,
    })
}

/// What a login answers (seed 004, "RSLogin"). Its keys need no session token.
pub(crate) fn logged_in(
    id: RequestId,
    user: &UserInfo,
    login: LoginState,
    root: &RootName,
    session: &OpenedSession,
) -> Value {
    json!({
        "RequestId": id.to_string(),
        "Credentials": {
            "SessionToken": "",
            "SecretAccessKey": session.secret.expose(),
            "Expiration": session.expires.to_rfc3339_millis(),
            "AccessKeyId": session.id.as_str(),
        },
        "UserInfo": user_info(user, login, &root.to_string()),
    })
}
