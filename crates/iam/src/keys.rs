//! Access keys.

use crate::epochs::Scope;
use crate::limits::KEYS_PER_USER_MAX;
use crate::records::{StoredKey, StoredKeyStatus, StoredUse, access_key_id, account_id, encode, stamp, user_id};
use crate::{Error, Iam, Page, PageRequest, ids};
use baleen_meta::{Request, Scan};
use baleen_policy::Authorized;
use baleen_types::{AccessKeyId, AccountId, Secret, Timestamp, UserId};

/// An access key as those see it who manage it: without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKeyInfo {
    /// The public half.
    pub id: AccessKeyId,
    /// Whose it is.
    pub user: UserId,
    /// Whether it may sign.
    pub is_active: bool,
    /// When it was made.
    pub created: Timestamp,
    /// What it was used for last, as far as that is known: about a minute late.
    pub last_used: Option<LastUse>,
}

/// A use of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// When, to about a minute.
    pub at: Timestamp,
    /// The service that was asked, as the signature names it.
    pub service: String,
    /// The region that the signature names.
    pub region: String,
}

/// A key that was just made, with the secret that is shown once.
#[derive(Debug)]
pub struct NewAccessKey {
    /// The key.
    pub info: AccessKeyInfo,
    /// Its secret.
    pub secret: Secret,
}

impl AccessKeyInfo {
    fn new(id: AccessKeyId, stored: &StoredKey) -> Result<Self, Error> {
        Ok(Self {
            id,
            user: user_id(stored.user)?,
            is_active: stored.status == StoredKeyStatus::Active,
            created: Timestamp::from_nanos(stored.created_ns),
            last_used: stored.last_used.as_ref().map(LastUse::from),
        })
    }
}

impl From<&StoredUse> for LastUse {
    fn from(stored: &StoredUse) -> Self {
        Self {
            at: Timestamp::from_nanos(stored.at_ns),
            service: stored.service.clone(),
            region: stored.region.clone(),
        }
    }
}

impl Iam {
    /// Makes an access key of a user.
    ///
    /// # Errors
    /// `LimitExceeded` when the user has two.
    pub async fn create_access_key(&self, by: &Authorized, user: UserId) -> Result<NewAccessKey, Error> {
        let account = by.account();
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.known_user(account, user).await?;
            let held = Scan::prefix(&StoredKey::of_user(account, user).finish()).limit(KEYS_PER_USER_MAX);
            if view.scan(held.keys_only()).await?.len() >= KEYS_PER_USER_MAX {
                return Err(Error::LimitExceeded {
                    what: "access keys of one user",
                    limit: KEYS_PER_USER_MAX,
                });
            }
            let (id, secret) = (
                ids::access_key_id(&*self.parts.entropy),
                ids::secret_key(&*self.parts.entropy),
            );
            let (stored, rows) = self.key_rows(account, user, &id, &secret)?;
            let request = was.touch(account, user)?.absent(StoredKey::key(&id)).and(rows);
            let info = AccessKeyInfo::new(id, &stored)?;
            let made = self.settle(request, &[]).await?;
            Ok(made.then_some(NewAccessKey { info, secret }))
        })
        .await
    }

    /// The access keys of a user, in the order of their ids. Sessions are not among them.
    pub async fn list_access_keys(
        &self,
        by: &Authorized,
        user: UserId,
        ask: &PageRequest,
    ) -> Result<Page<AccessKeyInfo>, Error> {
        let account = by.account();
        let view = self.view().await?;
        view.known_user(account, user).await?;
        let prefix = StoredKey::of_user(account, user).finish();
        let mut keys = Vec::new();
        // A root whose key was set by the operator may have more than two.
        for entry in view.scan(Scan::prefix(&prefix).keys_only()).await? {
            let text = std::str::from_utf8(&entry.key[prefix.len()..]).map_err(|_| Error::Damaged("key"))?;
            let id = access_key_id(text)?;
            if let Some(stored) = view.get::<StoredKey>(&StoredKey::key(&id)).await? {
                keys.push((
                    text.to_owned(),
                    self.freshly_used(AccessKeyInfo::new(id, &stored.value)?),
                ));
            }
        }
        self.page_of(by, ask, keys)
    }

    /// An access key of the account, whoever has it.
    pub async fn find_access_key(&self, account: AccountId, id: &AccessKeyId) -> Result<AccessKeyInfo, Error> {
        let stored = self.view().await?.get::<StoredKey>(&StoredKey::key(id)).await?;
        let stored = stored.filter(|key| key.value.account == account.as_u64());
        let stored = stored.ok_or_else(|| Error::no_such("access key with id", id))?;
        Ok(self.freshly_used(AccessKeyInfo::new(id.clone(), &stored.value)?))
    }

    /// Lets an access key sign, or no longer. Sessions made with it end with it.
    ///
    /// # Errors
    /// `NoSuchEntity` also when the key is another user's.
    pub async fn update_access_key(
        &self,
        by: &Authorized,
        user: UserId,
        id: &AccessKeyId,
        is_active: bool,
    ) -> Result<(), Error> {
        let account = by.account();
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.get::<StoredKey>(&StoredKey::key(id)).await?;
            let was = was.filter(|key| is_of(&key.value, account, user));
            let was = was.ok_or_else(|| Error::no_such("access key with id", id))?;
            let mut next = was.value.clone();
            next.status = if is_active {
                StoredKeyStatus::Active
            } else {
                StoredKeyStatus::Inactive
            };
            let request = was.replace(StoredKey::key(id), &next)?;
            Ok(self.settle(request, &[Scope::User(account, user)]).await?.then_some(()))
        })
        .await
    }

    /// Deletes an access key; sessions made with it end with it.
    ///
    /// # Errors
    /// As [`Iam::update_access_key`].
    pub async fn delete_access_key(&self, by: &Authorized, user: UserId, id: &AccessKeyId) -> Result<(), Error> {
        let account = by.account();
        self.tried(|| async {
            let view = self.view().await?;
            let was = view.known_user(account, user).await?;
            let key = view.get::<StoredKey>(&StoredKey::key(id)).await?;
            if !key.is_some_and(|key| is_of(&key.value, account, user)) {
                return Err(Error::no_such("access key with id", id));
            }
            let request = was
                .touch(account, user)?
                .delete(StoredKey::key(id))
                .delete(StoredKey::by_user_key(account, user, id));
            Ok(self.settle(request, &[Scope::User(account, user)]).await?.then_some(()))
        })
        .await
    }

    /// The rows of an active key.
    pub(crate) fn key_rows(
        &self,
        account: AccountId,
        user: UserId,
        id: &AccessKeyId,
        secret: &Secret,
    ) -> Result<(StoredKey, Request), Error> {
        let nonce = self.parts.entropy.bytes();
        let stored = StoredKey {
            account: account.as_u64(),
            user: user.as_u64(),
            sealed_secret: self.parts.sealer.seal(StoredKey::context(id), secret, nonce),
            status: StoredKeyStatus::Active,
            created_ns: stamp(self.parts.clock.now()),
            last_used: None,
        };
        let rows = Request::new()
            .put(StoredKey::key(id), encode(&stored)?)
            .put(StoredKey::by_user_key(account, user, id), "");
        Ok((stored, rows))
    }

    /// The owner of a stored key.
    pub(crate) fn key_owner(stored: &StoredKey) -> Result<(AccountId, UserId), Error> {
        Ok((account_id(stored.account)?, user_id(stored.user)?))
    }
}

fn is_of(key: &StoredKey, account: AccountId, user: UserId) -> bool {
    key.account == account.as_u64() && key.user == user.as_u64()
}
