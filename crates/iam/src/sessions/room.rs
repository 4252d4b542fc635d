//! The room for sessions: how many a user may have, and what goes when there are as many.
//!
//! What a credential makes takes the room of the user it belongs to, also in a customer, and never that of logins. So whoever
//! holds a leaked key, and a reseller, can keep nobody from logging in, which is how both are stopped.
//!
//! The row that a reseller's session has with its maker may outlive the session; it goes when its room is needed.

use crate::change::View;
use crate::limits::SESSIONS_PER_USER_MAX;
use crate::paging::Walk;
use crate::records::{Room, StoredKey, StoredKind, StoredSession, access_key_id, account_id, user_id};
use crate::{Error, Iam};
use baleen_meta::Request;
use baleen_types::{AccessKeyId, AccountId, UserId};

/// Sessions that are read at once, and deleted in one commit.
const BATCH: usize = 256;

impl Iam {
    /// Makes sure that there is room for one more session of a user. What has ended goes only when the room is needed: until
    /// then a session that is over is told from one that never was.
    ///
    /// # Errors
    /// `LimitExceeded` when as many are alive.
    pub(super) async fn make_room(&self, (account, user): (AccountId, UserId), room: Room) -> Result<(), Error> {
        let view = self.view().await?;
        let rows = rows_of(&view, account, user, |of| of == room).await?;
        if rows.len() < SESSIONS_PER_USER_MAX {
            return Ok(());
        }
        let mut alive = 0;
        for ids in rows.chunks(BATCH) {
            let keys: Vec<_> = ids.iter().map(StoredSession::key).collect();
            let sessions = view.get_many::<StoredSession>(&keys).await?;
            let mut request = Request::new();
            for (id, session) in ids.iter().zip(&sessions) {
                let is_over = match session {
                    Some(session) => self.is_over(&view, session).await?,
                    None => true,
                };
                if !is_over {
                    alive += 1;
                    continue;
                }
                request = request
                    .delete(StoredSession::key(id))
                    .delete(StoredSession::by_user_key(account, user, id));
                if let Some(session) = session {
                    let (of, in_name_of) = (account_id(session.account)?, user_id(session.user)?);
                    request = request.delete(StoredSession::by_user_key(of, in_name_of, id));
                }
            }
            if !request.is_empty() {
                // Nothing that is over comes back, so nothing is required.
                self.settle(request, &[]).await?;
            }
        }
        if alive < SESSIONS_PER_USER_MAX {
            return Ok(());
        }
        Err(Error::LimitExceeded {
            what: "sessions of one user",
            limit: SESSIONS_PER_USER_MAX,
        })
    }

    /// Tells whether a session has ended for good. One whose key or customer is switched off may come back.
    async fn is_over(&self, view: &View, session: &StoredSession) -> Result<bool, Error> {
        let account = account_id(session.account)?;
        let Some(owner) = view.user(account, user_id(session.user)?).await? else {
            return Ok(true);
        };
        let connection = match session.kind {
            StoredKind::Federated => view.open_connection(account).await?,
            StoredKind::Login | StoredKind::Derived | StoredKind::Reseller => None,
        };
        if !self.is_live(session, &owner.value, connection) {
            return Ok(true);
        }
        let Some(parent) = &session.parent else {
            return Ok(false);
        };
        let parent = access_key_id(parent)?;
        let is_there = view.bytes(&StoredKey::key(&parent)).await?.is_some()
            || view.bytes(&StoredSession::key(&parent)).await?.is_some();
        Ok(!is_there)
    }
}

/// The ids in the rows of a user that are of such a room.
pub(super) async fn rows_of(
    view: &View,
    account: AccountId,
    user: UserId,
    is_wanted: impl Fn(Room) -> bool,
) -> Result<Vec<AccessKeyId>, Error> {
    let mut walk = Walk::new(view, StoredSession::of_user(account, user).finish());
    let mut ids = Vec::new();
    while let Some(entries) = walk.next().await? {
        for entry in entries.iter().filter(|entry| is_wanted(Room::of_value(&entry.value))) {
            let id = std::str::from_utf8(walk.place(&entry.key)).map_err(|_| Error::Damaged("session"))?;
            ids.push(access_key_id(id)?);
        }
    }
    Ok(ids)
}
