//! From a token to who asks.

use super::record::{ApiTokenHash, StoredToken, StoredTokenUse};
use super::{Methods, TokenOptions};
use crate::epochs::Scope;
use crate::records::{account_id, encode, stamp, user_id};
use crate::{Error, Iam};
use baleen_meta::Request;
use baleen_policy::{Bounds, Caller, Credential, Principal, TokenGrant};
use baleen_types::{Secret, Timestamp};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Tokens whose use waits to be written; above it a use is not noted, which makes "last used" older than it is.
const NOTED_TOKENS_MAX: usize = 16_384;

/// What there is to say of a token.
#[derive(Clone, Debug)]
pub enum TokenLookup {
    /// It may be used.
    Found(Arc<KnownToken>),
    /// There is none, it was disabled, or its time is over; also what has not the form of one.
    Unknown,
    /// Its customer is disabled, or its owner is gone.
    Suspended,
}

/// A token that may be used.
#[derive(Debug)]
pub struct KnownToken {
    /// Its owner, bounded by its methods.
    pub principal: Principal,
    /// What it may be used for; where two methods share an action, this tells them apart.
    pub methods: Methods,
    /// Its other options, for who makes captures with it.
    pub options: TokenOptions,
    ends: Option<Timestamp>,
}

/// Uses that wait to be written.
#[derive(Default)]
pub(crate) struct Uses(Mutex<HashMap<ApiTokenHash, Noted>>);

#[derive(Clone, Copy)]
struct Noted {
    count: u64,
    at: Timestamp,
    from: IpAddr,
}

impl Iam {
    /// Who stands behind an API token, in either case of its digits. The token is looked up by its hash, so that neither the
    /// store nor the time taken tells anything of it.
    ///
    /// Whether the caller must be logged in besides is in the principal's `TokenGrant`; a door where nobody can log in
    /// refuses such a token.
    ///
    /// # Errors
    /// When nobody can tell now.
    pub async fn token(&self, token: &Secret) -> Result<TokenLookup, Error> {
        let text = token.expose();
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(TokenLookup::Unknown);
        }
        let hash = hash_of(token);
        let known = match self.tokens.cache.value(&hash, &self.epochs) {
            Some(known) => known,
            None => match self.read_token(hash).await? {
                Ok(known) => known,
                Err(why) => return Ok(why),
            },
        };
        let is_over = known.ends.is_some_and(|end| end <= self.parts.clock.now());
        Ok(if is_over {
            TokenLookup::Unknown
        } else {
            TokenLookup::Found(known)
        })
    }

    /// Notes that a token let somebody in, who asked from an address; written by [`Iam::write_token_uses`]. Costs a look into
    /// a map.
    pub fn note_token_use(&self, token: &Secret, from: IpAddr) {
        let hash = hash_of(token);
        let at = self.parts.clock.now();
        let mut uses = self.tokens.uses.0.lock();
        if let Some(noted) = uses.get_mut(&hash) {
            *noted = Noted {
                count: noted.count + 1,
                at,
                from,
            };
        } else if uses.len() < NOTED_TOKENS_MAX {
            uses.insert(hash, Noted { count: 1, at, from });
        }
    }

    /// Writes the uses that were noted; for a background task, and once more at the end.
    ///
    /// # Errors
    /// `Unavailable` when the store refuses; what was not written is tried again with the next pass.
    pub async fn write_token_uses(&self) -> Result<(), Error> {
        let noted = std::mem::take(&mut *self.tokens.uses.0.lock());
        let mut failed = None;
        for (hash, noted) in noted {
            if failed.is_none() {
                failed = self.write_token_use(hash, noted).await.err();
                if failed.is_none() {
                    continue;
                }
            }
            let mut uses = self.tokens.uses.0.lock();
            let newer = uses.entry(hash).or_insert(Noted { count: 0, ..noted });
            newer.count += noted.count;
        }
        failed.map_or(Ok(()), Err)
    }

    async fn write_token_use(&self, hash: ApiTokenHash, noted: Noted) -> Result<(), Error> {
        self.tried(|| async {
            let view = self.view().await?;
            // A token that was deleted meanwhile leaves nothing behind.
            let Some(token) = view.get::<StoredToken>(&StoredToken::key(hash)).await? else {
                return Ok(Some(()));
            };
            let key = StoredTokenUse::key(hash);
            let before = view.get::<StoredTokenUse>(&key).await?;
            let next = StoredTokenUse {
                count: before
                    .as_ref()
                    .map_or(0, |use_| use_.value.count)
                    .saturating_add(noted.count),
                last_ns: Some(stamp(noted.at)),
                last_from: Some(noted.from.to_string()),
            };
            let request = match &before {
                Some(before) => before.replace(key, &next)?,
                None => Request::new().absent(key.clone()).put(key, encode(&next)?),
            };
            let request = request.and(token.unchanged(StoredToken::key(hash)));
            Ok(self.settle(request, &[]).await?.then_some(()))
        })
        .await
    }

    async fn read_token(&self, hash: ApiTokenHash) -> Result<Result<Arc<KnownToken>, TokenLookup>, Error> {
        let key = StoredToken::key(hash);
        let Some(first) = self.read::<StoredToken>(&key).await? else {
            return Ok(Err(TokenLookup::Unknown));
        };
        let (account, user) = (account_id(first.account)?, user_id(first.user)?);
        // The ticket first, then what it is for.
        let ticket = self
            .epochs
            .ticket(&[Scope::Account(account), Scope::User(account, user)]);
        let stored = self.read::<StoredToken>(&key).await?;
        let same_owner = |token: &StoredToken| (token.account, token.user) == (first.account, first.user);
        let Some(stored) = stored.filter(|token| token.is_enabled && same_owner(token)) else {
            return Ok(Err(TokenLookup::Unknown));
        };
        let Some((owner, deeper)) = self.in_force(account, user).await? else {
            return Ok(Err(TokenLookup::Suspended));
        };
        let methods = Methods::from_bits(stored.methods);
        let bounds = if stored.is_unbounded {
            Bounds::NONE
        } else {
            methods.bounds()?
        };
        let grant = TokenGrant {
            short_id: stored.short_id.as_str().into(),
            must_log_in: stored.must_log_in,
        };
        let known = Arc::new(KnownToken {
            principal: Principal::Known(Arc::new(Caller {
                user: Arc::clone(&owner.user),
                credential: Credential::ApiToken(Arc::new(grant)),
                policies: Arc::clone(&owner.policies),
                bounds,
            })),
            methods,
            options: stored.options(),
            ends: stored.ends_ns().map(Timestamp::from_nanos),
        });
        self.tokens.cache.put(hash, &known, &ticket.and(&deeper));
        Ok(Ok(known))
    }
}

/// The hash that a token is found by, in either case of its digits.
pub(crate) fn hash_of(token: &Secret) -> ApiTokenHash {
    ApiTokenHash::of(&Secret::new(token.expose().to_ascii_lowercase()))
}
