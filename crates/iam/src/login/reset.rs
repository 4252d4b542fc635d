//! Reset tokens: RSGetToken and RSResetPassword.
//!
//! A token is 256 random bits with nothing in it; what it is worth is in the store, so that it can be taken back. One is in
//! force for a user at a time.

use super::limits::RESET_TOKEN_KEPT;
use super::password::NewPassword;
use super::profile::with_password;
use super::record::{StoredLogin, StoredReset, StoredTicket, Subject};
use super::second_factor::login_session;
use super::{Approach, LoginError, Target};
use crate::epochs::Scope;
use crate::records::{StoredUser, account_id, encode, stamp, user_id};
use crate::{AuthMethod, Error, Iam, UserInfo};
use baleen_meta::Request;
use baleen_policy::{Authorized, Role};
use baleen_runtime::Entropy;
use baleen_types::{AccountId, Secret, Timestamp, UserId};

/// So that scanners for leaked secrets, and people, know one when they see it.
const PREFIX: &str = "pwdreset-";
const TOKEN_BYTES: usize = 32;

impl Iam {
    /// Makes a token with which the user's password can be set; an older one is void. For another user the old password
    /// and the log-ins made with it end at once.
    ///
    /// # Errors
    /// `NotLoggedIn` for oneself without a log-in session, else a leaked access key would become a password; `Federated`;
    /// `NotAllowed` for a root by others; `NoSuchEntity`.
    pub async fn issue_reset_token(&self, by: &Authorized, id: UserId) -> Result<Secret, LoginError> {
        let is_own = by.user().is_some_and(|user| user.id == id);
        if is_own {
            login_session(by)?;
        }
        self.make_reset_token(by.account(), id, is_own).await
    }

    pub(super) async fn make_reset_token(
        &self,
        account: AccountId,
        id: UserId,
        keeps_password: bool,
    ) -> Result<Secret, LoginError> {
        let token = draw(&*self.parts.entropy);
        let made: Result<(), LoginError> = self
            .tried(|| async {
                let current = self.known_subject(account, id).await?;
                if current.info.auth == AuthMethod::Federated {
                    return Ok(Some(Err(LoginError::Federated)));
                }
                if current.info.role == Role::Root && !keeps_password {
                    return Err(Error::NotAllowed("the root user resets its own password"));
                }
                let now = self.parts.clock.now();
                let (user, mut login) = if keeps_password {
                    (current.user.value.clone(), current.login())
                } else {
                    with_password(&current, None, true, now)
                };
                let row = put_in_force(&token, (account, id), &user, &mut login, now)?;
                let request = current.write_both(user, &login)?.and(row);
                Ok(self
                    .settle(request, &[Scope::User(account, id)])
                    .await?
                    .then_some(Ok(())))
            })
            .await?;
        made.map(|()| token)
    }

    /// Sets the password of the user whose token it is, and tells who that is. The token is used up, log-ins end, the second
    /// factor stays on.
    ///
    /// # Errors
    /// `BadResetToken` for every token that is not in force, and for one whose account does not let in who comes from there;
    /// `Policy`, which does not use the token up; `Throttled`.
    pub async fn reset_password(
        &self,
        token: &Secret,
        new: &Secret,
        from: Approach<'_>,
    ) -> Result<UserInfo, LoginError> {
        self.login.throttle.enter(self.parts.clock.monotonic(), from.source)?;
        let digest = StoredTicket::digest(token);
        let key = StoredTicket::reset_key(&digest);
        let row: StoredTicket = self.read(&key).await?.ok_or(LoginError::BadResetToken)?;
        let (account, id) = (account_id(row.account)?, user_id(row.user)?);
        if !self.admits(account, from).await? || !self.is_in_force(account, id, &digest).await? {
            return Err(LoginError::BadResetToken);
        }
        // A live token is no guess, whatever comes with it; it can be sent over and over.
        self.login.throttle.not_charged(from.source);
        let new = NewPassword::parse(new)?;
        let phc = self.login.hashing.hash(&new).await?;
        let done = self
            .tried(|| async {
                if !self.is_in_force(account, id, &digest).await? {
                    return Ok(Some(None));
                }
                let current = self.known_subject(account, id).await?;
                let (user, login) = with_password(&current, Some(phc.clone()), false, self.parts.clock.now());
                let request = current.write_both(user, &login)?;
                let done = self.settle(request, &[Scope::User(account, id)]).await?;
                Ok(done.then_some(Some((current.info, login.totp.is_some()))))
            })
            .await?;
        let (user, has_second_factor) = done.ok_or(LoginError::BadResetToken)?;
        if !has_second_factor {
            self.login.throttle.forgive(Target::user(account, id));
        }
        Ok(user)
    }

    /// Tells whether a token is the user's newest, unused and not too old, and its customer may act.
    async fn is_in_force(&self, account: AccountId, id: UserId, digest: &[u8; 32]) -> Result<bool, Error> {
        if self.active_customer(account).await?.is_none() {
            return Ok(false);
        }
        let Some(current) = self.subject(account, id).await? else {
            return Ok(false);
        };
        let now = stamp(self.parts.clock.now());
        let reset = current
            .login()
            .reset
            .filter(|reset| reset.digest == *digest && now < reset.ends_ns);
        Ok(reset.is_some() && current.info.auth == AuthMethod::Password)
    }
}

/// Takes every way to log in, and every session, from a user, and makes a token with which to begin anew.
pub(crate) fn start_over(current: &Subject, entropy: &dyn Entropy, now: Timestamp) -> Result<(Request, Secret), Error> {
    let token = draw(entropy);
    let (mut user, mut login) = with_password(current, None, true, now);
    user.generation += 1;
    login.drop_second_factor();
    let whose = (current.info.account, current.info.id);
    let row = put_in_force(&token, whose, &user, &mut login, now)?;
    Ok((current.write_both(user, &login)?.and(row), token))
}

/// Makes a token the one in force in a user's login record; gives the row that it is found by, which goes into the same commit
/// as the record.
pub(super) fn put_in_force(
    token: &Secret,
    (account, id): (AccountId, UserId),
    user: &StoredUser,
    login: &mut StoredLogin,
    now: Timestamp,
) -> Result<Request, Error> {
    let (digest, ends_ns) = (StoredTicket::digest(token), stamp(now.plus(RESET_TOKEN_KEPT)));
    login.reset = Some(StoredReset { digest, ends_ns });
    let row = StoredTicket {
        account: account.as_u64(),
        user: id.as_u64(),
        ends_ns,
        login_generation: user.login_generation,
    };
    Ok(Request::new().put(StoredTicket::reset_key(&digest), encode(&row)?))
}

pub(super) fn draw(entropy: &dyn Entropy) -> Secret {
    Secret::new(format!("{PREFIX}{}", hex::encode(entropy.bytes::<TOKEN_BYTES>())))
}
