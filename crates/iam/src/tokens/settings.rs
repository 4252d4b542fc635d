//! What an account's admins let users and guests do with tokens.

use super::TokenSettings;
use super::record::StoredTokenSettings;
use super::rights::{manages_all, must_manage_all};
use crate::change::View;
use crate::records::encode;
use crate::{Error, Iam};
use baleen_meta::Request;
use baleen_policy::Authorized;
use baleen_types::AccountId;

impl Iam {
    /// What the account's admins have set for tokens.
    pub async fn token_settings(&self, account: AccountId) -> Result<TokenSettings, Error> {
        let stored: Option<StoredTokenSettings> = self.read(&StoredTokenSettings::key(account)).await?;
        let stored = stored.unwrap_or_default();
        Ok(TokenSettings {
            lets_users_define: stored.lets_users_define,
            lets_guests_in: stored.lets_guests_in,
        })
    }

    /// Sets what users and guests may.
    ///
    /// # Errors
    /// `NotAllowed` for who does not manage all tokens.
    pub async fn set_token_settings(&self, by: &Authorized, settings: TokenSettings) -> Result<(), Error> {
        must_manage_all(by)?;
        let stored = StoredTokenSettings {
            lets_users_define: settings.lets_users_define,
            lets_guests_in: settings.lets_guests_in,
        };
        let request = Request::new().put(StoredTokenSettings::key(by.account()), encode(&stored)?);
        self.settle(request, &[]).await.map(drop)
    }
}

/// Refuses who neither manages all tokens nor may define own ones.
pub(super) async fn may_define(view: &View, by: &Authorized) -> Result<(), Error> {
    if manages_all(by) || settings(view, by.account()).await?.lets_users_define {
        Ok(())
    } else {
        Err(Error::NotAllowed("users may not define API tokens"))
    }
}

pub(super) async fn settings(view: &View, account: AccountId) -> Result<StoredTokenSettings, Error> {
    let stored = view
        .get::<StoredTokenSettings>(&StoredTokenSettings::key(account))
        .await?;
    Ok(stored.map(|stored| stored.value).unwrap_or_default())
}
