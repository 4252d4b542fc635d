//! Who asks.

use baleen_types::{AccountId, ProjectId, UserId, UserName};
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
}

/// Who asks: nobody, or a user. Sessions and tokens follow here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// No credentials were given.
    Nobody,
    /// A user, proven by an access key or an API token.
    User(Arc<User>),
}

impl Principal {
    /// The user, if somebody asks.
    pub fn user(&self) -> Option<&Arc<User>> {
        match self {
            Self::Nobody => None,
            Self::User(user) => Some(user),
        }
    }
}
