//! What is stored of logging in.
//!
//! The login record of a user is written only together with a condition on the user's own record, so that a user who was
//! deleted or became federated meanwhile gets nothing back; and only together with a condition on itself, so that a code is
//! spent once however many try it at once.

use super::hashing::HashingCost;
use super::recovery::CodeHash;
use crate::change::{Stored, View};
use crate::records::{StoredUser, encode, sha256};
use crate::totals;
use crate::users::login_profile_key;
use crate::{Error, UserInfo};
use baleen_meta::Request;
use baleen_meta::keys::{KeyWriter, Table};
use baleen_meta::record::first_version;
use baleen_sealing::Context;
use baleen_types::{AccountId, Secret, UserId};
use serde::{Deserialize, Serialize};

/// How a user logs in. One without a record has no password yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredLogin {
    /// The PHC text of the password's hash.
    pub(crate) password: Option<String>,
    /// When there first was a password.
    pub(crate) created_ns: Option<i64>,
    pub(crate) totp: Option<StoredTotp>,
    /// A secret that was prepared and not yet proven.
    pub(crate) prepared: Option<StoredPrepared>,
    pub(crate) recovery: Vec<CodeHash>,
    /// The one reset token in force; a row of the table of tokens that is not this one is void.
    pub(crate) reset: Option<StoredReset>,
    pub(crate) last_login_ns: Option<i64>,
}
first_version!(StoredLogin, "login profile");

impl StoredLogin {
    /// Takes away the second factor, one that is being prepared, and the codes for when the device is lost.
    pub(crate) fn drop_second_factor(&mut self) {
        (self.totp, self.prepared) = (None, None);
        self.recovery.clear();
    }
}

/// A second factor in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredTotp {
    pub(crate) sealed: Vec<u8>,
    /// The last step whose code was used; only later ones are good.
    pub(crate) last_step: u64,
}

/// A second factor in preparation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPrepared {
    pub(crate) sealed: Vec<u8>,
    pub(crate) ends_ns: i64,
}

/// A reset token in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredReset {
    pub(crate) digest: [u8; 32],
    pub(crate) ends_ns: i64,
}

/// Whose a reset token is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredTicket {
    pub(crate) account: u64,
    pub(crate) user: u64,
    pub(crate) ends_ns: i64,
    /// That of the user when it was issued.
    pub(crate) login_generation: u32,
}
first_version!(StoredTicket, "login ticket");

/// The secret part of all hashes of recovery codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredPepper {
    pub(crate) sealed: Vec<u8>,
}
first_version!(StoredPepper, "recovery pepper");

/// The cost of hashing passwords that was chosen last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredCost {
    pub(crate) cost: HashingCost,
}
first_version!(StoredCost, "hashing cost");

impl StoredTicket {
    /// The key of a reset token.
    pub(crate) fn reset_key(digest: &[u8; 32]) -> Vec<u8> {
        KeyWriter::new(Table::ResetToken).fixed(digest).finish()
    }

    /// What stands in the store for a text that is never stored.
    pub(crate) fn digest(text: &Secret) -> [u8; 32] {
        sha256(text.expose().as_bytes())
    }
}

impl StoredPepper {
    pub(crate) fn key() -> Vec<u8> {
        KeyWriter::new(Table::System).tail("recovery-pepper")
    }

    pub(crate) fn context() -> Context<'static> {
        Context {
            purpose: "recovery-pepper",
            id: "",
        }
    }
}

impl StoredCost {
    pub(crate) fn key() -> Vec<u8> {
        KeyWriter::new(Table::System).tail("hashing-cost")
    }
}

/// A user with its way to log in, as read at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) info: UserInfo,
    pub(crate) user: Stored<StoredUser>,
    pub(crate) login: Option<Stored<StoredLogin>>,
}

impl Subject {
    pub(crate) async fn read(view: &View, account: AccountId, id: UserId) -> Result<Option<Self>, Error> {
        let Some(user) = view.user(account, id).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            info: UserInfo::new(account, id, &user.value)?,
            user,
            login: view.get(&login_profile_key(account, id)).await?,
        }))
    }

    pub(crate) fn login(&self) -> StoredLogin {
        self.login
            .as_ref()
            .map(|stored| stored.value.clone())
            .unwrap_or_default()
    }

    pub(crate) fn password(&self) -> Option<&str> {
        self.login.as_ref()?.value.password.as_deref()
    }

    /// Writes the login record if neither it nor the user has changed since.
    pub(crate) fn write(&self, next: &StoredLogin) -> Result<Request, Error> {
        let user = self.user.unchanged(StoredUser::key(self.info.account, self.info.id));
        Ok(user.and(self.login_rows(next)?))
    }

    /// Writes both records if neither has changed since.
    pub(crate) fn write_both(&self, user: StoredUser, next: &StoredLogin) -> Result<Request, Error> {
        let fenced = self.user.fence(self.info.account, self.info.id, user)?;
        Ok(fenced.and(self.login_rows(next)?))
    }

    fn login_rows(&self, next: &StoredLogin) -> Result<Request, Error> {
        let key = login_profile_key(self.info.account, self.info.id);
        let mut request = match &self.login {
            Some(stored) => stored.replace(key, next)?,
            None => Request::new().absent(key.clone()).put(key, encode(next)?),
        };
        // A reset token that is no longer the one in force is void; its row goes along.
        let before = self.login.as_ref().and_then(|stored| stored.value.reset.as_ref());
        if let Some(void) = before.filter(|before| Some(*before) != next.reset.as_ref()) {
            request = request.delete(StoredTicket::reset_key(&void.digest));
        }
        let before = self.login.as_ref().map(|stored| &stored.value);
        Ok(request.and(totals::login_moved(self.info.account, before, next)?))
    }
}

/// What a second factor's sealed secret is bound to.
pub(crate) fn totp_id(account: AccountId, user: UserId) -> String {
    format!("{account}/{user}")
}

pub(crate) fn totp_context(id: &str) -> Context<'_> {
    Context { purpose: "totp", id }
}
