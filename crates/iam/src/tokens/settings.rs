//! What an account's admins let users and guests do with tokens.

use super::record::StoredTokenSettings;
use super::rights::{manages_all, must_manage_all};
use super::{TokenSettings, TokenSettingsChange};
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
        Ok(stored.unwrap_or_default().into())
    }

    /// Sets what users and guests may, as far as the change says.
    ///
    /// # Errors
    /// `NotAllowed` for who does not manage all tokens.
    pub async fn set_token_settings(
        &self,
        by: &Authorized,
        change: TokenSettingsChange,
    ) -> Result<TokenSettings, Error> {
        must_manage_all(by)?;
        let key = StoredTokenSettings::key(by.account());
        self.tried(|| async {
            let before = self.view().await?.get::<StoredTokenSettings>(&key).await?;
            let was = before.as_ref().map(|before| before.value).unwrap_or_default();
            let next = StoredTokenSettings {
                lets_users_define: change.lets_users_define.unwrap_or(was.lets_users_define),
                lets_guests_in: change.lets_guests_in.unwrap_or(was.lets_guests_in),
            };
            let request = match &before {
                Some(before) => before.replace(key.clone(), &next)?,
                None => Request::new().absent(key.clone()).put(key.clone(), encode(&next)?),
            };
            Ok(self.settle(request, &[]).await?.then_some(next.into()))
        })
        .await
    }
}

impl From<StoredTokenSettings> for TokenSettings {
    fn from(stored: StoredTokenSettings) -> Self {
        Self {
            lets_users_define: stored.lets_users_define,
            lets_guests_in: stored.lets_guests_in,
        }
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
