//! Whom a statement of a bucket's policy is about.

use crate::document::Effect;
use crate::scene::Scene;
use crate::{Caller, Role, SessionKind};
use baleen_types::{AccountId, UserName};

/// The `Principal` or `NotPrincipal` of a statement.
#[derive(Clone, Debug)]
pub(crate) struct Principals {
    /// Whether the statement is about all but the named ones.
    pub(crate) but: bool,
    pub(crate) named: Box<[Named]>,
}

/// A principal as a policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// `*`: also who has no credentials.
    Everyone,
    /// An account, by its id or its root.
    Account(AccountId),
    User {
        account: AccountId,
        path: Box<str>,
        name: UserName,
    },
    /// A reseller within the account: `arn:aws:sts::{account}:assumed-role/reseller/{name}`.
    Reseller { account: AccountId, name: UserName },
    /// A service of the cloud's. None of ours asks by this way.
    Service,
}

/// How far a statement reaches to the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    #[default]
    Nowhere,
    /// To the caller's account: a grant is left to the account's own policies, a denial holds.
    Account,
    /// To the caller.
    Caller,
}

/// In policies, the account of whose the resource is (identity contract, section 1, "Account id").
const OWN_ACCOUNT: &str = "000000000000";

impl Principals {
    pub(crate) fn reach(&self, effect: Effect, scene: &Scene<'_>) -> Reach {
        let named = self
            .named
            .iter()
            .map(|named| named.reach(scene))
            .max()
            .unwrap_or_default();
        if !self.but {
            return named;
        }
        let excepted = match effect {
            // To name an account excepts its root, not its users (AWS, "NotPrincipal with Deny").
            Effect::Deny => named == Reach::Caller || self.names_own_root(scene),
            // Whoever could be meant gets nothing.
            Effect::Allow => named != Reach::Nowhere,
        };
        if excepted { Reach::Nowhere } else { Reach::Caller }
    }

    pub(crate) fn includes_everyone(&self) -> bool {
        self.but || self.named.contains(&Named::Everyone)
    }

    fn names_own_root(&self, scene: &Scene<'_>) -> bool {
        let root = scene
            .caller
            .filter(|caller| caller.user.role == Role::Root && !is_reseller(caller));
        root.is_some_and(|root| {
            let mut named = self.named.iter();
            named.any(|named| matches!(named, Named::Account(account) if is(*account, root.user.account, scene)))
        })
    }
}

impl Named {
    /// Reads one principal.
    pub(crate) fn parse(kind: &str, text: &str) -> Result<Self, String> {
        let refuse = || format!("{text:?} is no principal; arn:aws:iam::123456789012:user/ann is one");
        match kind {
            "AWS" => {}
            "Service" => return Ok(Self::Service),
            _ => return Err(format!("principals of the kind {kind:?} are not known; AWS is")),
        }
        if text == "*" {
            return Ok(Self::Everyone);
        }
        if let Ok(account) = AccountId::parse(text) {
            return Ok(Self::Account(account));
        }
        let (service, rest) = ["iam", "sts"]
            .iter()
            .find_map(|service| Some((*service, text.strip_prefix(&format!("arn:aws:{service}::"))?)))
            .ok_or_else(refuse)?;
        let (account, resource) = rest.split_once(':').ok_or_else(refuse)?;
        let account = AccountId::parse(account).map_err(|_| refuse())?;
        match (service, resource) {
            ("iam", "root") => Ok(Self::Account(account)),
            ("iam", user) => {
                let at = user
                    .strip_prefix("user")
                    .filter(|at| at.starts_with('/'))
                    .ok_or_else(refuse)?;
                let (path, name) = at.split_at(at.rfind('/').map_or(0, |slash| slash + 1));
                let name = UserName::parse(name).map_err(|_| refuse())?;
                if path.contains(['*', '?']) {
                    return Err(refuse());
                }
                Ok(Self::User {
                    account,
                    path: path.into(),
                    name,
                })
            }
            (_, role) => {
                let name = role.strip_prefix("assumed-role/reseller/").ok_or_else(refuse)?;
                let name = UserName::parse(name).map_err(|_| refuse())?;
                Ok(Self::Reseller { account, name })
            }
        }
    }

    fn reach(&self, scene: &Scene<'_>) -> Reach {
        if *self == Self::Everyone {
            return Reach::Caller;
        }
        let Some(caller) = scene.caller else {
            return Reach::Nowhere;
        };
        let own = caller.user.account;
        match self {
            Self::Everyone => Reach::Caller,
            Self::Account(account) if is(*account, own, scene) => Reach::Account,
            Self::User { account, path, name } => {
                let user = &caller.user;
                let same = is(*account, own, scene) && user.role != Role::Root && user.path == *path;
                if same && user.name == *name {
                    Reach::Caller
                } else {
                    Reach::Nowhere
                }
            }
            Self::Reseller { account, name } => {
                let by = caller.session().and_then(|session| match &session.kind {
                    SessionKind::Reseller { by } => Some(by),
                    SessionKind::Login | SessionKind::Federated | SessionKind::Derived => None,
                });
                let same = is(*account, own, scene) && by.is_some_and(|by| by.user.name == *name);
                if same { Reach::Caller } else { Reach::Nowhere }
            }
            Self::Account(_) | Self::Service => Reach::Nowhere,
        }
    }
}

/// Whether an account in a policy is the caller's.
fn is(named: AccountId, callers: AccountId, scene: &Scene<'_>) -> bool {
    let own = AccountId::parse(OWN_ACCOUNT).ok();
    named == callers || (Some(named) == own && scene.owner == Some(callers))
}

fn is_reseller(caller: &Caller) -> bool {
    caller
        .session()
        .is_some_and(|session| matches!(session.kind, SessionKind::Reseller { .. }))
}
