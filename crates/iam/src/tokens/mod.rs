//! API tokens: 32 hex digits that stand for their owner, held to what they were made for (CloudShark contract, section 1).
//!
//! One kind of credential for three doors: CloudShark's path token, the PCAPs door's Bearer token, CFW's `X-Auth-Token`. A
//! token is shown once and stored as its hash; people and logs know it by its first six digits, which no two tokens of an
//! account share. Whatever concerns a token, its owner or its customer is felt by the next request.

mod ceiling;
mod ending;
mod look_up;
mod manage;
mod methods;
mod options;
pub(crate) mod record;
mod rights;
mod settings;

pub(crate) use look_up::hash_of as hash_of_token;
pub use look_up::{KnownToken, TokenLookup};
pub use methods::{Method, Methods};
pub use options::{TokenChange, TokenOptions};

pub(crate) use manage::{rows, rows_away};

use crate::cache::Cache;
use baleen_types::{Secret, Timestamp, UserId};
use record::ApiTokenHash;
pub(crate) use record::StoredTokenUse;
use std::net::IpAddr;

/// Tokens held in memory; the least used go first.
const CACHED_TOKENS_MAX: usize = 16_384;

/// A token as those see it who manage it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its first digits.
    pub short_id: String,
    /// Whose it is, and whose every capture made with it becomes.
    pub owner: UserId,
    /// What it is for.
    pub options: TokenOptions,
    /// Those of its methods that allow nothing now: the owner has no right behind them, or they need another method.
    pub idle: Methods,
    /// When it ends because it was rotated; its options are the new one's, and say nothing of it.
    pub retires: Option<Timestamp>,
    /// Whether it may be used.
    pub is_enabled: bool,
    /// Whether it was made by a user who is no admin.
    pub is_user_defined: bool,
    /// When it was made.
    pub created: Timestamp,
    /// By whom.
    pub created_by: UserId,
    /// When it was used last, give or take the time between two writes of that.
    pub last_used: Option<Timestamp>,
    /// From where.
    pub last_used_from: Option<IpAddr>,
    /// How often it was used.
    pub use_count: u64,
}

/// A token that was just made.
#[derive(Debug)]
pub struct CreatedToken {
    /// The token itself, shown this once.
    pub token: Secret,
    /// What is known of it from now on.
    pub info: TokenInfo,
}

/// What an account's admins have set for tokens. All is off at first (contract, 1.4.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenSettings {
    /// Users define tokens of their own.
    pub lets_users_define: bool,
    /// Guests are let in, so that captures can be public.
    pub lets_guests_in: bool,
}

/// A change of [`TokenSettings`]; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the settings")]
pub struct TokenSettingsChange {
    pub lets_users_define: Option<bool>,
    pub lets_guests_in: Option<bool>,
}

/// What tokens hold in memory.
pub(crate) struct Tokens {
    cache: Cache<ApiTokenHash, KnownToken>,
    uses: look_up::Uses,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            cache: Cache::new(CACHED_TOKENS_MAX),
            uses: look_up::Uses::default(),
        }
    }
}

#[cfg(test)]
mod tests;
