//! The decision.

use crate::{Action, Principal, Role, User};
use baleen_types::{AccountId, BucketName, Classify, FaultKind, ProjectId};
use std::sync::Arc;

/// What an operation acts on, with as much of its owner as is known before anything acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// What belongs to the asking account itself (its list of buckets, a bucket about to be made).
    OwnAccount,
    /// What belongs to the customer which the request names by its 32-hex id.
    Project(ProjectId),
    /// A bucket, or what is in it.
    Bucket {
        /// The bucket.
        name: &'a BucketName,
        /// The account that owns it; `None` when there is no such bucket, which a known user may learn.
        owner: Option<AccountId>,
    },
}

/// The proof that [`authorize`] said yes: needed to run an operation, and built nowhere else.
#[derive(Clone, Debug)]
pub struct Authorized {
    user: Arc<User>,
    action: Action,
}

impl Authorized {
    /// Who was authorized.
    pub fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// The account that acts.
    pub fn account(&self) -> AccountId {
        self.user.account
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

/// Decides whether `principal` may do `action` to `resource`.
///
/// # Errors
/// [`Denied`], which says nothing about whether the resource exists.
pub fn authorize(principal: &Principal, action: Action, resource: Resource<'_>) -> Result<Authorized, Denied> {
    let user = principal.user().ok_or(Denied::Unauthenticated)?;
    let own = match resource {
        Resource::OwnAccount | Resource::Bucket { owner: None, .. } => true,
        Resource::Project(project) => project == user.project,
        Resource::Bucket { owner: Some(owner), .. } => owner == user.account,
    };
    match (own, user.role) {
        (false, _) => Err(Denied::Foreign),
        (true, Role::Root) => Ok(Authorized {
            user: Arc::clone(user),
            action,
        }),
        // Without attached policies these two have no data permissions (identity contract, "Roles").
        (true, Role::Admin | Role::User) => Err(Denied::NotAllowed),
    }
}

#[cfg(test)]
mod tests;
