//! Who asks, by which credential, held to what.

use crate::Policy;
use baleen_types::{AccessKeyId, AccountId, ProjectId, Timestamp, UserId, UserName};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The three roles within a customer (glossary). A role gives management rights; a policy gives permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The customer's first user, who owns everything in the account.
    Root,
    /// Manages users and policies.
    Admin,
    /// Has only what policies give.
    User,
}

impl Role {
    /// Whether it manages the users and policies of its account: root's and the admins'.
    #[must_use]
    pub const fn is_manager(self) -> bool {
        matches!(self, Self::Root | Self::Admin)
    }
}

/// A user of a customer, proven by some credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The customer's 12-digit account.
    pub account: AccountId,
    /// The customer's 32-hex id, by which the capture doors name it.
    pub project: ProjectId,
    /// The user's id, never used again.
    pub id: UserId,
    /// The user's name, usually an e-mail address.
    pub name: UserName,
    /// The user's role.
    pub role: Role,
    /// The user's path: `/`, or `/…/`. A part of its ARN.
    pub path: Box<str>,
    /// The user's tags, as conditions on `aws:PrincipalTag/…` see them.
    pub tags: Box<[(Box<str>, Box<str>)]>,
    /// Whether the customer is a reseller, which manages customers. A property of the account.
    pub is_reseller: bool,
}

impl User {
    /// A user at the path `/`, without tags, whose customer is no reseller.
    pub fn new(account: AccountId, project: ProjectId, id: UserId, name: UserName, role: Role) -> Self {
        Self {
            account,
            project,
            id,
            name,
            role,
            path: "/".into(),
            tags: Box::default(),
            is_reseller: false,
        }
    }

    /// The name of the user in policies (identity contract, section 1, "Account id"): a root is named by its account.
    pub fn arn(&self) -> String {
        match self.role {
            Role::Root => format!("arn:aws:iam::{}:root", self.account),
            Role::Admin | Role::User => format!("arn:aws:iam::{}:user{}{}", self.account, self.path, self.name),
        }
    }
}

/// By what the user was proven. Some acts need more than others (identity contract, section 1, "Session kinds").
#[derive(Clone, Debug)]
pub enum Credential {
    /// A long-lived access key.
    AccessKey(AccessKeyId),
    /// A session: temporary keys made by STS.
    Session(Arc<Session>),
    /// An API token.
    ApiToken(Arc<TokenGrant>),
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The id of its access key.
    pub id: AccessKeyId,
    /// How it began.
    pub kind: SessionKind,
    /// Its name: `RoleSessionName` of one that was assumed.
    pub name: Box<str>,
    /// When it began.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// When a second factor was given, if one was.
    pub mfa_at: Option<Timestamp>,
    /// Whether it may only change the password.
    pub must_change_password: bool,
}

/// How a session began.
#[derive(Clone, Debug)]
pub enum SessionKind {
    /// With a password (RSLogin).
    Login,
    /// With a proof of the account's identity provider.
    Federated,
    /// From another credential of the same user (AssumeRole).
    Derived,
    /// By a reseller within a customer (RSAssumeCustomerRole): the session's user is the customer's root.
    Reseller {
        /// Who stands behind it, as it opened the session, with what is in force for it now: the session may nothing as soon
        /// as that may not open it any more.
        by: Arc<Caller>,
    },
}

/// What an API token is, besides its owner. Its methods are [`Bounds`] of the caller.
#[derive(Clone, Debug)]
pub struct TokenGrant {
    /// The first digits of the token, by which people and logs name it (CloudShark contract, 1.5).
    pub short_id: Box<str>,
    /// Whether the caller must be logged in besides (CloudShark contract, 1.3).
    pub must_log_in: bool,
}

/// What a session or a token is held to besides its user's rights: sets of policies, each of which has to allow.
///
/// A set allows what one of its policies allows and none denies, as the `Policy` and the `PolicyArns` of one AssumeRole
/// are one set. A session that was derived from a bounded one has the sets of both, so it is never stronger.
#[derive(Clone, Debug, Default)]
pub struct Bounds(Option<Arc<[PolicySet]>>);

/// Policies that are judged together.
pub type PolicySet = Arc<[Arc<Policy>]>;

impl Bounds {
    /// No bounds: the user's own rights.
    pub const NONE: Self = Self(None);

    /// These bounds and one set more. A set without policies allows nothing.
    #[must_use]
    pub fn and(&self, set: impl Into<PolicySet>) -> Self {
        let sets = self.sets().iter().cloned().chain([set.into()]);
        Self(Some(sets.collect()))
    }

    /// The sets, each of which has to allow.
    pub fn sets(&self) -> &[PolicySet] {
        self.0.as_deref().unwrap_or_default()
    }
}

/// A proven user with what it may do.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user: Arc<User>,
    /// By what it was proven.
    pub credential: Credential,
    /// The user's policies in force: the default versions of what is attached, and the inline ones.
    pub policies: PolicySet,
    /// What the credential is held to.
    pub bounds: Bounds,
}

impl Caller {
    /// A user without policies, proven by an access key.
    pub fn with_key(user: impl Into<Arc<User>>, id: AccessKeyId) -> Self {
        Self::new(user, Credential::AccessKey(id))
    }

    /// A user without policies, in a session.
    pub fn with_session(user: impl Into<Arc<User>>, session: impl Into<Arc<Session>>) -> Self {
        Self::new(user, Credential::Session(session.into()))
    }

    /// A user without policies, proven by an API token.
    pub fn with_token(user: impl Into<Arc<User>>, token: impl Into<Arc<TokenGrant>>) -> Self {
        Self::new(user, Credential::ApiToken(token.into()))
    }

    /// The same caller with the user's policies.
    #[must_use]
    pub fn policies(self, policies: impl Into<PolicySet>) -> Self {
        Self {
            policies: policies.into(),
            ..self
        }
    }

    /// The same caller, held to bounds.
    #[must_use]
    pub fn bounds(self, bounds: Bounds) -> Self {
        Self { bounds, ..self }
    }

    /// The session, if it is one.
    pub fn session(&self) -> Option<&Arc<Session>> {
        match &self.credential {
            Credential::Session(session) => Some(session),
            Credential::AccessKey(_) | Credential::ApiToken(_) => None,
        }
    }

    /// The name of the caller in policies: the user's, but a reseller in a customer has a name of its own (identity
    /// contract, section 2, note f).
    pub fn arn(&self) -> String {
        match self.session().map(|session| &session.kind) {
            Some(SessionKind::Reseller { by }) => {
                format!(
                    "arn:aws:sts::{}:assumed-role/reseller/{}",
                    self.user.account, by.user.name
                )
            }
            Some(SessionKind::Login | SessionKind::Federated | SessionKind::Derived) | None => self.user.arn(),
        }
    }

    fn new(user: impl Into<Arc<User>>, credential: Credential) -> Self {
        Self {
            user: user.into(),
            credential,
            policies: Arc::new([]),
            bounds: Bounds::NONE,
        }
    }
}

/// Who asks: nobody, or a proven user.
#[derive(Clone, Debug)]
pub enum Principal {
    /// No credentials were given. Wrong ones are an error and never nobody.
    Nobody,
    /// A proven user.
    Known(Arc<Caller>),
}

impl Principal {
    /// The user, if somebody asks.
    pub fn user(&self) -> Option<&Arc<User>> {
        self.caller().map(|caller| &caller.user)
    }

    /// The proven user with credential and policies, if somebody asks.
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        match self {
            Self::Nobody => None,
            Self::Known(caller) => Some(caller),
        }
    }
}

impl From<Caller> for Principal {
    fn from(caller: Caller) -> Self {
        Self::Known(Arc::new(caller))
    }
}

/// Where a request came from, as the edge established it. An extension of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The client's address: the peer's, or what a trusted proxy says.
    pub source: IpAddr,
    /// The other end of the connection.
    pub peer: SocketAddr,
    /// Whether the client's connection is encrypted.
    pub is_secure: bool,
}
