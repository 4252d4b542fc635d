//! The root user: made at the first start, or as the environment says.
//!
//! The credentials file is written and synced *before* the store knows the keys. A crash between the two leaves a file that
//! the next start overwrites, never a root user whose keys nobody has.

mod old_token;
mod reset;

pub use reset::RootReset;

use crate::accounts::root_rows;
use crate::epochs::Scope;
use crate::limits::TOKEN_SHORT_ID_DIGITS;
use crate::records::{
    ApiTokenHash, Root, StoredKey, StoredRole, StoredToken, StoredUser, access_key_id, account_id, decode, encode,
    stamp, user_id,
};
use crate::{Error, Iam, ids, tokens};
use baleen_keyring::write_private;
use baleen_meta::keys::{KeyReader, KeyWriter, Table};
use baleen_meta::{Meta, Request, Scan};
use baleen_tenancy::Prepared;
use baleen_types::{AccessKeyId, AccountId, CustomerName, Invalid, Secret, UserId};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;

/// The name of the first user of a store.
pub const ROOT_USER_NAME: &str = "root";

/// Says that every user of the store is found by its name. The first releases had no such index.
fn names_are_indexed_key() -> Vec<u8> {
    KeyWriter::new(Table::System).tail("users-by-name")
}

/// The root user's credentials as they lie in `root-credentials.json`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RootCredentials {
    /// The 12-digit account, as in ARNs.
    pub account_id: String,
    /// The 32-hex id of the same customer: PCAPs' `account_id`, CFW's `project_id`.
    pub project_id: String,
    /// The root user's name; also the e-mail of `X-Auth-Email`.
    pub user_name: String,
    /// The access key id for S3.
    pub access_key_id: String,
    /// The secret of the access key.
    pub secret_access_key: String,
    /// The 32-hex API token of the capture door; `None` only when the file was lost, since the store keeps its hash alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_token: Option<String>,
}

impl std::fmt::Debug for RootCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RootCredentials({}, hidden)", self.access_key_id)
    }
}

/// What the operator sets instead of what would be generated (`BALEEN_ROOT_…`).
#[derive(Clone, Debug, Default)]
pub struct RootOverrides {
    /// The access key: id and secret, only both together.
    pub access_key: Option<(AccessKeyId, Secret)>,
    /// The API token: 32 lower-case hex digits.
    pub api_token: Option<Secret>,
}

impl RootOverrides {
    /// Checks what the environment gives.
    ///
    /// # Errors
    /// `Invalid` when a part is malformed, or one half of the access key is missing.
    pub fn parse(id: Option<&str>, secret: Option<&str>, token: Option<&str>) -> Result<Self, Invalid> {
        let access_key = match (id, secret) {
            (None, None) => None,
            (Some(id), Some(secret)) => {
                if !(16..=128).contains(&secret.len()) || !secret.bytes().all(|b| b.is_ascii_graphic()) {
                    return Err(Invalid::new(
                        "root secret access key",
                        "16 to 128 visible ASCII characters are expected",
                    ));
                }
                Some((AccessKeyId::parse(id)?, Secret::new(secret)))
            }
            _ => {
                return Err(Invalid::new(
                    "root access key",
                    "BALEEN_ROOT_ACCESS_KEY_ID and BALEEN_ROOT_SECRET_ACCESS_KEY must be set together",
                ));
            }
        };
        let api_token = match token {
            None => None,
            Some(token) if is_token(token) => Some(Secret::new(token)),
            Some(_) => return Err(Invalid::new("root API token", "32 lower-case hex digits are expected")),
        };
        Ok(Self { access_key, api_token })
    }
}

/// Tells whether a text has the form of an API token: 32 lower-case hex digits (CloudShark contract, section 1).
pub(crate) fn is_token(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// What [`Iam::ensure_root`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootStart {
    /// The first start: account and root user were made, the file was written.
    Created,
    /// The operator's values differ from the stored ones and replaced them; the file was written.
    Replaced,
    /// Nothing had to be done; the file was not looked at.
    Kept,
}

impl Iam {
    /// Makes sure that there is a root user with the credentials the operator wants. Its customer is the reseller of that
    /// name; one that has a name keeps it.
    ///
    /// # Errors
    /// `File` when `file` cannot be written; `Race` when another process does the same.
    pub async fn ensure_root(
        &self,
        reseller: &CustomerName,
        overrides: &RootOverrides,
        file: &Path,
    ) -> Result<RootStart, Error> {
        match self.read_root().await? {
            None => self.create_root(reseller, overrides, file).await,
            Some(root) => {
                self.upgrade(&root, reseller, file).await?;
                self.replace_root_keys(root, overrides, file).await
            }
        }
    }

    /// Brings a store of the first releases up to date: its account gets the reseller's name, its users are indexed, and its
    /// token can be named.
    async fn upgrade(&self, root: &Root, reseller: &CustomerName, file: &Path) -> Result<(), Error> {
        let named = self.parts.tenancy.ensure_named(account_id(root.account)?, reseller);
        named.await.map_err(Error::Tenancy)?;
        self.index_names().await?;
        self.name_old_token(root, file).await
    }

    /// Enters the users of a store of the first releases, which were roots all, into the indexes. Runs again after a crash.
    async fn index_names(&self) -> Result<(), Error> {
        let done = names_are_indexed_key();
        if self.parts.meta.get(&done).await.map_err(Error::Meta)?.is_some() {
            return Ok(());
        }
        let prefix = KeyWriter::new(Table::User).finish();
        for entry in self.parts.meta.scan(Scan::prefix(&prefix)).await.map_err(Error::Meta)? {
            if entry.key.len() < StoredUser::KEY_BYTES {
                continue;
            }
            let mut key = KeyReader::new(&entry.key, Table::User).map_err(Error::Meta)?;
            let (account, id) = (
                account_id(key.u64().map_err(Error::Meta)?)?,
                user_id(key.u64().map_err(Error::Meta)?)?,
            );
            let user: StoredUser = decode(&entry.value)?;
            let named = StoredUser::by_name_key(account, &user.name()?.folded());
            let request = Request::new()
                .absent(named.clone())
                .put(named, id.to_string())
                .put(StoredUser::root_key(account), id.to_string())
                .add(StoredUser::by_name_key(account, ""), 1);
            self.settle(request, &[]).await?;
        }
        self.commit(Request::new().put(done, ""), &[]).await
    }

    async fn create_root(
        &self,
        reseller: &CustomerName,
        overrides: &RootOverrides,
        file: &Path,
    ) -> Result<RootStart, Error> {
        let entropy = &*self.parts.entropy;
        let at = stamp(self.parts.clock.now());
        let Prepared { customer, request } = self
            .parts
            .tenancy
            .prepare_reseller(reseller)
            .await
            .map_err(Error::Tenancy)?;
        let (account, user) = (customer.account, UserId::from_entropy(entropy.number()));
        let stored_user = StoredUser::new(ROOT_USER_NAME.to_owned(), StoredRole::Root, at);
        let fresh_key = || (ids::access_key_id(entropy), ids::secret_key(entropy));
        let (key_id, secret) = overrides.access_key.clone().unwrap_or_else(fresh_key);
        let token = overrides
            .api_token
            .clone()
            .unwrap_or_else(|| Secret::new(hex::encode(entropy.bytes::<16>())));
        let owner = Owner { account, user };
        let root = Root {
            account: account.as_u64(),
            user: user.as_u64(),
            access_key: key_id.to_string(),
            token: ApiTokenHash::of(&token),
        };
        let request = request
            .absent(Root::key())
            .put(Root::key(), encode(&root)?)
            .put(names_are_indexed_key(), "")
            .and(root_rows(account, user, &stored_user)?)
            .and(self.key_rows(account, user, &key_id, &secret)?.1)
            .and(self.add_token(owner, &token).await?);
        let credentials = RootCredentials {
            account_id: account.to_string(),
            project_id: customer.project.to_string(),
            user_name: stored_user.name,
            access_key_id: key_id.to_string(),
            secret_access_key: secret.expose().to_owned(),
            api_token: Some(token.expose().to_owned()),
        };
        save(&credentials, file)?;
        self.commit(request, &[]).await?;
        Ok(RootStart::Created)
    }

    async fn replace_root_keys(&self, root: Root, overrides: &RootOverrides, file: &Path) -> Result<RootStart, Error> {
        let key_id = access_key_id(&root.access_key)?;
        // A root may have deleted its first key, and uses others.
        let old_secret = match self.read::<StoredKey>(&StoredKey::key(&key_id)).await? {
            Some(stored) => Some(self.open_key(&key_id, &stored)?),
            None => None,
        };
        let differs = |(id, secret): &&(AccessKeyId, Secret)| {
            *id != key_id || old_secret.as_ref().is_none_or(|old| secret.expose() != old.expose())
        };
        let new_key = overrides.access_key.as_ref().filter(differs);
        let new_token = overrides
            .api_token
            .as_ref()
            .filter(|token| ApiTokenHash::of(token) != root.token);
        if new_key.is_none() && new_token.is_none() {
            return Ok(RootStart::Kept);
        }
        let owner = Owner {
            account: account_id(root.account)?,
            user: user_id(root.user)?,
        };
        let (user, _) = self
            .in_force(owner.account, owner.user)
            .await?
            .ok_or(Error::Damaged("root"))?;
        let user = Arc::clone(&user.user);
        let mut next = root.clone();
        let mut request = Request::new().unchanged(Root::key(), Some(encode(&root)?));
        let mut secret = old_secret.clone();
        if let Some((id, wanted)) = new_key {
            request = request
                .delete(StoredKey::key(&key_id))
                .delete(StoredKey::by_user_key(owner.account, owner.user, &key_id))
                .and(self.key_rows(owner.account, owner.user, id, wanted)?.1);
            next.access_key = id.to_string();
            secret = Some(wanted.clone());
        }
        // The store has the token's hash alone; an unchanged token stays in the file if the file still has it.
        let kept = read_file(file).and_then(|old| old.api_token);
        let mut token = kept.filter(|t| ApiTokenHash::of(&Secret::new(t)) == root.token);
        if let Some(wanted) = new_token {
            next.token = ApiTokenHash::of(wanted);
            if let Some(old) = self.read::<StoredToken>(&StoredToken::key(root.token)).await? {
                request = request.and(tokens::rows_away(owner.account, root.token, &old)?);
            }
            request = request.and(self.add_token(owner, wanted).await?);
            token = Some(wanted.expose().to_owned());
        }
        let credentials = RootCredentials {
            account_id: owner.account.to_string(),
            project_id: user.project.to_string(),
            user_name: user.name.to_string(),
            access_key_id: next.access_key.clone(),
            secret_access_key: secret.map(|s| s.expose().to_owned()).unwrap_or_default(),
            api_token: token,
        };
        save(&credentials, file)?;
        let request = request.put(Root::key(), encode(&next)?);
        self.commit(request, &[Scope::User(owner.account, owner.user)]).await?;
        Ok(RootStart::Replaced)
    }

    /// The rows of a root's token, which has all rights. It is named by its first digits, more of them if another token of
    /// the account begins alike.
    async fn add_token(&self, owner: Owner, token: &Secret) -> Result<Request, Error> {
        let view = self.view().await?;
        let mut short_id = token.expose();
        for digits in TOKEN_SHORT_ID_DIGITS..short_id.len() {
            let shorter = &token.expose()[..digits];
            if view
                .bytes(&StoredToken::by_short_key(owner.account, shorter))
                .await?
                .is_none()
            {
                short_id = shorter;
                break;
            }
        }
        let (account, user) = (owner.account.as_u64(), owner.user.as_u64());
        let at = stamp(self.parts.clock.now());
        let record = StoredToken::of_root(account, user, short_id.to_owned(), at);
        tokens::rows(owner.account, owner.user, ApiTokenHash::of(token), &record)
    }

    async fn commit(&self, request: Request, scopes: &[Scope]) -> Result<(), Error> {
        if self.settle(request, scopes).await? {
            return Ok(());
        }
        Err(Error::Race)
    }

    /// The account of root, unless the store is new; for what concerns the store as a whole.
    ///
    /// # Errors
    /// When nobody can tell now.
    pub async fn root_account(meta: &Meta) -> Result<Option<AccountId>, Error> {
        let found = meta.get(&Root::key()).await.map_err(Error::Meta)?;
        let root = found.map(|bytes| decode::<Root>(&bytes)).transpose()?;
        root.map(|root| account_id(root.account)).transpose()
    }

    pub(crate) async fn read_root(&self) -> Result<Option<Root>, Error> {
        self.read(&Root::key()).await
    }
}

/// Whose a key or a token is.
#[derive(Clone, Copy)]
struct Owner {
    account: AccountId,
    user: UserId,
}

fn save(credentials: &RootCredentials, file: &Path) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(credentials).expect("plain text fields always serialize");
    text.push('\n');
    let source = |source| Error::File {
        doing: "write",
        path: file.to_owned(),
        source,
    };
    write_private(file, text.as_bytes()).map_err(source)
}

fn read_file(file: &Path) -> Option<RootCredentials> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

#[cfg(test)]
pub(crate) mod tests;
