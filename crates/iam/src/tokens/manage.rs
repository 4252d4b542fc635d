//! Making, changing and ending tokens. When users may no longer define tokens, those they have keep working, and one call
//! ends them all (contract, 1.4).

use super::ceiling::Ceiling;
use super::record::{ApiTokenHash, StoredToken, StoredTokenUse};
use super::rights::{changeable, found, held, manages_all, may_have, may_manage, must_manage_all};
use super::settings::may_define;
use super::{CreatedToken, Methods, TokenChange, TokenInfo, TokenOptions};
use crate::change::View;
use crate::epochs::Scope;
use crate::limits::TOKEN_SHORT_ID_DIGITS;
use crate::paging::{Builder, Walk};
use crate::records::{StoredRole, account_id, encode, stamp, user_id};
use crate::{Error, Iam, Page, PageRequest};
use baleen_meta::{Request, Scan};
use baleen_policy::Authorized;
use baleen_types::{AccountId, Invalid, Secret, Timestamp, UserId};

/// How often a token is drawn anew because another of the account begins with the same digits.
const DRAWS_MAX: u32 = 32;

/// Tokens that one step of ending all of them reads.
const BATCH: usize = 256;

impl Iam {
    /// Makes a token for an owner; the answer alone ever holds it.
    ///
    /// # Errors
    /// `NotAllowed` for another user's or root's token, and for one's own while users may not define tokens or with a group;
    /// `BeyondRights` for one's own with methods that one has not the rights for; `Invalid`, also for an end that has passed;
    /// `NoSuchEntity`.
    pub async fn create_token(
        &self,
        by: &Authorized,
        owner: UserId,
        options: TokenOptions,
    ) -> Result<CreatedToken, Error> {
        let options = options.checked()?;
        self.must_lie_ahead(options.expires)?;
        if !manages_all(by) {
            may_manage(&self.view().await?, by, owner, false).await?;
            self.must_have_rights_for(by.account(), owner, options.methods).await?;
        }
        let maker = by.user().ok_or(Error::NotAllowed("nobody has no tokens"))?.id;
        let mut record = StoredToken {
            is_unbounded: false,
            ..StoredToken::of_root(
                by.account().as_u64(),
                owner.as_u64(),
                String::new(),
                stamp(self.parts.clock.now()),
            )
        };
        record.created_by = maker.as_u64();
        if manages_all(by) {
            record.ceiling = Ceiling::of(&options);
        }
        self.make_token(by, record, options, Request::new()).await
    }

    /// The tokens of the account in the order of their first digits: all for who manages, else the own ones.
    ///
    /// # Errors
    /// `NotAllowed` while users may not define tokens.
    pub async fn list_tokens(
        &self,
        by: &Authorized,
        owner: Option<UserId>,
        ask: &PageRequest,
    ) -> Result<Page<TokenInfo>, Error> {
        let account = by.account();
        let view = self.view().await?;
        may_define(&view, by).await?;
        let owner = if manages_all(by) {
            owner
        } else {
            by.user().map(|user| user.id)
        };
        let start = StoredToken::by_short_key(account, "");
        let mut walk = Walk::new(&view, start).after(self.place_of(by, ask)?.as_bytes());
        let mut page = Builder::new(ask);
        'page: while let Some(entries) = walk.next().await? {
            for entry in &entries {
                let hash = hash_of(&entry.value)?;
                let token = view.get::<StoredToken>(&StoredToken::key(hash)).await?;
                let token = token.ok_or(Error::Damaged("API token"))?;
                let shown = owner.is_none_or(|owner| owner.as_u64() == token.value.user);
                let item = if shown {
                    Some(self.info(&view, hash, &token.value).await?)
                } else {
                    None
                };
                if !page.offer(walk.place_text(&entry.key)?, item) {
                    break 'page;
                }
            }
        }
        Ok(self.finish_page(by, page))
    }

    /// Whose token it is that begins with these digits; for the decision about it.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub async fn token_owner(&self, account: AccountId, short_id: &str) -> Result<UserId, Error> {
        user_id(found(&self.view().await?, account, short_id).await?.token.value.user)
    }

    /// One token, by its first digits.
    ///
    /// # Errors
    /// `NotAllowed` while users may not define tokens; `NoSuchEntity`, also for who may not manage it.
    pub async fn token_info(&self, by: &Authorized, short_id: &str) -> Result<TokenInfo, Error> {
        let view = self.view().await?;
        let held = held(&view, by, short_id).await?;
        self.info(&view, held.hash, &held.token.value).await
    }

    /// Changes some options of a token, or whether it may be used; felt at once.
    ///
    /// # Errors
    /// As [`Iam::create_token`] and [`Iam::token_info`]; `NotAllowed` for who is no admin and loosens what an admin has set.
    pub async fn update_token(
        &self,
        by: &Authorized,
        short_id: &str,
        change: &TokenChange,
    ) -> Result<TokenInfo, Error> {
        self.must_lie_ahead(change.expires.flatten())?;
        self.tried(|| async {
            let view = self.view().await?;
            let held = changeable(&view, by, short_id).await?;
            if let Some(methods) = change.methods.filter(|_| !manages_all(by)) {
                let owner = user_id(held.token.value.user)?;
                self.must_have_rights_for(by.account(), owner, methods).await?;
            }
            let mut next = held.token.value.clone();
            if change.is_about_options() {
                let options = change.applied_to(next.options()).checked()?;
                may_have(&view, by, &options).await?;
                next.set_options(options);
            }
            next.is_enabled = change.is_enabled.unwrap_or(next.is_enabled);
            if manages_all(by) {
                next.ceiling.set(change);
            } else {
                next.ceiling.admit(&next.options(), next.is_enabled)?;
            }
            let request = held.token.replace(StoredToken::key(held.hash), &next)?;
            let info = self.info(&view, held.hash, &next).await?;
            Ok(self
                .settle(request, &[scope(by.account(), &next)?])
                .await?
                .then_some(info))
        })
        .await
    }

    /// Deletes a token; it is unknown at once.
    ///
    /// # Errors
    /// As [`Iam::token_info`].
    pub async fn delete_token(&self, by: &Authorized, short_id: &str) -> Result<(), Error> {
        self.tried(|| async {
            let held = changeable(&self.view().await?, by, short_id).await?;
            let request = held.token.unchanged(StoredToken::key(held.hash));
            let request = request.and(rows_away(by.account(), held.hash, &held.token.value)?);
            Ok(self
                .settle(request, &[scope(by.account(), &held.token.value)?])
                .await?
                .then_some(()))
        })
        .await
    }

    /// Makes a token with the same options and owner, and lets the old one end at a time of the caller's choice; never later
    /// than it would have ended.
    ///
    /// # Errors
    /// As [`Iam::create_token`] and [`Iam::token_info`]; but methods are carried over whatever the owner's rights have become.
    pub async fn rotate_token(
        &self,
        by: &Authorized,
        short_id: &str,
        old_ends: Timestamp,
    ) -> Result<CreatedToken, Error> {
        let held = changeable(&self.view().await?, by, short_id).await?;
        let mut old = held.token.value.clone();
        // The new one can be used.
        if manages_all(by) {
            old.ceiling.is_disabled = false;
        }
        old.ceiling.admit(&old.options(), true)?;
        self.must_lie_ahead(old.ends_ns().map(Timestamp::from_nanos))?;
        let mut ending = held.token.value.clone();
        let ends = stamp(old_ends);
        ending.retires_ns = Some(old.retires_ns.map_or(ends, |before| before.min(ends)));
        let end_old = held.token.replace(StoredToken::key(held.hash), &ending)?;
        let maker = by.user().ok_or(Error::NotAllowed("nobody has no tokens"))?.id;
        let record = StoredToken {
            created_ns: stamp(self.parts.clock.now()),
            created_by: maker.as_u64(),
            is_unbounded: false,
            retires_ns: None,
            ..old.clone()
        };
        self.make_token(by, record, old.options(), end_old).await
    }

    /// Disables every token that was defined by a user who is no admin; tells how many were.
    ///
    /// # Errors
    /// `NotAllowed` for who does not manage all tokens.
    pub async fn disable_user_defined_tokens(&self, by: &Authorized) -> Result<usize, Error> {
        must_manage_all(by)?;
        let account = by.account();
        let start = StoredToken::by_short_key(account, "");
        let mut scan = Scan::prefix(&start).limit(BATCH);
        let mut disabled = 0;
        loop {
            let entries = self.view().await?.scan(scan.clone()).await?;
            for entry in &entries {
                let hash = hash_of(&entry.value)?;
                disabled += usize::from(self.disable_if_user_defined(account, hash).await?);
            }
            match entries.last() {
                Some(last) if entries.len() == BATCH => scan = scan.after(last.key.to_vec()),
                _ => return Ok(disabled),
            }
        }
    }

    async fn disable_if_user_defined(&self, account: AccountId, hash: ApiTokenHash) -> Result<bool, Error> {
        self.tried(|| async {
            let key = StoredToken::key(hash);
            let token = self.view().await?.get::<StoredToken>(&key).await?;
            let Some(token) = token.filter(|t| t.value.is_user_defined && !t.value.ceiling.is_disabled) else {
                return Ok(Some(false));
            };
            let mut next = token.value.clone();
            next.is_enabled = false;
            next.ceiling.is_disabled = true;
            let request = token.replace(key, &next)?;
            Ok(self.settle(request, &[scope(account, &next)?]).await?.then_some(true))
        })
        .await
    }

    async fn make_token(
        &self,
        by: &Authorized,
        mut record: StoredToken,
        options: TokenOptions,
        besides: Request,
    ) -> Result<CreatedToken, Error> {
        let account = by.account();
        let owner = user_id(record.user)?;
        record.is_user_defined = !manages_all(by);
        record.is_enabled = true;
        for _ in 0..DRAWS_MAX {
            let view = self.view().await?;
            let user = view.known_user(account, owner).await?;
            may_manage(&view, by, owner, user.value.role == StoredRole::Root).await?;
            may_have(&view, by, &options).await?;
            record.set_options(options.clone());
            let token = Secret::new(hex::encode(self.parts.entropy.bytes::<16>()));
            let hash = ApiTokenHash::of(&token);
            record.short_id = token.expose()[..TOKEN_SHORT_ID_DIGITS].to_owned();
            let short = StoredToken::by_short_key(account, &record.short_id);
            if view.bytes(&short).await?.is_some() {
                continue;
            }
            let request = Request::new()
                .absent(short)
                .absent(StoredToken::key(hash))
                .and(user.touch(account, owner)?)
                .and(besides.clone())
                .and(rows(account, owner, hash, &record)?);
            if self.settle(request, &[Scope::User(account, owner)]).await? {
                let info = self.info(&view, hash, &record).await?;
                return Ok(CreatedToken { token, info });
            }
        }
        Err(Error::ConcurrentModification)
    }

    /// Refuses an end that has passed: whoever wants one now says so by disabling or deleting.
    fn must_lie_ahead(&self, end: Option<Timestamp>) -> Result<(), Invalid> {
        if end.is_some_and(|end| end <= self.parts.clock.now()) {
            return Err(Invalid::new(
                "expires",
                "the end has passed; a token is ended now by disabling or deleting it",
            ));
        }
        Ok(())
    }

    async fn info(&self, view: &View, hash: ApiTokenHash, token: &StoredToken) -> Result<TokenInfo, Error> {
        let used = view.get::<StoredTokenUse>(&StoredTokenUse::key(hash)).await?;
        let used = used.map(|used| used.value).unwrap_or_default();
        let (options, owner) = (token.options(), user_id(token.user)?);
        let idle = if token.is_unbounded {
            Methods::NONE
        } else {
            let beyond = self.beyond_rights(account_id(token.account)?, owner, options.methods);
            beyond.await?.and(options.methods.incomplete())
        };
        Ok(TokenInfo {
            short_id: token.short_id.clone(),
            owner,
            options,
            idle,
            retires: token.retires_ns.map(Timestamp::from_nanos),
            is_enabled: token.is_enabled,
            is_user_defined: token.is_user_defined,
            created: Timestamp::from_nanos(token.created_ns),
            created_by: user_id(token.created_by)?,
            last_used: used.last_ns.map(Timestamp::from_nanos),
            last_used_from: used.last_from.and_then(|from| from.parse().ok()),
            use_count: used.count,
        })
    }
}

/// The rows of a token.
pub(crate) fn rows(
    account: AccountId,
    owner: UserId,
    hash: ApiTokenHash,
    record: &StoredToken,
) -> Result<Request, Error> {
    Ok(Request::new()
        .put(StoredToken::key(hash), encode(record)?)
        .put(StoredToken::by_user_key(account, owner, hash), "")
        .put(StoredToken::by_short_key(account, &record.short_id), hash.0.to_vec()))
}

/// Takes the rows of a token away.
pub(crate) fn rows_away(account: AccountId, hash: ApiTokenHash, record: &StoredToken) -> Result<Request, Error> {
    Ok(Request::new()
        .delete(StoredToken::key(hash))
        .delete(StoredToken::by_user_key(account, user_id(record.user)?, hash))
        .delete(StoredToken::by_short_key(account, &record.short_id))
        .delete(StoredTokenUse::key(hash)))
}

fn scope(account: AccountId, token: &StoredToken) -> Result<Scope, Error> {
    Ok(Scope::User(account, user_id(token.user)?))
}

pub(super) fn hash_of(bytes: &[u8]) -> Result<ApiTokenHash, Error> {
    let hash = bytes.try_into().map_err(|_| Error::Damaged("API token"))?;
    Ok(ApiTokenHash(hash))
}
