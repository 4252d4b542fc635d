//! Management rights: who may do what by role, whatever policies say. The table of the identity contract, section 1, as
//! data; an explicit Deny in a policy is honoured on top of it, and an Allow never raises a role.

use crate::{Action, Caller, Credential, CustomerFacts, Resource, Role, SessionKind, UserFacts};

/// Who may do an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Policies decide; root has everything in its account.
    Policies,
    /// Not judged: whoever calls proves himself by what the call carries. Nobody is authorized for it here.
    ByItself,
    /// Whoever is proven.
    Anyone,
    /// One for oneself.
    Oneself,
    /// One for oneself, else who manages the user: root everybody, an admin everybody but root.
    OneselfOrManager,
    /// One for oneself, else root and admins, who may look at everybody.
    OneselfOrReader,
    /// Root and admins; on a user, who manages the user.
    Manager,
    /// As [`Self::Manager`], but never on root, whom nobody changes.
    ManagerNotOfRoot,
    /// As [`Self::ManagerNotOfRoot`], and not for oneself.
    ManagerOfOthers,
    /// Root and admins, and whom the policy is attached to.
    PolicyReader,
    /// Root and admins of the customer's reseller.
    Reseller,
    /// Anyone for the own account, resellers for their customers.
    AnyoneOrReseller,
    /// Root and admins for the own account, resellers for their customers.
    ManagerOrReseller,
    /// Root for the own account, resellers for their customers.
    RootOrReseller,
    /// As [`Self::ManagerOrReseller`], but what is in force only resellers.
    RuleKeeper,
}

/// What the caller's credential has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// A key or a session.
    Any,
    /// A key or a login: none that was derived from another, nor a reseller's in a customer.
    Own,
    /// A login. A leaked access key must not become a password.
    Login,
    /// [`Self::Login`] for oneself, else [`Self::Own`].
    LoginForOneself,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) right: Right,
    pub(crate) proof: Proof,
}

macro_rules! table {
    ($($right:ident, $proof:ident: $($action:ident)+;)*) => {
        /// Every row. Actions which have none are decided by policies.
        pub(crate) const TABLE: &[(Action, Rule)] = &[
            $($((Action::$action, Rule { right: Right::$right, proof: Proof::$proof }),)+)*
        ];
    };
}

table! {
    // STS. A reseller's session must end with the switch that allowed it, so that nothing is derived from it; and a
    // bounded session makes none without bounds.
    Anyone, Any: StsGetCallerIdentity StsGetAccessKeyInfo StsAssumeRole;
    Anyone, Own: StsGetSessionToken;
    ByItself, Any: StsRsLogin StsRsFederatedLogin IamRsResetPassword;
    Reseller, Own: StsRsAssumeCustomerRole;
    // users
    Manager, Any: IamCreateUser IamDeleteUser IamListUsers IamTagUser IamUntagUser;
    // Another name is another identity to the identity provider, another type another role, and a second factor can be cleared:
    // each would let somebody in for longer than the borrowed credential lives.
    Manager, Own: IamUpdateUser;
    OneselfOrReader, Any: IamGetUser IamListUserTags IamListGroupsForUser IamRsGetUserInfo;
    ManagerNotOfRoot, Own: IamRsSetUserInfo IamRsSetUserAuthMethod;
    // keys
    OneselfOrManager, Own: IamCreateAccessKey IamUpdateAccessKey;
    OneselfOrManager, Any: IamDeleteAccessKey IamListAccessKeys IamGetAccessKeyLastUsed IamListMfaDevices
        IamListSshPublicKeys IamListSigningCertificates IamListServiceSpecificCredentials;
    // policies
    Manager, Any: IamCreatePolicy IamCreatePolicyVersion IamSetDefaultPolicyVersion IamDeletePolicyVersion
        IamDeletePolicy IamListPolicies IamAttachUserPolicy IamDetachUserPolicy IamListEntitiesForPolicy IamTagPolicy
        IamUntagPolicy IamPutUserPolicy IamDeleteUserPolicy;
    PolicyReader, Any: IamGetPolicy IamGetPolicyVersion IamListPolicyVersions IamListPolicyTags;
    OneselfOrManager, Any: IamListAttachedUserPolicies IamGetUserPolicy IamListUserPolicies IamSimulatePrincipalPolicy;
    Anyone, Any: IamSimulateCustomPolicy;
    // passwords and second factors
    Oneself, Own: IamChangePassword;
    ManagerOfOthers, Own: IamCreateLoginProfile IamUpdateLoginProfile IamDeleteLoginProfile;
    OneselfOrManager, Any: IamGetLoginProfile;
    OneselfOrManager, LoginForOneself: IamRsGetToken IamRsDisableTfa;
    Oneself, Login: IamRsPrepareTfa IamRsEnableTfa;
    // the account
    Manager, Any: IamListGroups IamListRoles IamGetAccountSummary IamListVirtualMfaDevices
        IamGetAccountAuthorizationDetails IamReadAuditLog IamListEncryptionKeys;
    // Who disables a key takes everybody what is encrypted under it.
    Manager, Own: IamManageEncryptionKeys;
    Anyone, Any: IamListAccountAliases IamGetAccountPasswordPolicy;
    Manager, Any: IamRsGetSamlConnection;
    // Who names the identity provider can log in as every federated user, for as long as it likes.
    Manager, Own: IamRsCreateSamlConnection IamRsUpdateSamlConnection IamRsDeleteSamlConnection;
    OneselfOrManager, Own: CapturesManageTokens;
    // customers
    Reseller, Any: IamRsCreateCustomer IamRsListCustomer IamRsCustomerDetails IamRsSetCustomerServiceAccessLevel
        IamRsSpeedTest;
    RootOrReseller, Own: IamRsModifyCustomer;
    AnyoneOrReseller, Any: IamRsAvailableRegions;
    ManagerOrReseller, Any: IamRsListBillingData IamRsLiveBilling;
    // whitelist
    ManagerOrReseller, Any: IamRsWhitelistAddRule IamRsWhitelistListRules;
    RuleKeeper, Any: IamRsWhitelistDeleteRule;
    Reseller, Any: IamRsWhitelistApproveRule IamRsWhitelistRejectRule;
}

const COUNT: usize = Action::ALL.len();
static RULES: [Rule; COUNT] = by_action();

const fn by_action() -> [Rule; COUNT] {
    const DEFAULT: Rule = Rule {
        right: Right::Policies,
        proof: Proof::Any,
    };
    let mut rules = [DEFAULT; COUNT];
    let mut at = 0;
    while at < TABLE.len() {
        rules[TABLE[at].0 as usize] = TABLE[at].1;
        at += 1;
    }
    rules
}

/// The rule of an action.
pub(crate) fn rule(action: Action) -> Rule {
    RULES[action as usize]
}

/// What the table says of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ruling {
    Yes,
    No,
    /// It belongs to another account which is none of the caller's business.
    Foreign,
}

/// Asks the table: role and target first, then the credential.
pub(crate) fn ask(caller: &Caller, rule: Rule, resource: &Resource<'_>) -> Ruling {
    let stance = match Stance::of(caller, resource) {
        Ok(stance) => stance,
        Err(ruling) => return ruling,
    };
    let role = caller.user.role;
    let manages = role.is_manager();
    let manages_target = match stance.target {
        // An admin may do nothing to root.
        Some(Role::Root) => role == Role::Root,
        Some(Role::Admin | Role::User) | None => manages,
    };
    let never_root = stance.target != Some(Role::Root);
    let resells = stance.resells && manages;
    let by_role = match rule.right {
        Right::Policies | Right::ByItself => false,
        Right::Anyone => true,
        Right::Oneself => stance.is_oneself,
        Right::OneselfOrManager => stance.is_oneself || (stance.is_own && manages_target),
        Right::OneselfOrReader => stance.is_oneself || (stance.is_own && manages),
        Right::Manager => stance.is_own && manages_target,
        Right::ManagerNotOfRoot => stance.is_own && manages_target && never_root,
        Right::ManagerOfOthers => stance.is_own && manages_target && never_root && !stance.is_oneself,
        Right::PolicyReader => stance.is_own && (manages || stance.is_attached),
        Right::Reseller => resells,
        Right::AnyoneOrReseller => stance.is_own || resells,
        Right::ManagerOrReseller => (stance.is_own && manages) || resells,
        Right::RootOrReseller => (stance.is_own && role == Role::Root) || resells,
        Right::RuleKeeper => (stance.is_own && manages && !stance.is_in_force) || resells,
    };
    let by_proof = match (rule.proof, proof(&caller.credential)) {
        // A token is for its methods, not for management.
        (_, Held::Token) => false,
        (Proof::Any, _) => true,
        (Proof::Login, held) => held == Held::Login,
        (Proof::LoginForOneself, held) if stance.is_oneself => held == Held::Login,
        (Proof::Own | Proof::LoginForOneself, held) => held != Held::Borrowed,
    };
    if by_role && by_proof { Ruling::Yes } else { Ruling::No }
}

/// How the caller stands to what is acted on.
#[derive(Clone, Copy, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "facts that hold independently of each other"
)]
struct Stance {
    /// It is of the own account.
    is_own: bool,
    is_oneself: bool,
    /// The role of the user that is acted on.
    target: Option<Role>,
    is_attached: bool,
    /// It is a customer's of the caller's reseller account.
    resells: bool,
    is_in_force: bool,
}

impl Stance {
    fn of(caller: &Caller, resource: &Resource<'_>) -> Result<Self, Ruling> {
        let own = caller.user.account;
        let customer = |of: &CustomerFacts| {
            let resells = caller.user.is_reseller && of.reseller == own;
            let is_own = of.account == own;
            if resells || is_own {
                Ok((is_own, resells))
            } else {
                Err(Ruling::Foreign)
            }
        };
        Ok(match resource {
            Resource::OwnAccount => Self {
                is_own: true,
                ..Self::default()
            },
            Resource::User(UserFacts { account, found, .. }) if *account == own => Self {
                is_own: true,
                is_oneself: found.is_some_and(|(id, _)| id == caller.user.id),
                target: found.map(|(_, role)| role),
                ..Self::default()
            },
            Resource::Policy(policy) if policy.account == own => Self {
                is_own: true,
                is_attached: policy.is_attached,
                ..Self::default()
            },
            Resource::User(_) | Resource::Policy(_) => return Err(Ruling::Foreign),
            Resource::Customers => Self {
                resells: caller.user.is_reseller,
                ..Self::default()
            },
            Resource::Customer(of) => {
                let (is_own, resells) = customer(of)?;
                Self {
                    is_own,
                    resells,
                    ..Self::default()
                }
            }
            Resource::WhitelistRule { of, is_active } => {
                let (is_own, resells) = customer(of)?;
                Self {
                    is_own,
                    resells,
                    is_in_force: *is_active,
                    ..Self::default()
                }
            }
            // Data is no thing that is managed.
            Resource::Project(_)
            | Resource::Item { .. }
            | Resource::Bucket(_)
            | Resource::Object(..)
            | Resource::EncryptionKey(_) => return Err(Ruling::No),
        })
    }
}

/// What kind of credential is held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Key,
    Login,
    /// Derived from another, or a reseller's in a customer.
    Borrowed,
    Token,
}

fn proof(credential: &Credential) -> Held {
    match credential {
        Credential::AccessKey(_) => Held::Key,
        Credential::ApiToken(_) => Held::Token,
        Credential::Session(session) => match session.kind {
            SessionKind::Login | SessionKind::Federated => Held::Login,
            SessionKind::Derived | SessionKind::Reseller { .. } => Held::Borrowed,
        },
    }
}

#[cfg(test)]
mod tests;
