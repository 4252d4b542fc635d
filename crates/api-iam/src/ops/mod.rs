//! The operations: one file each, one row each. Routing, versions, authorization, metrics labels and the sweep in the tests
//! come from the rows.

#![allow(
    clippy::unused_async,
    reason = "one row runs as any other, also where nothing is waited for"
)]

mod api_token_settings;
mod assume_role;
mod attach_user_policy;
mod change_password;
mod create_access_key;
mod create_api_token;
mod create_login_profile;
mod create_policy;
mod create_policy_version;
mod create_user;
mod delete_access_key;
mod delete_api_token;
mod delete_login_profile;
mod delete_policy;
mod delete_policy_version;
mod delete_user;
mod delete_user_policy;
mod detach_user_policy;
mod empty_list;
mod get_access_key_info;
mod get_access_key_last_used;
mod get_account_authorization_details;
mod get_account_password_policy;
mod get_account_summary;
mod get_api_token;
mod get_caller_identity;
mod get_login_profile;
mod get_policy;
mod get_policy_version;
mod get_session_token;
mod get_user;
mod get_user_policy;
mod list_access_keys;
mod list_api_tokens;
mod list_attached_user_policies;
mod list_entities_for_policy;
mod list_mfa_devices;
mod list_policies;
mod list_policy_tags;
mod list_policy_versions;
mod list_user_policies;
mod list_user_tags;
mod list_users;
mod put_user_policy;
mod rotate_api_token;
mod rs_assume_customer_role;
mod rs_available_regions;
mod rs_create_customer;
mod rs_customer_details;
mod rs_disable_tfa;
mod rs_enable_tfa;
mod rs_encryption_keys;
mod rs_export_audit_log;
mod rs_federated_login;
mod rs_get_token;
mod rs_get_user_info;
mod rs_list_audit_log;
mod rs_list_billing_data;
mod rs_list_customer;
mod rs_live_billing;
mod rs_login;
mod rs_modify_customer;
mod rs_prepare_tfa;
mod rs_reset_password;
mod rs_saml_connection;
mod rs_set_customer_service_access_level;
mod rs_set_user_auth_method;
mod rs_set_user_info;
mod set_default_policy_version;
mod simulate_policy;
mod tag_policy;
mod tag_user;
mod untag_policy;
mod untag_user;
mod update_access_key;
mod update_api_token;
mod update_login_profile;
mod update_user;

use crate::answer::{Answer, Service, Style};
use crate::fault::Fault;
use crate::params::Params;
use crate::parts::Parts;
pub use crate::subject::Extent;
use crate::subject::Subject;
use crate::told::Told;
use baleen_iam::login::Approach;
use baleen_iam::{AccessKeyInfo, Path, PolicyArn, PolicyName, UserInfo};
use baleen_policy::{Action, Authorized, Origin, User};
use baleen_tenancy::Customer;
use baleen_types::{RequestId, UserName};
use futures::future::BoxFuture;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// One operation.
pub struct Row {
    /// Its `Action`, also its name in log and metrics.
    pub name: &'static str,
    /// Whose it is.
    pub service: Service,
    /// What the asker must be allowed.
    pub permission: Action,
    /// What it does to what is stored.
    pub effect: Effect,
    /// Whether it is neither AWS's nor the document's.
    pub(crate) is_ours: bool,
    shape: Shape,
    pub(crate) run: Runner,
}

/// What an operation does, as far as others must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It reads; it may come by GET, and a client may repeat it.
    Read,
    /// It changes something.
    Write,
    /// It changes something, and its answer holds a secret, which no cache may keep.
    Secret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Xml,
    Json,
}

impl Row {
    /// What it acts on; nothing is judged where the operation asks for a proof of its own.
    pub fn extent(&self) -> Option<Extent> {
        match self.run {
            Runner::Open(_) => None,
            Runner::Signed(extent, _) => Some(extent),
        }
    }

    /// Whether it needs no signature.
    pub fn is_open(&self) -> bool {
        matches!(self.run, Runner::Open(_))
    }

    pub(crate) fn style(&self) -> Style {
        match self.shape {
            Shape::Xml => Style::Xml(self.service),
            Shape::Json => Style::Json,
        }
    }
}

/// How an operation is run.
pub(crate) enum Runner {
    /// By anybody: the operation asks for a proof of its own (a password, a code).
    Open(fn(Guest) -> BoxFuture<'static, Result<Answer, Fault>>),
    /// By who signed, once it was decided about the resource.
    Signed(Extent, fn(Call) -> BoxFuture<'static, Result<Answer, Fault>>),
}

/// A request that needs no signature.
pub(crate) struct Guest {
    pub(crate) parts: Arc<Parts>,
    pub(crate) id: RequestId,
    pub(crate) params: Params,
    pub(crate) origin: Option<Origin>,
    /// What `x-lyve-customer` says.
    pub(crate) customer: Option<String>,
    /// What the audit log is told.
    pub(crate) told: Told,
}

/// An authorized request.
pub(crate) struct Call {
    pub(crate) parts: Arc<Parts>,
    pub(crate) authorized: Authorized,
    pub(crate) subject: Subject,
    pub(crate) params: Params,
    pub(crate) origin: Option<Origin>,
}

/// The address that asks, where the edge could tell; else one that nobody has, so that a brake on guessing still brakes.
pub(crate) fn source_of(origin: Option<Origin>) -> IpAddr {
    origin.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |origin| origin.source)
}

/// Where a request comes from whose credentials are in what it carries.
pub(crate) fn approach(parts: &Parts, origin: Option<Origin>) -> Approach<'_> {
    Approach {
        source: source_of(origin),
        region: &parts.region,
    }
}

impl Call {
    /// Who asks; nobody gets this far.
    pub(crate) fn asking(&self) -> Result<&Arc<User>, Fault> {
        self.authorized
            .user()
            .ok_or_else(|| Fault::internal("an authorized request of nobody"))
    }

    /// The address that asks.
    pub(crate) fn source(&self) -> IpAddr {
        source_of(self.origin)
    }

    /// The user that the row's extent has found.
    pub(crate) fn user(&self) -> Result<&UserInfo, Fault> {
        match &self.subject {
            Subject::User(user) | Subject::UserAndPolicy(user, _) | Subject::Key(user, _) => Ok(user),
            _ => Err(wrong_extent()),
        }
    }

    /// The users that the row's extent has found.
    pub(crate) fn users(&self) -> Result<&[UserInfo], Fault> {
        match &self.subject {
            Subject::Users(users) => Ok(users),
            _ => Err(wrong_extent()),
        }
    }

    /// The access key that the row's extent has found.
    pub(crate) fn key(&self) -> Result<&AccessKeyInfo, Fault> {
        match &self.subject {
            Subject::Key(_, key) => Ok(key),
            _ => Err(wrong_extent()),
        }
    }

    /// The first digits of the API token that the request names.
    pub(crate) fn token(&self) -> Result<&str, Fault> {
        match &self.subject {
            Subject::ApiToken(short_id) => Ok(short_id),
            _ => Err(wrong_extent()),
        }
    }

    /// Name and path of the user that is to be made.
    pub(crate) fn new_user(&self) -> Result<(&UserName, &Path), Fault> {
        match &self.subject {
            Subject::NewUser(name, path) => Ok((name, path)),
            _ => Err(wrong_extent()),
        }
    }

    /// Name and path of the policy that is to be made.
    pub(crate) fn new_policy(&self) -> Result<(&PolicyName, &Path), Fault> {
        match &self.subject {
            Subject::NewPolicy(name, path) => Ok((name, path)),
            _ => Err(wrong_extent()),
        }
    }

    /// The policy that the row's extent has found.
    pub(crate) fn policy(&self) -> Result<&PolicyArn, Fault> {
        match &self.subject {
            Subject::Policy(arn) | Subject::UserAndPolicy(_, arn) => Ok(arn),
            _ => Err(wrong_extent()),
        }
    }
}

impl Call {
    /// The customer that the row's extent has found.
    pub(crate) fn customer(&self) -> Result<&Arc<Customer>, Fault> {
        match &self.subject {
            Subject::Customer(customer) => Ok(customer),
            _ => Err(wrong_extent()),
        }
    }
}

fn wrong_extent() -> Fault {
    Fault::internal("the row's extent is not what its operation needs")
}

macro_rules! row {
    ($service:ident $name:literal, $permission:ident on $extent:ident, $effect:ident $shape:ident, $($run:tt)+) => {
        Row {
            name: $name,
            service: Service::$service,
            permission: Action::$permission,
            effect: Effect::$effect,
            is_ours: false,
            shape: Shape::$shape,
            run: Runner::Signed(Extent::$extent, |call| Box::pin($($run)+(call))),
        }
    };
}

/// A row that is neither AWS's nor the document's.
macro_rules! ours {
    ($($row:tt)+) => {
        Row { is_ours: true, ..row!($($row)+) }
    };
}

macro_rules! open {
    ($service:ident $name:literal, $permission:ident, $effect:ident $shape:ident, $($run:tt)+) => {
        Row {
            name: $name,
            service: Service::$service,
            permission: Action::$permission,
            effect: Effect::$effect,
            is_ours: false,
            shape: Shape::$shape,
            run: Runner::Open(|guest| Box::pin($($run)+(guest))),
        }
    };
}

/// Every operation that is named by an `Action`.
#[rustfmt::skip]
pub static ROWS: &[Row] = &[
    // sessions
    row!(Sts "AssumeRole", StsAssumeRole on Account, Secret Xml, assume_role::run),
    row!(Sts "GetSessionToken", StsGetSessionToken on Account, Secret Xml, get_session_token::run),
    row!(Sts "GetAccessKeyInfo", StsGetAccessKeyInfo on Account, Read Xml, get_access_key_info::run),
    row!(Sts "GetCallerIdentity", StsGetCallerIdentity on Account, Read Xml, get_caller_identity::run),
    row!(Sts "RSAssumeCustomerRole", StsRsAssumeCustomerRole on CustomerOrOwn, Secret Json, rs_assume_customer_role::run),
    // passwords and second factors
    open!(Sts "RSLogin", StsRsLogin, Secret Json, rs_login::run),
    open!(Iam "RSResetPassword", IamRsResetPassword, Write Json, rs_reset_password::run),
    row!(Iam "ChangePassword", IamChangePassword on Oneself, Write Xml, change_password::run),
    row!(Iam "CreateLoginProfile", IamCreateLoginProfile on User, Write Xml, create_login_profile::run),
    row!(Iam "GetLoginProfile", IamGetLoginProfile on UserOrOneself, Read Xml, get_login_profile::run),
    row!(Iam "UpdateLoginProfile", IamUpdateLoginProfile on User, Write Xml, update_login_profile::run),
    row!(Iam "DeleteLoginProfile", IamDeleteLoginProfile on User, Write Xml, delete_login_profile::run),
    row!(Iam "RSGetToken", IamRsGetToken on UserOrOneself, Secret Json, rs_get_token::run),
    row!(Iam "RSGetPasswordResetToken", IamRsGetToken on UserOrOneself, Secret Json, rs_get_token::run),
    row!(Iam "RSPrepareTFA", IamRsPrepareTfa on Oneself, Secret Json, rs_prepare_tfa::run),
    row!(Iam "RSEnableTFA", IamRsEnableTfa on Oneself, Secret Json, rs_enable_tfa::run),
    row!(Iam "RSDisableTFA", IamRsDisableTfa on Oneself, Write Json, rs_disable_tfa::run),
    // users
    row!(Iam "CreateUser", IamCreateUser on NewUser, Write Xml, create_user::run),
    row!(Iam "DeleteUser", IamDeleteUser on User, Write Xml, delete_user::run),
    row!(Iam "GetUser", IamGetUser on UserOrOneself, Read Xml, get_user::run),
    row!(Iam "ListUsers", IamListUsers on Account, Read Xml, list_users::run),
    row!(Iam "UpdateUser", IamUpdateUser on MovedUser, Write Xml, update_user::run),
    row!(Iam "TagUser", IamTagUser on User, Write Xml, tag_user::run),
    row!(Iam "UntagUser", IamUntagUser on User, Write Xml, untag_user::run),
    row!(Iam "ListUserTags", IamListUserTags on User, Read Xml, list_user_tags::run),
    row!(Iam "RSGetUserInfo", IamRsGetUserInfo on Users, Read Json, rs_get_user_info::run),
    row!(Iam "RSSetUserInfo", IamRsSetUserInfo on NamedUser, Write Json, rs_set_user_info::run),
    row!(Iam "RSSetUserAuthMethod", IamRsSetUserAuthMethod on NamedUser, Write Json, rs_set_user_auth_method::run),
    // federated login
    open!(Sts "RSFederatedLogin", StsRsFederatedLogin, Secret Json, rs_federated_login::run),
    row!(Iam "RSCreateSAMLConnection", IamRsCreateSamlConnection on Account, Write Json, rs_saml_connection::create),
    row!(Iam "RSGetSAMLConnection", IamRsGetSamlConnection on Account, Read Json, rs_saml_connection::get),
    row!(Iam "RSUpdateSAMLConnection", IamRsUpdateSamlConnection on Account, Write Json, rs_saml_connection::update),
    row!(Iam "RSDeleteSAMLConnection", IamRsDeleteSamlConnection on Account, Write Json, rs_saml_connection::delete),
    // access keys
    row!(Iam "CreateAccessKey", IamCreateAccessKey on UserOrOneself, Secret Xml, create_access_key::run),
    row!(Iam "DeleteAccessKey", IamDeleteAccessKey on UserOrOneself, Write Xml, delete_access_key::run),
    row!(Iam "UpdateAccessKey", IamUpdateAccessKey on UserOrOneself, Write Xml, update_access_key::run),
    row!(Iam "ListAccessKeys", IamListAccessKeys on UserOrOneself, Read Xml, list_access_keys::run),
    row!(Iam "GetAccessKeyLastUsed", IamGetAccessKeyLastUsed on OwnerOfKey, Read Xml, get_access_key_last_used::run),
    // API tokens
    ours!(Iam "CreateApiToken", CapturesManageTokens on UserOrOneself, Secret Json, create_api_token::run),
    ours!(Iam "ListApiTokens", CapturesManageTokens on OwnersOfTokens, Read Json, list_api_tokens::run),
    ours!(Iam "GetApiToken", CapturesManageTokens on OwnerOfToken, Read Json, get_api_token::run),
    ours!(Iam "UpdateApiToken", CapturesManageTokens on OwnerOfToken, Write Json, update_api_token::run),
    ours!(Iam "RotateApiToken", CapturesManageTokens on OwnerOfToken, Secret Json, rotate_api_token::run),
    ours!(Iam "DeleteApiToken", CapturesManageTokens on OwnerOfToken, Write Json, delete_api_token::run),
    ours!(Iam "GetApiTokenSettings", CapturesManageTokens on Oneself, Read Json, api_token_settings::get),
    ours!(Iam "SetApiTokenSettings", CapturesManageTokens on Account, Write Json, api_token_settings::set),
    ours!(Iam "DisableUserDefinedApiTokens", CapturesManageTokens on Account, Write Json, api_token_settings::disable_user_defined),
    // managed policies
    row!(Iam "CreatePolicy", IamCreatePolicy on NewPolicy, Write Xml, create_policy::run),
    row!(Iam "GetPolicy", IamGetPolicy on Policy, Read Xml, get_policy::run),
    row!(Iam "DeletePolicy", IamDeletePolicy on Policy, Write Xml, delete_policy::run),
    row!(Iam "ListPolicies", IamListPolicies on Account, Read Xml, list_policies::run),
    row!(Iam "CreatePolicyVersion", IamCreatePolicyVersion on Policy, Write Xml, create_policy_version::run),
    row!(Iam "SetDefaultPolicyVersion", IamSetDefaultPolicyVersion on Policy, Write Xml, set_default_policy_version::run),
    row!(Iam "GetPolicyVersion", IamGetPolicyVersion on Policy, Read Xml, get_policy_version::run),
    row!(Iam "ListPolicyVersions", IamListPolicyVersions on Policy, Read Xml, list_policy_versions::run),
    row!(Iam "DeletePolicyVersion", IamDeletePolicyVersion on Policy, Write Xml, delete_policy_version::run),
    row!(Iam "AttachUserPolicy", IamAttachUserPolicy on UserAndPolicy, Write Xml, attach_user_policy::run),
    row!(Iam "DetachUserPolicy", IamDetachUserPolicy on UserAndPolicy, Write Xml, detach_user_policy::run),
    row!(Iam "ListAttachedUserPolicies", IamListAttachedUserPolicies on User, Read Xml, list_attached_user_policies::run),
    row!(Iam "ListEntitiesForPolicy", IamListEntitiesForPolicy on Policy, Read Xml, list_entities_for_policy::run),
    row!(Iam "TagPolicy", IamTagPolicy on Policy, Write Xml, tag_policy::run),
    row!(Iam "UntagPolicy", IamUntagPolicy on Policy, Write Xml, untag_policy::run),
    row!(Iam "ListPolicyTags", IamListPolicyTags on Policy, Read Xml, list_policy_tags::run),
    // policies of one user
    row!(Iam "PutUserPolicy", IamPutUserPolicy on User, Write Xml, put_user_policy::run),
    row!(Iam "GetUserPolicy", IamGetUserPolicy on User, Read Xml, get_user_policy::run),
    row!(Iam "DeleteUserPolicy", IamDeleteUserPolicy on User, Write Xml, delete_user_policy::run),
    row!(Iam "ListUserPolicies", IamListUserPolicies on User, Read Xml, list_user_policies::run),
    // customers
    row!(Iam "RSCreateCustomer", IamRsCreateCustomer on Customers, Secret Json, rs_create_customer::run),
    row!(Iam "RSListCustomer", IamRsListCustomer on Customers, Read Json, rs_list_customer::run),
    row!(Iam "RSCustomerDetails", IamRsCustomerDetails on Customer, Read Json, rs_customer_details::run),
    row!(Iam "RSListBillingData", IamRsListBillingData on PurgedCustomerOrOwn, Read Json, rs_list_billing_data::run),
    row!(Iam "RSLiveBilling", IamRsLiveBilling on PurgedCustomerOrOwn, Read Json, rs_live_billing::run),
    row!(Iam "RSModifyCustomer", IamRsModifyCustomer on Customer, Write Json, rs_modify_customer::run),
    row!(Iam "RSAvailableRegions", IamRsAvailableRegions on CustomerOrOwn, Read Json, rs_available_regions::run),
    row!(Iam "RSSetCustomerServiceAccessLevel", IamRsSetCustomerServiceAccessLevel on Customer, Write Json, rs_set_customer_service_access_level::run),
    // the audit log
    ours!(Iam "RSListAuditLog", IamReadAuditLog on Account, Read Json, rs_list_audit_log::run),
    ours!(Iam "RSExportAuditLog", IamReadAuditLog on Account, Read Json, rs_export_audit_log::run),
    // keys under which objects are encrypted
    ours!(Iam "RSCreateEncryptionKey", IamManageEncryptionKeys on Account, Write Json, rs_encryption_keys::create),
    ours!(Iam "RSListEncryptionKeys", IamListEncryptionKeys on Account, Read Json, rs_encryption_keys::list),
    ours!(Iam "RSRotateEncryptionKey", IamManageEncryptionKeys on Account, Write Json, rs_encryption_keys::rotate),
    ours!(Iam "RSEnableEncryptionKey", IamManageEncryptionKeys on Account, Write Json, rs_encryption_keys::enable),
    ours!(Iam "RSDisableEncryptionKey", IamManageEncryptionKeys on Account, Write Json, rs_encryption_keys::disable),
    // what ordinary tools read
    row!(Iam "ListGroupsForUser", IamListGroupsForUser on User, Read Xml, empty_list::groups),
    row!(Iam "ListMFADevices", IamListMfaDevices on UserOrOneself, Read Xml, list_mfa_devices::run),
    row!(Iam "ListVirtualMFADevices", IamListVirtualMfaDevices on Account, Read Xml, empty_list::virtual_mfa_devices),
    row!(Iam "ListSSHPublicKeys", IamListSshPublicKeys on UserOrOneself, Read Xml, empty_list::ssh_public_keys),
    row!(Iam "ListSigningCertificates", IamListSigningCertificates on UserOrOneself, Read Xml, empty_list::signing_certificates),
    row!(Iam "ListServiceSpecificCredentials", IamListServiceSpecificCredentials on UserOrOneself, Read Xml, empty_list::service_specific_credentials),
    row!(Iam "ListGroups", IamListGroups on Account, Read Xml, empty_list::groups),
    row!(Iam "ListRoles", IamListRoles on Account, Read Xml, empty_list::roles),
    row!(Iam "ListAccountAliases", IamListAccountAliases on Account, Read Xml, empty_list::account_aliases),
    row!(Iam "GetAccountSummary", IamGetAccountSummary on Account, Read Xml, get_account_summary::run),
    row!(Iam "GetAccountAuthorizationDetails", IamGetAccountAuthorizationDetails on Account, Read Xml, get_account_authorization_details::run),
    row!(Iam "GetAccountPasswordPolicy", IamGetAccountPasswordPolicy on Account, Read Xml, get_account_password_policy::run),
    // why something is denied
    row!(Iam "SimulateCustomPolicy", IamSimulateCustomPolicy on Account, Read Xml, simulate_policy::custom),
    row!(Iam "SimulatePrincipalPolicy", IamSimulatePrincipalPolicy on UserOfArn, Read Xml, simulate_policy::principal),
];

/// The row of an action.
pub(crate) fn find(action: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == action)
}
