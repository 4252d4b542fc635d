//! Sessions: temporary keys.
//!
//! A session holds as long as its own time, the numbers of its user (`generation`), and the credential or the connection to an
//! identity provider that it was made with, all looked at live. So a session derived from another has that one's bounds and end at most, and ends with it.

mod opening;
mod room;

pub use opening::{AssumeRole, LoginKind, NewSession, OpenedSession, SessionLength};

use self::room::rows_of;
use crate::change::Stored;
use crate::epochs::Scope;
use crate::limits::ENDED_SESSION_KEPT_SECS;
use crate::records::{ConnectionId, StoredKind, StoredSession, StoredUser, access_key_id, account_id, user_id};
use crate::{Error, Iam};
use baleen_meta::Request;
use baleen_policy::Authorized;
use baleen_types::{AccessKeyId, Timestamp, UserId};
use std::net::IpAddr;
use std::time::Duration;

/// A session as those see it who manage the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// The public half of its key.
    pub id: AccessKeyId,
    /// How it began.
    pub began: SessionBeginning,
    /// Its name, possibly empty.
    pub name: String,
    /// The credential it was made with.
    pub parent: Option<AccessKeyId>,
    /// When it began.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The address that asked for it, if it is known.
    pub origin: Option<IpAddr>,
}

/// How a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionBeginning {
    /// With a password.
    Login,
    /// With a proof of the account's identity provider.
    Federated,
    /// From another credential of the user.
    Derived,
    /// By a reseller.
    Reseller,
}

impl Iam {
    /// The sessions of a user that have not ended, in the order of their ids; those too that a reseller has in the user's name, and
    /// not those that the user has in customers.
    pub async fn list_sessions(&self, by: &Authorized, user: UserId) -> Result<Vec<SessionInfo>, Error> {
        let account = by.account();
        let view = self.view().await?;
        let owner = view.known_user(account, user).await?.value;
        let connection = view.open_connection(account).await?;
        let mut sessions = Vec::new();
        for id in rows_of(&view, account, user, |_| true).await? {
            let Some(stored) = view.get::<StoredSession>(&StoredSession::key(&id)).await? else {
                continue;
            };
            let is_own = stored.value.account == account.as_u64() && stored.value.user == user.as_u64();
            if is_own && self.is_live(&stored.value, &owner, connection) {
                sessions.push(SessionInfo::new(id, stored.value)?);
            }
        }
        Ok(sessions)
    }

    /// Ends one session of a user, and what was derived from it.
    pub async fn end_session(&self, by: &Authorized, user: UserId, id: &AccessKeyId) -> Result<(), Error> {
        let account = by.account();
        self.tried(|| async {
            let found = self.view().await?.get::<StoredSession>(&StoredSession::key(id)).await?;
            let found = found.filter(|s| s.value.account == account.as_u64() && s.value.user == user.as_u64());
            let found = found.ok_or_else(|| Error::no_such("session with id", id))?;
            let request = forget(id, &found)?;
            Ok(self.settle(request, &[Scope::User(account, user)]).await?.then_some(()))
        })
        .await
    }

    /// Ends all sessions of a user.
    pub async fn end_sessions(&self, by: &Authorized, user: UserId) -> Result<(), Error> {
        let account = by.account();
        self.tried(|| async {
            let was = self.view().await?.known_user(account, user).await?;
            let mut next = was.value.clone();
            next.generation += 1;
            let request = was.fence(account, user, next)?;
            Ok(self.settle(request, &[Scope::User(account, user)]).await?.then_some(()))
        })
        .await
    }

    /// Removes sessions that ended a while ago; for a background task.
    ///
    /// # Errors
    /// `Unavailable` when the store refuses; the next pass goes on.
    pub async fn sweep_sessions(&self) -> Result<(), Error> {
        let prefix = StoredSession::prefix();
        let kept = Duration::from_secs(ENDED_SESSION_KEPT_SECS);
        let forgotten = |key: &[u8], session: Stored<StoredSession>| {
            if Timestamp::from_nanos(session.value.expires_ns).plus(kept) > self.parts.clock.now() {
                return Ok(None);
            }
            let id = std::str::from_utf8(&key[prefix.len()..]).map_err(|_| Error::Damaged("session"))?;
            // Another pass, or an end of the session, may be faster.
            forget(&access_key_id(id)?, &session).map(Some)
        };
        self.sweep(&prefix, forgotten).await.map(drop)
    }

    fn is_live(&self, session: &StoredSession, owner: &StoredUser, connection: Option<ConnectionId>) -> bool {
        let is_login = matches!(session.kind, StoredKind::Login | StoredKind::Federated);
        Timestamp::from_nanos(session.expires_ns) > self.parts.clock.now()
            && session.generation == owner.generation
            && session.is_through(connection)
            && (!is_login || session.login_generation == owner.login_generation)
    }
}

impl SessionInfo {
    fn new(id: AccessKeyId, stored: StoredSession) -> Result<Self, Error> {
        Ok(Self {
            id,
            began: match stored.kind {
                StoredKind::Login => SessionBeginning::Login,
                StoredKind::Federated => SessionBeginning::Federated,
                StoredKind::Derived => SessionBeginning::Derived,
                StoredKind::Reseller => SessionBeginning::Reseller,
            },
            name: stored.name,
            parent: stored.parent.as_deref().map(access_key_id).transpose()?,
            issued: Timestamp::from_nanos(stored.issued_ns),
            expires: Timestamp::from_nanos(stored.expires_ns),
            origin: stored.origin.parse().ok(),
        })
    }
}

/// Ends the sessions that a user's password or identity provider opened, but one: a part of the change that makes it so.
pub(crate) fn end_logins(
    next: &mut StoredUser,
    keep: Option<(&AccessKeyId, &Stored<StoredSession>)>,
) -> Result<Request, Error> {
    next.login_generation += 1;
    let Some((id, session)) = keep else {
        return Ok(Request::new());
    };
    let kept = StoredSession {
        login_generation: next.login_generation,
        ..session.value.clone()
    };
    session.replace(StoredSession::key(id), &kept)
}

/// Takes the rows of a session away, once.
fn forget(id: &AccessKeyId, session: &Stored<StoredSession>) -> Result<Request, Error> {
    let (account, user) = (account_id(session.value.account)?, user_id(session.value.user)?);
    Ok(session
        .unchanged(StoredSession::key(id))
        .delete(StoredSession::key(id))
        .delete(StoredSession::by_user_key(account, user, id)))
}
