//! The decision.

use crate::{Action, BucketFacts, Caller, Context, Principal, Resource, Role, User};
use baleen_types::{AccountId, Classify, FaultKind};
use std::sync::Arc;

/// A question: may this principal do this action to this resource, in these circumstances?
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// For what.
    pub action: Action,
    /// On what.
    pub resource: Resource<'a>,
    /// In which circumstances.
    pub context: &'a Context<'a>,
}

/// The proof that [`authorize`] said yes: needed to run an operation, and built nowhere else.
#[derive(Clone, Debug)]
pub struct Authorized {
    principal: Principal,
    account: AccountId,
    action: Action,
}

impl Authorized {
    /// Who was authorized.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Who was authorized, unless it is nobody.
    pub fn caller(&self) -> Option<&Arc<Caller>> {
        self.principal.caller()
    }

    /// The user that was authorized, unless it is nobody.
    pub fn user(&self) -> Option<&Arc<User>> {
        self.principal.user()
    }

    /// The account that acts: the user's. Nobody, whom a bucket's policy lets in, acts for the bucket's owner.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// What was authorized.
    pub fn action(&self) -> Action {
        self.action
    }
}

/// The answer no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nobody asked; credentials may help.
    Unauthenticated,
    /// The user is known and may not.
    NotAllowed,
    /// The thing belongs to somebody else; doors which hide other customers' things answer "not found".
    Foreign,
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unauthenticated => "credentials are needed",
            Self::NotAllowed | Self::Foreign => "access denied",
        })
    }
}

impl std::error::Error for Denied {}

impl Classify for Denied {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Unauthenticated => FaultKind::Unauthenticated,
            Self::NotAllowed | Self::Foreign => FaultKind::Denied,
        }
    }
}

/// Decides.
///
/// # Errors
/// [`Denied`], which says nothing about whether the resource exists.
pub fn authorize(ask: &Ask<'_>) -> Result<Authorized, Denied> {
    let user = ask.principal.user().ok_or(Denied::Unauthenticated)?;
    let own = match ask.resource {
        Resource::OwnAccount => true,
        Resource::Project(project) | Resource::Item { project, .. } => project == user.project,
        Resource::Bucket(BucketFacts { owner, .. }) | Resource::Object(BucketFacts { owner, .. }, _) => {
            owner.is_none_or(|owner| owner == user.account)
        }
        Resource::User(target) => target.account == user.account,
        Resource::Policy(target) => target.account == user.account,
        Resource::Customers => user.is_reseller,
        Resource::Customer(of) | Resource::WhitelistRule { of, .. } => user.is_reseller && of.reseller == user.account,
    };
    match (own, user.role) {
        (false, _) => Err(Denied::Foreign),
        (true, Role::Root) => Ok(Authorized {
            principal: ask.principal.clone(),
            account: user.account,
            action: ask.action,
        }),
        // Without attached policies these two have no data permissions (identity contract, "Roles").
        (true, Role::Admin | Role::User) => Err(Denied::NotAllowed),
    }
}

#[cfg(test)]
mod tests;
