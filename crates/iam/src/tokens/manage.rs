//! Making, changing and ending tokens.
//!
//! Admins manage the tokens of everyone in the account but root's, which root manages. Others manage their own, if an admin
//! has let users define tokens; when that is taken back, their tokens keep working, and one call ends them all (contract,
//! 1.4).

use super::record::{ApiTokenHash, SHORT_ID_DIGITS, StoredToken, StoredTokenSettings, StoredTokenUse};
use super::{CreatedToken, TokenInfo, TokenOptions, TokenSettings};
use crate::change::{Stored, View};
use crate::epochs::Scope;
use crate::paging::{Builder, Walk};
use crate::records::{StoredRole, encode, stamp, user_id};
use crate::{Error, Iam, Page, PageRequest};
use baleen_meta::{Request, Scan};
use baleen_policy::{Authorized, Role};
use baleen_types::{AccountId, Invalid, Secret, Timestamp, UserId};

/// How often a token is drawn anew because another of the account begins with the same digits.
const DRAWS_MAX: u32 = 32;

/// Tokens that one step of ending all of them reads.
const BATCH: usize = 256;

/// A token as it was found, with its key.
struct Held {
    hash: ApiTokenHash,
    token: Stored<StoredToken>,
}

impl Iam {
    /// Makes a token for an owner; the answer alone ever holds it.
    ///
    /// # Errors
    /// `NotAllowed` for another user's or root's token, for one's own while users may not define tokens, and for a group then;
    /// `Invalid`; `NoSuchEntity`.
    pub async fn create_token(
        &self,
        by: &Authorized,
        owner: UserId,
        options: TokenOptions,
    ) -> Result<CreatedToken, Error> {
        let options = options.checked()?;
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
        let owner = if manages_all(by) {
            owner
        } else {
            may_define(&view, by).await?;
            by.user().map(|user| user.id)
        };
        let start = StoredToken::by_short_key(account, "");
        let mut walk = Walk::new(&view, start).after(self.place_of(by, ask)?.as_bytes());
        let mut page = Builder::new(ask);
        'page: loop {
            let entries = walk.next().await?;
            if entries.is_empty() {
                break;
            }
            for entry in &entries {
                let hash = hash_of(&entry.value)?;
                let token = view.get::<StoredToken>(&StoredToken::key(hash)).await?;
                let token = token.ok_or(Error::Damaged("API token"))?;
                let shown = owner.is_none_or(|owner| owner.as_u64() == token.value.user);
                let item = if shown {
                    Some(info(&view, hash, &token.value).await?)
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

    /// One token, by its first digits.
    ///
    /// # Errors
    /// `NoSuchEntity`, also for who may not manage it.
    pub async fn token_info(&self, by: &Authorized, short_id: &str) -> Result<TokenInfo, Error> {
        let view = self.view().await?;
        let held = held(&view, by, short_id).await?;
        info(&view, held.hash, &held.token.value).await
    }

    /// Changes the options of a token, and whether it may be used; felt at once.
    ///
    /// # Errors
    /// As [`Iam::create_token`] and [`Iam::token_info`].
    pub async fn update_token(
        &self,
        by: &Authorized,
        short_id: &str,
        options: Option<TokenOptions>,
        is_enabled: Option<bool>,
    ) -> Result<TokenInfo, Error> {
        let options = options.map(TokenOptions::checked).transpose()?;
        self.tried(|| async {
            let view = self.view().await?;
            let held = held(&view, by, short_id).await?;
            let mut next = held.token.value.clone();
            if let Some(options) = &options {
                may_have(&view, by, options).await?;
                next.set_options(options.clone());
            }
            next.is_enabled = is_enabled.unwrap_or(next.is_enabled);
            let request = held.token.replace(StoredToken::key(held.hash), &next)?;
            let info = info(&view, held.hash, &next).await?;
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
            let held = held(&self.view().await?, by, short_id).await?;
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
    /// As [`Iam::create_token`] and [`Iam::token_info`].
    pub async fn rotate_token(
        &self,
        by: &Authorized,
        short_id: &str,
        old_ends: Timestamp,
    ) -> Result<CreatedToken, Error> {
        let held = held(&self.view().await?, by, short_id).await?;
        let old = held.token.value.clone();
        let mut ending = old.clone();
        let ends = stamp(old_ends);
        ending.expires_ns = Some(old.expires_ns.map_or(ends, |before| before.min(ends)));
        let end_old = held.token.replace(StoredToken::key(held.hash), &ending)?;
        let maker = by.user().ok_or(Error::NotAllowed("nobody has no tokens"))?.id;
        let record = StoredToken {
            created_ns: stamp(self.parts.clock.now()),
            created_by: maker.as_u64(),
            is_unbounded: false,
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

    /// What the account's admins have set for tokens.
    pub async fn token_settings(&self, account: AccountId) -> Result<TokenSettings, Error> {
        let stored: Option<StoredTokenSettings> = self.read(&StoredTokenSettings::key(account)).await?;
        let stored = stored.unwrap_or_default();
        Ok(TokenSettings {
            lets_users_define: stored.lets_users_define,
            lets_guests_in: stored.lets_guests_in,
        })
    }

    /// Sets what users and guests may.
    ///
    /// # Errors
    /// `NotAllowed` for who does not manage all tokens.
    pub async fn set_token_settings(&self, by: &Authorized, settings: TokenSettings) -> Result<(), Error> {
        must_manage_all(by)?;
        let stored = StoredTokenSettings {
            lets_users_define: settings.lets_users_define,
            lets_guests_in: settings.lets_guests_in,
        };
        let request = Request::new().put(StoredTokenSettings::key(by.account()), encode(&stored)?);
        self.settle(request, &[]).await.map(drop)
    }

    async fn disable_if_user_defined(&self, account: AccountId, hash: ApiTokenHash) -> Result<bool, Error> {
        self.tried(|| async {
            let key = StoredToken::key(hash);
            let token = self.view().await?.get::<StoredToken>(&key).await?;
            let Some(token) = token.filter(|t| t.value.is_user_defined && t.value.is_enabled) else {
                return Ok(Some(false));
            };
            let mut next = token.value.clone();
            next.is_enabled = false;
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
            record.short_id = token.expose()[..SHORT_ID_DIGITS].to_owned();
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
                let info = info(&view, hash, &record).await?;
                return Ok(CreatedToken { token, info });
            }
        }
        Err(Error::ConcurrentModification)
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

/// A token that who asks may manage. The root's of the first start is kept by the operator's settings and not from here.
async fn held(view: &View, by: &Authorized, short_id: &str) -> Result<Held, Error> {
    let missing = || Error::no_such("API token", &short_id.chars().take(SHORT_ID_DIGITS).collect::<String>());
    if !(SHORT_ID_DIGITS..32).contains(&short_id.len()) || !short_id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(missing());
    }
    let short = StoredToken::by_short_key(by.account(), &short_id.to_ascii_lowercase());
    let hash = hash_of(&view.bytes(&short).await?.ok_or_else(missing)?)?;
    let token = view.get::<StoredToken>(&StoredToken::key(hash)).await?;
    let token = token.ok_or(Error::Damaged("API token"))?;
    let owner = user_id(token.value.user)?;
    let is_own = by.user().is_some_and(|user| user.id == owner);
    if !is_own && !manages_all(by) {
        return Err(missing());
    }
    let is_of_root = match view.user(by.account(), owner).await? {
        Some(user) => user.value.role == StoredRole::Root,
        None => false,
    };
    may_manage(view, by, owner, is_of_root).await?;
    if token.value.is_unbounded {
        return Err(Error::NotAllowed(
            "the token of the root credentials is set where the server is started",
        ));
    }
    Ok(Held { hash, token })
}

/// Who may manage the tokens of an owner.
async fn may_manage(view: &View, by: &Authorized, owner: UserId, is_of_root: bool) -> Result<(), Error> {
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
async fn may_have(view: &View, by: &Authorized, options: &TokenOptions) -> Result<(), Error> {
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

async fn may_define(view: &View, by: &Authorized) -> Result<(), Error> {
    if settings(view, by.account()).await?.lets_users_define {
        Ok(())
    } else {
        Err(Error::NotAllowed("users may not define API tokens"))
    }
}

async fn settings(view: &View, account: AccountId) -> Result<StoredTokenSettings, Error> {
    let stored = view
        .get::<StoredTokenSettings>(&StoredTokenSettings::key(account))
        .await?;
    Ok(stored.map(|stored| stored.value).unwrap_or_default())
}

fn manages_all(by: &Authorized) -> bool {
    by.user()
        .is_some_and(|user| matches!(user.role, Role::Root | Role::Admin))
}

fn must_manage_all(by: &Authorized) -> Result<(), Error> {
    if manages_all(by) {
        Ok(())
    } else {
        Err(Error::NotAllowed("the tokens of everyone are for admins"))
    }
}

fn scope(account: AccountId, token: &StoredToken) -> Result<Scope, Error> {
    Ok(Scope::User(account, user_id(token.user)?))
}

fn hash_of(bytes: &[u8]) -> Result<ApiTokenHash, Error> {
    let hash = bytes.try_into().map_err(|_| Error::Damaged("API token"))?;
    Ok(ApiTokenHash(hash))
}

async fn info(view: &View, hash: ApiTokenHash, token: &StoredToken) -> Result<TokenInfo, Error> {
    let used = view.get::<StoredTokenUse>(&StoredTokenUse::key(hash)).await?;
    let used = used.map(|used| used.value).unwrap_or_default();
    Ok(TokenInfo {
        short_id: token.short_id.clone(),
        owner: user_id(token.user)?,
        options: token.options(),
        is_enabled: token.is_enabled,
        is_user_defined: token.is_user_defined,
        created: Timestamp::from_nanos(token.created_ns),
        created_by: user_id(token.created_by)?,
        last_used: used.last_ns.map(Timestamp::from_nanos),
        last_used_from: used.last_from.and_then(|from| from.parse().ok()),
        use_count: used.count,
    })
}
