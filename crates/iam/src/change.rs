//! Reading at one moment, and changing so that the change is felt at once.

use crate::epochs::Scope;
use crate::limits::CHANGE_TRIES_MAX;
use crate::records::{StoredUser, decode, encode, user_id};
use crate::{Error, Iam};
use baleen_meta::record::Record;
use baleen_meta::{Entry, Outcome, Request, Scan, Snapshot};
use baleen_types::{AccountId, UserId, UserName};
use bytes::Bytes;
use std::sync::Arc;

/// A record with the bytes it was read from, which a later change requires to be still there.
#[derive(Clone, Debug)]
pub(crate) struct Stored<R> {
    pub(crate) value: R,
    pub(crate) bytes: Bytes,
}

impl<R: Record> Stored<R> {
    pub(crate) fn read(bytes: Bytes) -> Result<Self, Error> {
        let value = decode(&bytes)?;
        Ok(Self { value, bytes })
    }

    /// Requires the record as it was read.
    pub(crate) fn unchanged(&self, key: Vec<u8>) -> Request {
        Request::new().unchanged(key, Some(self.bytes.clone()))
    }

    /// Requires the record as it was read, and writes another in its place.
    pub(crate) fn replace(&self, key: Vec<u8>, next: &R) -> Result<Request, Error> {
        Ok(self.unchanged(key.clone()).put(key, encode(next)?))
    }
}

impl Stored<StoredUser> {
    /// Requires the user as it was read, and writes it as `next`, which orders this change among all that concern the
    /// user (see `records`).
    pub(crate) fn fence(&self, account: AccountId, id: UserId, mut next: StoredUser) -> Result<Request, Error> {
        next.change = self.value.change + 1;
        self.replace(StoredUser::key(account, id), &next)
    }

    /// The fence alone, for a change of what hangs from the user.
    pub(crate) fn touch(&self, account: AccountId, id: UserId) -> Result<Request, Error> {
        self.fence(account, id, self.value.clone())
    }
}

/// All records at one moment. Dropped soon: it holds old values back.
pub(crate) struct View(Snapshot);

impl View {
    pub(crate) async fn get<R: Record>(&self, key: &[u8]) -> Result<Option<Stored<R>>, Error> {
        let found = self.0.get(key).await.map_err(Error::Meta)?;
        found.map(Stored::read).transpose()
    }

    pub(crate) async fn get_many<R: Record>(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<R>>, Error> {
        let found = self.0.get_many(keys).await.map_err(Error::Meta)?;
        found
            .iter()
            .map(|bytes| bytes.as_ref().map(|b| decode(b)).transpose())
            .collect()
    }

    pub(crate) async fn bytes(&self, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.0.get(key).await.map_err(Error::Meta)
    }

    pub(crate) async fn scan(&self, scan: Scan) -> Result<Vec<Entry>, Error> {
        self.0.scan(scan).await.map_err(Error::Meta)
    }

    pub(crate) async fn counter(&self, key: &[u8]) -> Result<i128, Error> {
        let value = self.bytes(key).await?;
        value
            .map_or(Ok(0), |bytes| baleen_meta::counter::decode(&bytes))
            .map_err(Error::Meta)
    }

    /// The user of an id, unless it is gone.
    pub(crate) async fn user(&self, account: AccountId, id: UserId) -> Result<Option<Stored<StoredUser>>, Error> {
        let found: Option<Stored<StoredUser>> = self.get(&StoredUser::key(account, id)).await?;
        Ok(found.filter(|user| user.value.gone_ns.is_none()))
    }

    /// The user of an id, who was there a moment ago.
    pub(crate) async fn known_user(&self, account: AccountId, id: UserId) -> Result<Stored<StoredUser>, Error> {
        let found = self.user(account, id).await?;
        found.ok_or_else(|| Error::no_such("user with id", &id))
    }

    /// The id of a name.
    pub(crate) async fn user_id(&self, account: AccountId, name: &UserName) -> Result<Option<UserId>, Error> {
        let found = self.bytes(&StoredUser::by_name_key(account, &name.folded())).await?;
        found.map(|bytes| named_id(&bytes)).transpose()
    }
}

/// The user id that stands behind a name.
pub(crate) fn named_id(bytes: &[u8]) -> Result<UserId, Error> {
    let number = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
    user_id(number.ok_or(Error::Damaged("user name"))?)
}

impl Iam {
    /// Looks at all records as of now.
    pub(crate) async fn view(&self) -> Result<View, Error> {
        self.parts.meta.snapshot().await.map(View).map_err(Error::Meta)
    }

    /// Tries a change until it is made; an attempt gives `None` when something it required had changed meanwhile.
    ///
    /// # Errors
    /// `ConcurrentModification` when others are always faster.
    pub(crate) async fn tried<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<Option<T>, Error>>,
    {
        for _ in 0..CHANGE_TRIES_MAX {
            if let Some(done) = attempt().await? {
                return Ok(done);
            }
        }
        Err(Error::ConcurrentModification)
    }

    /// Commits a change and makes what it concerns be read anew, before this returns. Tells whether it was committed; if
    /// not, something it required has changed.
    ///
    /// # Cancel safety
    /// Runs in a task of its own: a commit that nobody waits for any more happens all the same, and must be felt.
    pub(crate) async fn settle(&self, request: Request, scopes: &[Scope]) -> Result<bool, Error> {
        let (meta, epochs, scopes) = (self.parts.meta.clone(), Arc::clone(&self.epochs), scopes.to_vec());
        let work = async move {
            let outcome = meta.commit(request).await;
            // Also after a failure, whose fate may be unknown.
            epochs.advance(&scopes);
            outcome
        };
        match tokio::spawn(work).await {
            Ok(Ok(outcome)) => Ok(outcome == Outcome::Committed),
            Ok(Err(error)) => Err(Error::Meta(error)),
            Err(_) => Err(Error::GivenUp),
        }
    }
}
