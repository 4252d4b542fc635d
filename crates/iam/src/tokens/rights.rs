//! Who may do what with whose tokens.
//!
//! Admins manage the tokens of everyone in the account but root's, which root manages. Others manage their own, if an admin
//! has let users define tokens; a token of another is as unknown to them as one that is not there.

use super::Methods;
use super::manage::hash_of;
use super::record::{ApiTokenHash, StoredToken};
use super::settings::{may_define, settings};
use super::{Method, TokenOptions};
use crate::change::{Stored, View};
use crate::limits::TOKEN_SHORT_ID_DIGITS;
use crate::records::{StoredRole, user_id};
use crate::{Error, Iam};
use baleen_policy::{Authorized, could_ever};
use baleen_types::{AccountId, Invalid, UserId};

/// A token as it was found, with its key.
pub(super) struct Held {
    pub(super) hash: ApiTokenHash,
    pub(super) token: Stored<StoredToken>,
}

impl Iam {
    /// Refuses methods that an owner has not the rights for; for those who define tokens of their own (contract, 1.4.3).
    pub(super) async fn must_have_rights_for(
        &self,
        account: AccountId,
        owner: UserId,
        methods: Methods,
    ) -> Result<(), Error> {
        let beyond = self.beyond_rights(account, owner, methods).await?;
        let names: Vec<_> = beyond.iter().map(Method::name).collect();
        if names.is_empty() {
            Ok(())
        } else {
            Err(Error::BeyondRights(names.join(", ")))
        }
    }

    /// Those of the methods that no right of the owner stands behind.
    pub(super) async fn beyond_rights(
        &self,
        account: AccountId,
        owner: UserId,
        methods: Methods,
    ) -> Result<Methods, Error> {
        let Some((owner, _)) = self.in_force(account, owner).await? else {
            return Ok(methods);
        };
        Ok(methods.beyond(|action| could_ever(&owner.user, &owner.policies, action)))
    }
}

/// The token of the account that begins with these digits.
pub(super) async fn found(view: &View, account: AccountId, short_id: &str) -> Result<Held, Error> {
    let missing = || {
        Error::no_such(
            "API token",
            &short_id.chars().take(TOKEN_SHORT_ID_DIGITS).collect::<String>(),
        )
    };
    if short_id.len() != TOKEN_SHORT_ID_DIGITS || !short_id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(missing());
    }
    let short = StoredToken::by_short_key(account, &short_id.to_ascii_lowercase());
    let hash = hash_of(&view.bytes(&short).await?.ok_or_else(missing)?)?;
    let token = view.get::<StoredToken>(&StoredToken::key(hash)).await?;
    Ok(Held {
        hash,
        token: token.ok_or(Error::Damaged("API token"))?,
    })
}

/// A token that who asks may manage. Another's is unknown to who manages own ones only.
pub(super) async fn held(view: &View, by: &Authorized, short_id: &str) -> Result<Held, Error> {
    may_define(view, by).await?;
    let held = found(view, by.account(), short_id).await?;
    let owner = user_id(held.token.value.user)?;
    let is_own = by.user().is_some_and(|user| user.id == owner);
    if !is_own && !manages_all(by) {
        return Err(Error::no_such("API token", &held.token.value.short_id));
    }
    let is_of_root = match view.user(by.account(), owner).await? {
        Some(user) => user.value.role == StoredRole::Root,
        None => false,
    };
    may_manage(view, by, owner, is_of_root).await?;
    Ok(held)
}

/// As [`held`], and may be changed. The root's of the first start is kept by the operator's settings and not from here.
pub(super) async fn changeable(view: &View, by: &Authorized, short_id: &str) -> Result<Held, Error> {
    let held = held(view, by, short_id).await?;
    if held.token.value.is_unbounded {
        return Err(Error::NotAllowed(
            "the token of the root credentials is set where the server is started",
        ));
    }
    Ok(held)
}

/// Who may manage the tokens of an owner.
pub(super) async fn may_manage(view: &View, by: &Authorized, owner: UserId, is_of_root: bool) -> Result<(), Error> {
    let is_own = by.user().is_some_and(|user| user.id == owner);
    if manages_all(by) {
        return if is_of_root && !is_own {
            Err(Error::NotAllowed("the tokens of root are root's own"))
        } else {
            Ok(())
        };
    }
    if !is_own {
        return Err(Error::NotAllowed("the tokens of others are for admins"));
    }
    may_define(view, by).await
}

/// Which options who asks may give.
pub(super) async fn may_have(view: &View, by: &Authorized, options: &TokenOptions) -> Result<(), Error> {
    if options.group.is_some() && !manages_all(by) {
        // There are no groups that a user could belong to yet.
        return Err(Error::NotAllowed("the group must be one of your own"));
    }
    let settings = settings(view, by.account()).await?;
    if options.is_public && !settings.lets_guests_in {
        return Err(Invalid::new("public", "guests are not let in").into());
    }
    Ok(())
}

pub(super) fn manages_all(by: &Authorized) -> bool {
    by.user().is_some_and(|user| user.role.is_manager())
}

pub(super) fn must_manage_all(by: &Authorized) -> Result<(), Error> {
    if manages_all(by) {
        Ok(())
    } else {
        Err(Error::NotAllowed("the tokens of everyone are for admins"))
    }
}
