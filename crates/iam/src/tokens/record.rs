//! What is stored of API tokens. The token itself is not: only the hash it is found by, and its first digits.

mod before;

pub(crate) use before::v3;
#[cfg(test)]
pub(crate) use before::{Leading, v1, v2};

use super::ceiling::Ceiling;
use super::{Methods, TokenOptions};
use crate::records::sha256;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::{Record, first_version};
use baleen_types::{AccountId, Secret, Timestamp, UserId};
use serde::{Deserialize, Serialize};

/// The name of a token whose first digits are not known; see `root::old_token`.
pub(crate) const UNNAMED: &str = "root";

/// An API token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "the options of the contract, as they are")]
pub(crate) struct StoredToken {
    pub(crate) account: u64,
    /// The owner.
    pub(crate) user: u64,
    pub(crate) short_id: String,
    pub(crate) label: String,
    pub(crate) group: Option<String>,
    pub(crate) group_write: bool,
    pub(crate) is_public: bool,
    pub(crate) default_tags: Vec<String>,
    pub(crate) profile: Option<String>,
    pub(crate) must_log_in: bool,
    pub(crate) methods: u16,
    /// The token of the first start: it has all its owner's rights, whatever its methods.
    pub(crate) is_unbounded: bool,
    /// Made by a user who is no admin, while users were let to.
    pub(crate) is_user_defined: bool,
    pub(crate) is_enabled: bool,
    pub(crate) expires_ns: Option<i64>,
    /// When it ends because it was rotated, whatever its options say.
    pub(crate) retires_ns: Option<i64>,
    pub(crate) created_ns: i64,
    pub(crate) created_by: u64,
    pub(crate) ceiling: Ceiling,
}

impl Record for StoredToken {
    const NAME: &'static str = "API token";
    const VERSION: u8 = 4;
    type Before = v3::StoredToken;
    fn migrate(before: v3::StoredToken) -> Self {
        let leading = before.leading;
        let mut token = Self {
            account: leading.account,
            user: leading.user,
            short_id: leading.short_id,
            label: leading.label,
            group: leading.group,
            group_write: leading.group_write,
            is_public: leading.is_public,
            default_tags: leading.default_tags,
            profile: leading.profile,
            must_log_in: leading.must_log_in,
            methods: leading.methods,
            is_unbounded: leading.is_unbounded,
            is_user_defined: leading.is_user_defined,
            is_enabled: leading.is_enabled,
            expires_ns: leading.expires_ns,
            retires_ns: before.retires_ns,
            created_ns: before.created_ns,
            created_by: before.created_by,
            ceiling: Ceiling::default(),
        };
        // Who had set what was not kept: what an admin made is taken for set by admins, and so is that a token is disabled.
        if !token.is_user_defined {
            token.ceiling = Ceiling::of(&token.options());
        }
        token.ceiling.is_disabled = !token.is_enabled;
        token
    }
}

impl StoredToken {
    pub(crate) fn of_root(account: u64, user: u64, short_id: String, created_ns: i64) -> Self {
        Self {
            account,
            user,
            short_id,
            label: "root credentials".to_owned(),
            group: None,
            group_write: false,
            is_public: false,
            default_tags: Vec::new(),
            profile: None,
            must_log_in: false,
            methods: Methods::of(super::Method::ALL).to_bits(),
            is_unbounded: true,
            is_user_defined: false,
            is_enabled: true,
            expires_ns: None,
            retires_ns: None,
            created_ns,
            created_by: user,
            ceiling: Ceiling::default(),
        }
    }

    /// When it ends, for whichever reason comes first.
    pub(crate) fn ends_ns(&self) -> Option<i64> {
        self.expires_ns.into_iter().chain(self.retires_ns).min()
    }

    pub(crate) fn options(&self) -> TokenOptions {
        TokenOptions {
            label: self.label.clone(),
            group: self.group.clone(),
            group_write: self.group_write,
            is_public: self.is_public,
            default_tags: self.default_tags.clone(),
            profile: self.profile.clone(),
            must_log_in: self.must_log_in,
            methods: Methods::from_bits(self.methods),
            expires: self.expires_ns.map(Timestamp::from_nanos),
        }
    }

    pub(crate) fn set_options(&mut self, options: TokenOptions) {
        self.label = options.label;
        self.group = options.group;
        self.group_write = options.group_write;
        self.is_public = options.is_public;
        self.default_tags = options.default_tags;
        self.profile = options.profile;
        self.must_log_in = options.must_log_in;
        self.methods = options.methods.to_bits();
        self.expires_ns = options.expires.map(Timestamp::as_nanos);
    }

    pub(crate) fn key(hash: ApiTokenHash) -> Vec<u8> {
        KeyWriter::new(Table::ApiToken).fixed(&hash.0).finish()
    }

    pub(crate) fn by_user_key(account: AccountId, user: UserId, hash: ApiTokenHash) -> Vec<u8> {
        Self::of_user(account, user).fixed(&hash.0).finish()
    }

    pub(crate) fn of_user(account: AccountId, user: UserId) -> KeyWriter {
        KeyWriter::new(Table::ApiTokenByUser)
            .u64(account.as_u64())
            .u64(user.as_u64())
    }

    /// Where the hash of a token's first digits is; without digits, what all of the account's begin with.
    pub(crate) fn by_short_key(account: AccountId, short_id: &str) -> Vec<u8> {
        KeyWriter::new(Table::ApiTokenByShortId)
            .u64(account.as_u64())
            .tail(short_id)
    }
}

/// How often and when a token was used; written now and then, not with each use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredTokenUse {
    pub(crate) count: u64,
    pub(crate) last_ns: Option<i64>,
    pub(crate) last_from: Option<String>,
}
first_version!(StoredTokenUse, "API token use");

impl StoredTokenUse {
    pub(crate) fn key(hash: ApiTokenHash) -> Vec<u8> {
        KeyWriter::new(Table::ApiTokenUse).fixed(&hash.0).finish()
    }
}

/// What an account's admins have set for tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredTokenSettings {
    pub(crate) lets_users_define: bool,
    pub(crate) lets_guests_in: bool,
}
first_version!(StoredTokenSettings, "API token settings");

impl StoredTokenSettings {
    pub(crate) fn key(account: AccountId) -> Vec<u8> {
        KeyWriter::new(Table::ApiTokenSettings).u64(account.as_u64()).finish()
    }
}

/// SHA-256 of an API token in lower case. A plain hash is enough: a token has 128 random bits, so there is nothing to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ApiTokenHash(pub(crate) [u8; 32]);

impl ApiTokenHash {
    pub(crate) fn of(token: &Secret) -> Self {
        Self(sha256(token.expose().as_bytes()))
    }
}
