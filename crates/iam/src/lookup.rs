//! From credentials to users: what every request does once.

use crate::records::{
    ApiTokenHash, KeyStatus, Root, StoredAccount, StoredKey, StoredToken, StoredUser, account_id, user_id,
};
use crate::root::is_token;
use crate::{Error, Iam};
use baleen_meta::record::{self, Record};
use baleen_policy::User;
use baleen_types::{AccessKeyId, AccountId, ProjectId, Secret, UserId};
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;

/// Known keys held in memory; above it the cache starts anew, which costs one look-up per key in use.
const CACHED_KEYS_MAX: usize = 10_000;

/// An active access key with its secret and its user.
#[derive(Debug)]
pub struct AccessKey {
    /// The secret that signs.
    pub secret: Secret,
    /// Who signs with it.
    pub user: Arc<User>,
}

/// Access keys by id, so that a request costs no look-up and no decryption. Every change of a key empties it.
#[derive(Default)]
pub(crate) struct Cache(RwLock<HashMap<AccessKeyId, Arc<AccessKey>>>);

impl Cache {
    pub(crate) fn forget_all(&self) {
        self.0.write().clear();
    }

    fn get(&self, id: &AccessKeyId) -> Option<Arc<AccessKey>> {
        self.0.read().get(id).cloned()
    }

    fn put(&self, id: &AccessKeyId, key: &Arc<AccessKey>) {
        let mut keys = self.0.write();
        if keys.len() >= CACHED_KEYS_MAX {
            keys.clear();
        }
        keys.insert(id.clone(), Arc::clone(key));
    }
}

impl Iam {
    /// The active access key of that id, or `None`; an unknown and an inactive key answer alike.
    pub async fn access_key(&self, id: &AccessKeyId) -> Result<Option<Arc<AccessKey>>, Error> {
        if let Some(key) = self.keys.get(id) {
            return Ok(Some(key));
        }
        let Some(stored) = self.read_key(id).await?.filter(|k| k.status == KeyStatus::Active) else {
            return Ok(None);
        };
        let secret = self.open_key(id, &stored)?;
        let user = self.user(account_id(stored.account)?, user_id(stored.user)?).await?;
        let key = Arc::new(AccessKey { secret, user });
        self.keys.put(id, &key);
        Ok(Some(key))
    }

    /// The user of an API token, or `None`. With `email` given (`X-Auth-Email`), it must be the user's name.
    ///
    /// The token is looked up by its SHA-256, so neither the store nor the time taken tells anything of it.
    pub async fn api_token(&self, email: Option<&str>, token: &Secret) -> Result<Option<Arc<User>>, Error> {
        if !is_token(token.expose()) {
            return Ok(None);
        }
        let found: Option<StoredToken> = self.get(StoredToken::key(ApiTokenHash::of(token))).await?;
        let Some(stored) = found else {
            return Ok(None);
        };
        let user = self.user(account_id(stored.account)?, user_id(stored.user)?).await?;
        let named = email.is_none_or(|e| e.eq_ignore_ascii_case(user.name.as_str()));
        Ok(named.then_some(user))
    }

    pub(crate) async fn user(&self, account: AccountId, user: UserId) -> Result<Arc<User>, Error> {
        let keys = [StoredUser::key(account, user), StoredAccount::key(account)];
        let mut values = self.parts.meta.get_many(&keys).await.map_err(Error::Meta)?.into_iter();
        let stored: StoredUser = decode(&values.next().flatten().ok_or(Error::Damaged("user"))?)?;
        let owner: StoredAccount = decode(&values.next().flatten().ok_or(Error::Damaged("account"))?)?;
        let project = ProjectId::from_bytes(owner.project);
        Ok(Arc::new(User::new(
            account,
            project,
            user,
            stored.name()?,
            stored.role.into(),
        )))
    }

    pub(crate) fn open_key(&self, id: &AccessKeyId, stored: &StoredKey) -> Result<Secret, Error> {
        let opened = self.parts.sealer.open(StoredKey::context(id), &stored.sealed_secret);
        opened.map_err(|source| Error::Sealed {
            access_key_id: id.to_string(),
            source,
        })
    }

    pub(crate) async fn read_root(&self) -> Result<Option<Root>, Error> {
        self.get(Root::key()).await
    }

    pub(crate) async fn read_key(&self, id: &AccessKeyId) -> Result<Option<StoredKey>, Error> {
        self.get(StoredKey::key(id)).await
    }

    async fn get<R: Record>(&self, key: Vec<u8>) -> Result<Option<R>, Error> {
        self.parts
            .meta
            .get(&key)
            .await
            .map_err(Error::Meta)?
            .as_ref()
            .map(decode)
            .transpose()
    }
}

fn decode<R: Record>(bytes: &Bytes) -> Result<R, Error> {
    record::decode(bytes).map_err(|error| Error::Meta(error.into()))
}
