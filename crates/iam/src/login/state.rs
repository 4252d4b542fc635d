//! How users log in, as their managers see it.

use super::record::StoredLogin;
use crate::users::login_profile_key;
use crate::{Error, Iam};
use baleen_types::{AccountId, Timestamp, UserId};

/// How a user logs in, as those see it who manage the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginState {
    /// When the user logged in last.
    pub last_login: Option<Timestamp>,
    /// Whether there is a password.
    pub has_password: bool,
    /// Whether there is a second factor.
    pub has_second_factor: bool,
}

/// What the logins of an account's users come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginCounts {
    /// When any of them logged in last, deleted ones too.
    pub last: Option<Timestamp>,
    /// How many have a second factor.
    pub second_factors: u64,
}

impl Iam {
    /// How a user logs in.
    pub async fn login_state(&self, account: AccountId, id: UserId) -> Result<LoginState, Error> {
        let stored: Option<StoredLogin> = self.read(&login_profile_key(account, id)).await?;
        let stored = stored.unwrap_or_default();
        Ok(LoginState {
            last_login: stored.last_login_ns.map(Timestamp::from_nanos),
            has_password: stored.password.is_some(),
            has_second_factor: stored.totp.is_some(),
        })
    }
}
