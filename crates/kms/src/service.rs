//! The service.

mod judge;

use crate::limits::{ATTEMPTS_MAX, KEYS_PER_ACCOUNT_MAX, VERSIONS_PER_KEY_MAX};
use crate::record::{StoredKey, StoredVersion, context, id, mark, name_of, row};
use crate::{EncryptionContext, Error, KeyName, KeyReference};
use baleen_meta::{Meta, Request, Scan, record};
use baleen_runtime::{Clock, Entropy, Turns};
use baleen_sealing::Sealer;
use baleen_sealing::blocks::{BASE_KEY_BYTES, BaseKey};
use baleen_types::{AccountId, Timestamp};
use bytes::Bytes;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What the service is built on.
pub struct Parts {
    /// Records.
    pub meta: Meta,
    /// Seals the versions of keys; [`crate::SEALED`] lists them.
    pub sealer: Arc<Sealer>,
    /// Time, for stamps.
    pub clock: Arc<dyn Clock>,
    /// Makes keys and nonces.
    pub entropy: Arc<dyn Entropy>,
}

/// The keys of accounts.
pub struct Kms {
    parts: Parts,
    /// Of accounts, of who makes a key.
    turns: Turns,
}

/// What is known of a key; never the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its name.
    pub name: KeyName,
    /// What it is for.
    pub description: String,
    /// Whether it is used.
    pub is_enabled: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When its newest version was made.
    pub rotated: Timestamp,
    /// How many versions it has.
    pub versions: usize,
}

/// A key as it is used.
#[derive(Debug)]
pub struct KeyVersion {
    /// Which key.
    pub name: KeyName,
    /// Which version of it.
    pub version: u16,
    /// The key, bound to the encryption context.
    pub key: BaseKey,
}

/// A key as it was read.
struct FoundKey {
    stored: Bytes,
    key: StoredKey,
    is_marked: bool,
}

impl Kms {
    /// Builds the service.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            parts,
            turns: Turns::default(),
        })
    }

    /// Makes a key.
    ///
    /// # Errors
    /// `AlreadyExists`, also for a name that is reserved; `TooManyKeys`.
    pub async fn create(
        self: &Arc<Self>,
        account: AccountId,
        name: &KeyName,
        description: &str,
    ) -> Result<KeyInfo, Error> {
        if name.is_reserved() {
            return Err(Error::AlreadyExists(name.clone()));
        }
        // Or many that are made at once would all count the same.
        let (this, name, description) = (Arc::clone(self), name.clone(), description.to_owned());
        let work = async move { this.create_in_turn(account, &name, &description).await };
        self.turns.run(account.as_u64(), work).await.map_err(damaged)?
    }

    async fn create_in_turn(&self, account: AccountId, name: &KeyName, description: &str) -> Result<KeyInfo, Error> {
        if self.list(account).await?.len() >= KEYS_PER_ACCOUNT_MAX {
            return Err(Error::TooManyKeys);
        }
        let made = self.first(account, name, description);
        if !self.put_new(account, name, &made).await? {
            // Or one was there and is gone, which is told by looking.
            self.read(account, name).await?;
            return Err(Error::AlreadyExists(name.clone()));
        }
        Ok(info(name.clone(), &made))
    }

    /// The keys of an account, by their names.
    ///
    /// # Errors
    /// The store fails.
    pub async fn list(&self, account: AccountId) -> Result<Vec<KeyInfo>, Error> {
        // A page holds more than there may be.
        let rows = self.parts.meta.scan(Scan::prefix(&row(account, ""))).await?;
        rows.iter()
            .map(|entry| {
                let name = KeyName::parse(name_of(&entry.key)?).map_err(damaged)?;
                Ok(info(name, &record::decode(&entry.value)?))
            })
            .collect()
    }

    /// Gives a key another version, which is used for all that is new.
    ///
    /// # Errors
    /// `NoSuchKey`, `Disabled`, `TooManyVersions`.
    pub async fn rotate(&self, account: AccountId, name: &KeyName) -> Result<KeyInfo, Error> {
        self.change(account, name, |key| {
            if !key.is_enabled {
                return Err(Error::Disabled(name.clone()));
            }
            if key.versions.len() >= VERSIONS_PER_KEY_MAX {
                return Err(Error::TooManyVersions);
            }
            let version = self.version(account, name, key.versions.len() + 1);
            key.versions.push(version);
            Ok(())
        })
        .await
    }

    /// Enables a key, or disables it: then it is used for nothing, from the next request on.
    ///
    /// # Errors
    /// `NoSuchKey`.
    pub async fn set_enabled(&self, account: AccountId, name: &KeyName, is_enabled: bool) -> Result<KeyInfo, Error> {
        self.change(account, name, |key| {
            key.is_enabled = is_enabled;
            Ok(())
        })
        .await
    }

    /// The newest version of a key, for what is new. Without a name it is that of [`KeyName::DEFAULT`], which is made when
    /// it is not there.
    ///
    /// # Errors
    /// `NoSuchKey`, `Disabled`; `Damaged` also when there was such a key and it is gone: what it sealed would be lost without a
    /// word if another one took its place.
    pub async fn newest(
        &self,
        account: AccountId,
        named: Option<&KeyReference>,
        bound: &EncryptionContext,
    ) -> Result<KeyVersion, Error> {
        let name = match named {
            None => KeyName::of_default(),
            Some(named) => {
                let name = named.within(account);
                name.cloned().ok_or_else(|| Error::NoSuchKey(named.text.clone()))?
            }
        };
        let stored = match self.read(account, &name).await? {
            Some(found) => {
                if !found.is_marked {
                    self.put_mark(account, &name, &found).await?;
                }
                found.key
            }
            None if name.as_str() == KeyName::DEFAULT => {
                let made = self.first(account, &name, "made for encryption without a named key");
                // Whoever comes first makes it.
                self.put_new(account, &name, &made).await?;
                self.read(account, &name).await?.ok_or(Error::Busy)?.key
            }
            None => return Err(Error::NoSuchKey(name.to_string())),
        };
        let version = u16::try_from(stored.versions.len()).map_err(damaged)?;
        let key = self.open(account, &name, (&stored, version), bound)?;
        Ok(KeyVersion { name, version, key })
    }

    /// A version of a key, for what it was used for before.
    ///
    /// # Errors
    /// `NoSuchKey`, `Disabled`.
    pub async fn open_version(
        &self,
        account: AccountId,
        (name, version): (&KeyName, u16),
        bound: &EncryptionContext,
    ) -> Result<BaseKey, Error> {
        let found = self.read(account, name).await?;
        let found = found.ok_or_else(|| Error::NoSuchKey(name.to_string()))?;
        self.open(account, name, (&found.key, version), bound)
    }

    /// Deletes all keys of an account, for good and with all that is encrypted under them; returns their number.
    ///
    /// # Errors
    /// The store fails.
    pub async fn purge_account(&self, account: AccountId) -> Result<usize, Error> {
        let mut gone = 0;
        // Each key with its mark, and then the marks of those that were lost.
        for prefix in [row(account, ""), mark(account, "")] {
            loop {
                let rows = self.parts.meta.scan(Scan::prefix(&prefix).keys_only()).await?;
                if rows.is_empty() {
                    break;
                }
                let mut request = Request::new();
                for entry in &rows {
                    if let Ok(name) = name_of(&entry.key) {
                        gone += 1;
                        request = request.delete(mark(account, name));
                    }
                    request = request.delete(entry.key.to_vec());
                }
                self.parts.meta.commit(request).await?;
            }
        }
        Ok(gone)
    }

    fn open(
        &self,
        account: AccountId,
        name: &KeyName,
        (stored, version): (&StoredKey, u16),
        bound: &EncryptionContext,
    ) -> Result<BaseKey, Error> {
        if !stored.is_enabled {
            return Err(Error::Disabled(name.clone()));
        }
        let version = usize::from(version);
        let of = version.checked_sub(1).and_then(|at| stored.versions.get(at));
        let of = of.ok_or_else(|| damaged("a version that a key has not"))?;
        let id = id(account.as_u64(), name.as_str(), version);
        let secret = self.parts.sealer.open(context(&id), &of.sealed).map_err(damaged)?;
        BaseKey::from_secret(&secret, &bound.purpose()).map_err(damaged)
    }

    fn first(&self, account: AccountId, name: &KeyName, description: &str) -> StoredKey {
        StoredKey {
            description: description.to_owned(),
            is_enabled: true,
            versions: vec![self.version(account, name, 1)],
        }
    }

    fn version(&self, account: AccountId, name: &KeyName, version: usize) -> StoredVersion {
        let mut bytes = Zeroizing::new([0; BASE_KEY_BYTES]);
        self.parts.entropy.fill(&mut *bytes);
        // What it is used for is said when it is opened.
        let secret = BaseKey::new(bytes, b"").to_secret();
        let id = id(account.as_u64(), name.as_str(), version);
        StoredVersion {
            made_ns: self.parts.clock.now().as_nanos(),
            sealed: self
                .parts
                .sealer
                .seal(context(&id), &secret, self.parts.entropy.bytes()),
        }
    }

    async fn put_new(&self, account: AccountId, name: &KeyName, key: &StoredKey) -> Result<bool, Error> {
        let (row, mark) = (row(account, name.as_str()), mark(account, name.as_str()));
        let request = Request::new()
            .absent(row.clone())
            .absent(mark.clone())
            .put(row, record::encode(key)?)
            .put(mark, Bytes::new());
        Ok(self.parts.meta.commit(request).await?.is_committed())
    }

    /// Marks a key that was made before keys were marked.
    async fn put_mark(&self, account: AccountId, name: &KeyName, found: &FoundKey) -> Result<(), Error> {
        let request = Request::new()
            .unchanged(row(account, name.as_str()), Some(found.stored.clone()))
            .put(mark(account, name.as_str()), Bytes::new());
        // If it was changed meanwhile, it is marked when it is used next.
        self.parts.meta.commit(request).await?;
        Ok(())
    }

    async fn read(&self, account: AccountId, name: &KeyName) -> Result<Option<FoundKey>, Error> {
        let rows = [row(account, name.as_str()), mark(account, name.as_str())];
        let mut read = self.parts.meta.get_many(&rows).await?.into_iter();
        let (stored, mark) = (read.next().flatten(), read.next().flatten());
        let Some(stored) = stored else {
            return match mark {
                None => Ok(None),
                Some(_) => Err(damaged(format!(
                    "the encryption key {name} of account {account} is gone"
                ))),
            };
        };
        Ok(Some(FoundKey {
            key: record::decode(&stored)?,
            stored,
            is_marked: mark.is_some(),
        }))
    }

    async fn change(
        &self,
        account: AccountId,
        name: &KeyName,
        change: impl Fn(&mut StoredKey) -> Result<(), Error> + Send,
    ) -> Result<KeyInfo, Error> {
        for _ in 0..ATTEMPTS_MAX {
            let found = self.read(account, name).await?;
            let FoundKey { stored, mut key, .. } = found.ok_or_else(|| Error::NoSuchKey(name.to_string()))?;
            change(&mut key)?;
            let row = row(account, name.as_str());
            let request = Request::new()
                .unchanged(row.clone(), Some(stored))
                .put(row, record::encode(&key)?)
                .put(mark(account, name.as_str()), Bytes::new());
            if self.parts.meta.commit(request).await?.is_committed() {
                return Ok(info(name.clone(), &key));
            }
        }
        Err(Error::Busy)
    }
}

fn damaged(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Damaged(why.into())
}

fn info(name: KeyName, stored: &StoredKey) -> KeyInfo {
    let time = |version: Option<&StoredVersion>| Timestamp::from_nanos(version.map_or(0, |of| of.made_ns));
    KeyInfo {
        name,
        description: stored.description.clone(),
        is_enabled: stored.is_enabled,
        created: time(stored.versions.first()),
        rotated: time(stored.versions.last()),
        versions: stored.versions.len(),
    }
}

#[cfg(test)]
mod tests;
