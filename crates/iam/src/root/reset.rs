//! The way back in when root's credentials are lost, or in other hands.

use super::{Owner, RootCredentials, RootOverrides, save};
use crate::epochs::Scope;
use crate::login::{limits::RESET_TOKEN_KEPT, start_over};
use crate::records::{ApiTokenHash, Root, StoredKey, access_key_id, account_id, encode, user_id};
use crate::{Error, Iam, ids};
use baleen_meta::{Request, Scan};
use baleen_types::{CustomerName, Secret, Timestamp};
use std::path::Path;

/// What [`Iam::reset_root`] did.
#[derive(Debug)]
pub struct RootReset {
    /// What the file holds now.
    pub credentials: RootCredentials,
    /// Sets root's password, once.
    pub reset_token: Secret,
    /// When that token ends.
    pub reset_token_ends: Timestamp,
    /// Access keys of root that were deleted.
    pub access_keys: usize,
    /// API tokens of root that were deleted.
    pub api_tokens: usize,
}

impl Iam {
    /// Gives root new credentials, and takes every older way in: its access keys and API tokens, password and second factor,
    /// reset tokens and sessions. Nobody signs for this: it is for who may open the data folder while no server does.
    ///
    /// What the operator sets (`overrides`) stays as set, since the next start would restore it. The store may be one of the
    /// first releases that no later one has started on: it is brought up to date as a start would.
    ///
    /// The file is written before the store knows the keys, as at the first start. After a crash in between, whose file holds
    /// keys of nobody, this runs again.
    ///
    /// # Errors
    /// `NoSuchEntity` when there is no root yet; `File` when `file` cannot be written; `Race` when another process is faster.
    pub async fn reset_root(
        &self,
        reseller: &CustomerName,
        overrides: &RootOverrides,
        file: &Path,
    ) -> Result<RootReset, Error> {
        let root = self.read_root().await?;
        let root = root.ok_or_else(|| Error::no_such("user", super::ROOT_USER_NAME))?;
        self.upgrade(&root, reseller, file).await?;
        let owner = Owner {
            account: account_id(root.account)?,
            user: user_id(root.user)?,
        };
        let in_force = self.in_force(owner.account, owner.user).await?;
        let user = in_force.ok_or(Error::Damaged("root"))?.0.user.clone();
        let api_tokens = self.end_tokens(owner.account, owner.user).await?;

        let (entropy, now) = (&*self.parts.entropy, self.parts.clock.now());
        let current = self.known_subject(owner.account, owner.user).await?;
        let (logins_away, reset_token) = start_over(&current, entropy, now)?;
        let (keys_away, access_keys) = self.keys_away(owner).await?;
        let fresh_key = || (ids::access_key_id(entropy), ids::secret_key(entropy));
        let (key_id, secret) = overrides.access_key.clone().unwrap_or_else(fresh_key);
        let token = overrides
            .api_token
            .clone()
            .unwrap_or_else(|| Secret::new(hex::encode(entropy.bytes::<16>())));
        let next = Root {
            access_key: key_id.to_string(),
            token: ApiTokenHash::of(&token),
            ..root.clone()
        };
        // The new key comes last: the operator's may be the one that it replaces.
        let request = Request::new()
            .unchanged(Root::key(), Some(encode(&root)?))
            .put(Root::key(), encode(&next)?)
            .and(logins_away)
            .and(keys_away)
            .and(self.key_rows(owner.account, owner.user, &key_id, &secret)?.1)
            .and(self.add_token(owner, &token).await?);
        let credentials = RootCredentials {
            account_id: owner.account.to_string(),
            project_id: user.project.to_string(),
            user_name: user.name.to_string(),
            access_key_id: key_id.to_string(),
            secret_access_key: secret.expose().to_owned(),
            api_token: Some(token.expose().to_owned()),
        };
        save(&credentials, file)?;
        self.commit(request, &[Scope::User(owner.account, owner.user)]).await?;
        Ok(RootReset {
            credentials,
            reset_token,
            reset_token_ends: now.plus(RESET_TOKEN_KEPT),
            access_keys,
            api_tokens,
        })
    }

    async fn keys_away(&self, owner: Owner) -> Result<(Request, usize), Error> {
        let prefix = StoredKey::of_user(owner.account, owner.user).finish();
        let entries = self.view().await?.scan(Scan::prefix(&prefix).keys_only()).await?;
        let mut request = Request::new();
        for entry in &entries {
            let id = std::str::from_utf8(&entry.key[prefix.len()..]).map_err(|_| Error::Damaged("key"))?;
            let id = access_key_id(id)?;
            request =
                request
                    .delete(StoredKey::key(&id))
                    .delete(StoredKey::by_user_key(owner.account, owner.user, &id));
        }
        Ok((request, entries.len()))
    }
}
