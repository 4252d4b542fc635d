//! What can go wrong when somebody proves who they are.

use super::hashing::Busy;
use super::password::PolicyViolation;
use super::throttle::TooMany;
use baleen_types::{Classify, FaultKind};
use std::time::Duration;

/// A failure of logging in, or of changing how somebody logs in. The texts are for the client.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The one answer to everything that is not proven: unknown customer or user, wrong password or code, disabled,
    /// federated, held back. Nothing tells which.
    #[error("the customer, the user name, the password or the code is wrong")]
    Denied,
    /// The password was right, and a code is needed besides. Said only then.
    #[error("a one-time password is required")]
    SecondFactorRequired,
    /// Too many failures from there, or too many log-ins at once.
    #[error("too many attempts; try again later")]
    Throttled {
        /// When it is worth trying again; whole seconds.
        retry_after: Duration,
    },
    /// The new password breaks a rule.
    #[error(transparent)]
    Policy(#[from] PolicyViolation),
    /// A federated user has no password, second factor or reset token of ours.
    #[error("the user logs in through the identity provider of the account")]
    Federated,
    /// The reset token is unknown, used, voided or too old. Nothing tells which.
    #[error("the token is not valid")]
    BadResetToken,
    /// The one-time password does not fit the secret that was prepared.
    #[error("the one-time password is wrong")]
    WrongCode,
    /// No secret was prepared, or too long ago.
    #[error("no second factor is being prepared; prepare one first")]
    NothingPrepared,
    /// The act needs a session that was opened by logging in.
    #[error("log in to do this; an access key or an assumed session does not suffice")]
    NotLoggedIn,
    /// The act needs a session that was opened with a code a short while ago.
    #[error("log in again with a one-time password to do this")]
    NotFresh,
    /// What the identity service says.
    #[error(transparent)]
    Iam(#[from] crate::Error),
}

impl From<Busy> for LoginError {
    fn from(busy: Busy) -> Self {
        Self::Throttled {
            retry_after: busy.retry_after,
        }
    }
}

impl From<TooMany> for LoginError {
    fn from(many: TooMany) -> Self {
        Self::Throttled {
            retry_after: many.retry_after,
        }
    }
}

impl Classify for LoginError {
    fn kind(&self) -> FaultKind {
        match self {
            Self::Denied
            | Self::SecondFactorRequired
            | Self::BadResetToken
            | Self::WrongCode
            | Self::NotLoggedIn
            | Self::NotFresh => FaultKind::Denied,
            Self::Throttled { .. } => FaultKind::Throttled,
            Self::Policy(_) | Self::Federated | Self::NothingPrepared => FaultKind::Invalid,
            Self::Iam(error) => error.kind(),
        }
    }
}
