//! How users log in, as their managers see it.

use super::record::StoredLogin;
use crate::paging::Walk;
use crate::records::decode;
use crate::users::{login_profile_key, login_profiles_of};
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
    /// When any of them logged in last.
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

    /// What the logins of an account's users come to; reads them all.
    pub async fn count_logins(&self, account: AccountId) -> Result<LoginCounts, Error> {
        let view = self.view().await?;
        let mut walk = Walk::new(&view, login_profiles_of(account));
        let mut counts = LoginCounts::default();
        loop {
            let entries = walk.next().await?;
            if entries.is_empty() {
                return Ok(counts);
            }
            for entry in entries {
                let stored: StoredLogin = decode(&entry.value)?;
                counts.last = counts.last.max(stored.last_login_ns.map(Timestamp::from_nanos));
                counts.second_factors += u64::from(stored.totp.is_some());
            }
        }
    }
}
