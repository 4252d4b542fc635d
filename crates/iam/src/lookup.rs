//! From credentials to who asks: what every request does once.
//!
//! A look-up is one hit in a bounded cache, whatever the number of users and policies; how the cache learns of changes is
//! in [`crate::epochs`]. A session holds only as long as the credential it was made with, so the look-up of a session
//! includes that of its parents, whose tickets it joins.

use crate::epochs::{Scope, Ticket};
use crate::force::{InForce, compile};
use crate::records::{
    StoredAuth, StoredKey, StoredKeyStatus, StoredKind, StoredSession, access_key_id, account_id, user_id,
};
use crate::{Error, Iam};
use baleen_meta::record::Record;
use baleen_policy::{Bounds, Caller, Credential, DocumentKind, Principal, Session, SessionKind};
use baleen_types::{AccessKeyId, AccountId, Secret, Timestamp, UserId};
use std::pin::Pin;
use std::sync::Arc;

/// A credential that may sign.
#[derive(Debug)]
pub struct Known {
    /// The secret that signs.
    pub secret: Secret,
    /// SHA-256 of the token that must come along, if one must.
    pub token_hash: Option<[u8; 32]>,
    /// Who signs with it, with all that is in force.
    pub principal: Principal,
    ends: Option<Timestamp>,
}

/// What there is to say of an id.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// It may sign.
    Found(Arc<Known>),
    /// There is none, or it was deactivated or ended.
    Unknown,
    /// Its customer is disabled, or its user is gone.
    Suspended,
    /// It was a session, whose time is over.
    Expired,
}

impl Lookup {
    /// What may sign.
    pub fn found(self) -> Option<Arc<Known>> {
        match self {
            Self::Found(known) => Some(known),
            Self::Unknown | Self::Suspended | Self::Expired => None,
        }
    }
}

/// Why an id may not sign.
enum Refused {
    Unknown,
    Suspended,
    Expired,
}

impl From<Refused> for Lookup {
    fn from(why: Refused) -> Self {
        match why {
            Refused::Unknown => Self::Unknown,
            Refused::Suspended => Self::Suspended,
            Refused::Expired => Self::Expired,
        }
    }
}

/// What was found, or why not; outside of it, that nobody can tell.
type Resolved = Result<Result<(Arc<Known>, Ticket), Refused>, Error>;

impl Iam {
    /// Who stands behind the id of an access key or of a session.
    ///
    /// # Errors
    /// When nobody can tell now.
    pub async fn credential(&self, id: &AccessKeyId) -> Result<Lookup, Error> {
        if let Some(known) = self.credentials.value(id, &self.epochs) {
            return Ok(match known.ends {
                Some(end) if end <= self.parts.clock.now() => Lookup::Expired,
                _ => Lookup::Found(known),
            });
        }
        Ok(match self.resolve(id).await? {
            Ok((known, _)) => Lookup::Found(known),
            Err(why) => why.into(),
        })
    }

    /// Reads a credential, if it is not known yet. Boxed, since that of a session asks for its parent's.
    fn resolve<'a>(&'a self, id: &'a AccessKeyId) -> Pin<Box<dyn Future<Output = Resolved> + Send + 'a>> {
        Box::pin(async move {
            if let Some((known, ticket)) = self.credentials.get(id, &self.epochs) {
                let is_over = known.ends.is_some_and(|end| end <= self.parts.clock.now());
                return Ok(if is_over {
                    Err(Refused::Expired)
                } else {
                    Ok((known, ticket))
                });
            }
            let Some((account, user)) = self.owner_of(id).await? else {
                return Ok(Err(Refused::Unknown));
            };
            // The ticket first, then what it is for; whose a credential is never changes.
            let ticket = self
                .epochs
                .ticket(&[Scope::Account(account), Scope::User(account, user)]);
            let view = self.view().await?;
            let key = view.get::<StoredKey>(&StoredKey::key(id)).await?;
            let session = view.get::<StoredSession>(&StoredSession::key(id)).await?;
            drop(view);
            let resolved = match (key, session) {
                (Some(key), _) => self.resolve_key(id, &key.value, account, user).await?,
                (None, Some(session)) => self.resolve_session(id, &session.value, account, user).await?,
                (None, None) => Err(Refused::Unknown),
            };
            Ok(resolved.map(|(known, deeper)| {
                let known = Arc::new(known);
                let ticket = ticket.and(&deeper);
                self.credentials.put(id.clone(), &known, &ticket);
                (known, ticket)
            }))
        })
    }

    async fn resolve_key(
        &self,
        id: &AccessKeyId,
        key: &StoredKey,
        account: AccountId,
        user: UserId,
    ) -> Result<Result<(Known, Ticket), Refused>, Error> {
        if key.status != StoredKeyStatus::Active {
            return Ok(Err(Refused::Unknown));
        }
        let Some((owner, ticket)) = self.in_force(account, user).await? else {
            return Ok(Err(Refused::Suspended));
        };
        let known = Known {
            secret: self.open_key(id, key)?,
            token_hash: None,
            principal: principal(&owner, Credential::AccessKey(id.clone()), Bounds::NONE),
            ends: None,
        };
        Ok(Ok((known, ticket)))
    }

    async fn resolve_session(
        &self,
        id: &AccessKeyId,
        stored: &StoredSession,
        account: AccountId,
        user: UserId,
    ) -> Result<Result<(Known, Ticket), Refused>, Error> {
        let expires = Timestamp::from_nanos(stored.expires_ns);
        if expires <= self.parts.clock.now() {
            return Ok(Err(Refused::Expired));
        }
        let Some((owner, mut ticket)) = self.in_force(account, user).await? else {
            return Ok(Err(Refused::Suspended));
        };
        if owner.has_ended(stored) || !self.is_through_connection(account, stored).await? {
            return Ok(Err(Refused::Unknown));
        }
        let parent = match &stored.parent {
            None => None,
            Some(parent) => match self.resolve(&access_key_id(parent)?).await? {
                Err(why) => return Ok(Err(why)),
                Ok((known, deeper)) => {
                    ticket = ticket.and(&deeper);
                    known.principal.caller().cloned()
                }
            },
        };
        if stored.kind == StoredKind::Reseller && !self.may_assume(account, parent.as_deref()).await? {
            return Ok(Err(Refused::Suspended));
        }
        let Some(kind) = session_kind(stored.kind, parent.as_ref()) else {
            return Ok(Err(Refused::Unknown));
        };
        let session = Session {
            id: id.clone(),
            kind,
            name: stored.name.as_str().into(),
            issued: Timestamp::from_nanos(stored.issued_ns),
            expires,
            mfa_at: stored.mfa_ns.map(Timestamp::from_nanos),
            must_change_password: must_change_password(&owner, stored, parent.as_deref()),
        };
        // A reseller's own bounds hold within the customer as well.
        let mut bounds = parent.map_or(Bounds::NONE, |parent| parent.bounds.clone());
        if let Some(documents) = &stored.bounds {
            let compiled = documents
                .iter()
                .map(|text| compile(id.as_str(), text, DocumentKind::Session));
            bounds = bounds.and(compiled.map(Arc::new).collect::<Vec<_>>());
        }
        let opened = self
            .parts
            .sealer
            .open(StoredSession::context(id), &stored.sealed_secret);
        let known = Known {
            secret: opened.map_err(|source| sealed(id, source))?,
            token_hash: stored.token_hash,
            principal: principal(&owner, Credential::Session(Arc::new(session)), bounds),
            ends: Some(expires),
        };
        Ok(Ok((known, ticket)))
    }

    /// Tells whether the connection that a session was opened through, if it was, is the account's still.
    async fn is_through_connection(&self, account: AccountId, session: &StoredSession) -> Result<bool, Error> {
        if session.kind != StoredKind::Federated {
            return Ok(true);
        }
        Ok(session.is_through(self.view().await?.open_connection(account).await?))
    }

    /// Tells whether who asks may act as the customer: it manages it, and the customer lets it.
    pub(crate) async fn may_assume(&self, account: AccountId, asks: Option<&Caller>) -> Result<bool, Error> {
        let Some(user) = asks.map(|caller| &caller.user) else {
            return Ok(false);
        };
        let customer = self.active_customer(account).await?;
        let is_open =
            customer.is_some_and(|c| c.may_be_assumed() && c.reseller == user.account && c.account != c.reseller);
        Ok(is_open && user.is_reseller && user.role.is_manager())
    }

    async fn owner_of(&self, id: &AccessKeyId) -> Result<Option<(AccountId, UserId)>, Error> {
        if let Some(key) = self.read::<StoredKey>(&StoredKey::key(id)).await? {
            return Self::key_owner(&key).map(Some);
        }
        let Some(session) = self.read::<StoredSession>(&StoredSession::key(id)).await? else {
            return Ok(None);
        };
        Ok(Some((account_id(session.account)?, user_id(session.user)?)))
    }

    pub(crate) fn open_key(&self, id: &AccessKeyId, stored: &StoredKey) -> Result<Secret, Error> {
        let opened = self.parts.sealer.open(StoredKey::context(id), &stored.sealed_secret);
        opened.map_err(|source| sealed(id, source))
    }

    /// Reads one record as of now.
    pub(crate) async fn read<R: Record>(&self, key: &[u8]) -> Result<Option<R>, Error> {
        let found = self.parts.meta.get(key).await.map_err(Error::Meta)?;
        found.map(|bytes| crate::records::decode(&bytes)).transpose()
    }
}

impl InForce {
    /// Tells whether a session of the user was ended, or was opened in a way that is no longer the user's.
    fn has_ended(&self, session: &StoredSession) -> bool {
        let login = match session.kind {
            StoredKind::Login => Some(StoredAuth::Password),
            StoredKind::Federated => Some(StoredAuth::Federated),
            StoredKind::Derived | StoredKind::Reseller => None,
        };
        let wrong_login = login.is_some_and(|a| a != self.auth || session.login_generation != self.login_generation);
        wrong_login || session.generation != self.generation
    }
}

/// How a session began. What was derived within a reseller's session is the reseller's too, so that it stays visible who
/// stands behind it. `None` when a session that needs a parent has none.
fn session_kind(stored: StoredKind, parent: Option<&Arc<Caller>>) -> Option<SessionKind> {
    Some(match stored {
        StoredKind::Login => SessionKind::Login,
        StoredKind::Federated => SessionKind::Federated,
        StoredKind::Derived => match parent?.session().map(|session| &session.kind) {
            Some(SessionKind::Reseller { by }) => SessionKind::Reseller { by: Arc::clone(by) },
            _ => SessionKind::Derived,
        },
        StoredKind::Reseller => SessionKind::Reseller {
            by: Arc::clone(parent?),
        },
    })
}

/// Whether the session may only change the password. It passes on to what is derived from it; a key is never held to it,
/// since it does not come from the password.
fn must_change_password(owner: &InForce, stored: &StoredSession, parent: Option<&Caller>) -> bool {
    match stored.kind {
        StoredKind::Login => owner.must_change_password,
        StoredKind::Federated => false,
        StoredKind::Derived | StoredKind::Reseller => parent
            .and_then(Caller::session)
            .is_some_and(|session| session.must_change_password),
    }
}

fn principal(owner: &InForce, credential: Credential, bounds: Bounds) -> Principal {
    Principal::Known(Arc::new(Caller {
        user: Arc::clone(&owner.user),
        credential,
        policies: Arc::clone(&owner.policies),
        bounds,
    }))
}

fn sealed(id: &AccessKeyId, source: baleen_sealing::DoesNotOpen) -> Error {
    Error::Sealed {
        access_key_id: id.to_string(),
        source,
    }
}
