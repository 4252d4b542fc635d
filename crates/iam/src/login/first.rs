//! How the root of a customer gets in for the first time. It is made with the customer, in one commit: a customer whom nobody
//! can enter could not be mended by its reseller.

use super::hashing::{Busy, Hashing};
use super::password::NewPassword;
use super::record::StoredLogin;
use super::reset::{draw, put_in_force};
use crate::Error;
use crate::records::{StoredUser, encode, stamp};
use crate::users::login_profile_key;
use baleen_meta::Request;
use baleen_runtime::Entropy;
use baleen_types::{AccountId, Secret, Timestamp, UserId};

/// The way in of a user that is being made.
pub(crate) enum FirstWay {
    /// The PHC text of the password's hash.
    Password(String),
    /// A reset token.
    Token(Secret),
}

impl FirstWay {
    /// The password, or a token if there is none or the server is too busy to hash it.
    pub(crate) async fn new(password: Option<&NewPassword>, hashing: &Hashing, entropy: &dyn Entropy) -> Self {
        let Some(password) = password else {
            return Self::Token(draw(entropy));
        };
        match hashing.hash(password).await {
            Ok(phc) => Self::Password(phc),
            Err(Busy { .. }) => Self::Token(draw(entropy)),
        }
    }

    pub(crate) fn is_token(&self) -> bool {
        matches!(self, Self::Token(_))
    }

    /// The rows for a user that is made in the same request.
    pub(crate) fn rows(
        &self,
        account: AccountId,
        id: UserId,
        user: &StoredUser,
        now: Timestamp,
    ) -> Result<Request, Error> {
        let mut login = StoredLogin::default();
        let token_row = match self {
            Self::Password(phc) => {
                login.password = Some(phc.clone());
                login.created_ns = Some(stamp(now));
                Request::new()
            }
            Self::Token(token) => put_in_force(token, (account, id), user, &mut login, now)?,
        };
        let key = login_profile_key(account, id);
        Ok(token_row.absent(key.clone()).put(key, encode(&login)?))
    }

    /// The token, for whoever made the user.
    pub(crate) fn into_token(self) -> Option<Secret> {
        match self {
            Self::Password(_) => None,
            Self::Token(token) => Some(token),
        }
    }
}
