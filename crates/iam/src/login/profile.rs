//! Passwords as their owners and admins set them: ChangePassword and the login profiles.
//!
//! Every change of a password ends the log-ins made with the old one and voids reset tokens.

use super::password::{GivenPassword, NewPassword, PolicyViolation};
use super::record::{StoredLogin, Subject};
use super::{LoginError, Target};
use crate::epochs::Scope;
use crate::records::{StoredKind, StoredSession, StoredUser, encode, stamp};
use crate::{AuthMethod, Error, Iam};
use baleen_meta::Request;
use baleen_policy::{Authorized, Role, SessionKind};
use baleen_types::{AccountId, Secret, Timestamp, UserId};
use std::net::IpAddr;

/// A login profile: that a user has a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginProfile {
    /// When there first was a password.
    pub created: Timestamp,
    /// Whether the user has to change it.
    pub must_change_password: bool,
}

impl Iam {
    /// Changes the asking user's own password. Other log-ins of the user end, the session that asks goes on.
    ///
    /// # Errors
    /// `Policy`; `Federated`; `Denied` when the old password is wrong, which counts as a failed log-in; `Throttled`.
    pub async fn change_password(
        &self,
        by: &Authorized,
        old: &Secret,
        new: &Secret,
        source: IpAddr,
    ) -> Result<(), LoginError> {
        let user = by.user().ok_or(LoginError::Denied)?;
        let (account, id) = (user.account, user.id);
        let new = NewPassword::parse(new)?;
        self.login.throttle.enter(self.parts.clock.monotonic(), source)?;
        let found = self.subject(account, id).await?;
        if found.as_ref().is_some_and(|s| s.info.auth == AuthMethod::Federated) {
            return Err(LoginError::Federated);
        }
        let target = Target::user(account, id);
        let old = GivenPassword::new(old);
        let (proven, _) = self.prove_password(found, target, &old, source).await?;
        // The old password was proven, whatever becomes of the new one; a second factor was not.
        match proven.login().totp {
            None => self.login.throttle.succeeded(source, target),
            Some(_) => self.login.throttle.undecided(source, target),
        }
        if proven.info.must_change_password && old.bytes() == Some(new.bytes()) {
            return Err(PolicyViolation::Unchanged.into());
        }
        let phc = self.login.hashing.hash(&new).await?;
        let session = by.caller().and_then(|caller| caller.session());
        let changed = self
            .tried(|| async {
                let current = self.known_subject(account, id).await?;
                if current.password() != proven.password() {
                    return Ok(Some(false));
                }
                let (user, login) = with_password(&current, Some(phc.clone()), false, self.parts.clock.now());
                let mut request = current.write_both(user.clone(), &login)?;
                if let Some(session) = session.filter(|s| matches!(s.kind, SessionKind::Login)) {
                    request = request.and(self.carry_over(session, user.login_generation).await?);
                }
                Ok(self.settle(request, &[Scope::User(account, id)]).await?.then_some(true))
            })
            .await?;
        if changed { Ok(()) } else { Err(LoginError::Denied) }
    }

    /// Gives a user its first password.
    ///
    /// # Errors
    /// `EntityAlreadyExists` when there is one; `Federated`; `NoSuchEntity`.
    pub async fn create_login_profile(
        &self,
        by: &Authorized,
        id: UserId,
        password: &NewPassword,
        must_change: bool,
    ) -> Result<LoginProfile, LoginError> {
        not_oneself(by, id)?;
        let first = self.known_subject(by.account(), id).await?;
        refuse_fixed(&first)?;
        if first.password().is_some() {
            return Err(Error::exists("login profile for user", &first.info.name).into());
        }
        let phc = self.login.hashing.hash(password).await?;
        self.tried(|| async {
            let current = self.known_subject(by.account(), id).await?;
            if let Err(why) = refuse_fixed(&current) {
                return Ok(Some(Err(why)));
            }
            if current.password().is_some() {
                return Err(Error::exists("login profile for user", &current.info.name));
            }
            let now = self.parts.clock.now();
            let (user, login) = with_password(&current, Some(phc.clone()), must_change, now);
            let profile = profile_of(&user, &login);
            let request = current.write_both(user, &login)?;
            let done = self.settle(request, &[Scope::User(by.account(), id)]).await?;
            Ok(done.then_some(profile.ok_or(LoginError::Denied)))
        })
        .await?
    }

    /// Sets a user's password, or whether it has to be changed. Log-ins of the user end at once, and what the throttle
    /// holds against it is forgotten. A user without a password gets one (contract, CreateUser).
    ///
    /// # Errors
    /// `NotAllowed` for oneself and for root; `Federated`; `NoSuchEntity`.
    pub async fn update_login_profile(
        &self,
        by: &Authorized,
        id: UserId,
        password: Option<&NewPassword>,
        must_change: Option<bool>,
    ) -> Result<(), LoginError> {
        not_oneself(by, id)?;
        refuse_fixed(&self.known_subject(by.account(), id).await?)?;
        let phc = match password {
            Some(password) => Some(self.login.hashing.hash(password).await?),
            None => None,
        };
        self.change_profile(by, id, |current, now| {
            let must_change = must_change.unwrap_or(current.info.must_change_password);
            let phc = phc.clone().or_else(|| current.password().map(str::to_owned));
            Ok(with_password(current, phc, must_change, now))
        })
        .await
    }

    /// Tells that a user has a password.
    ///
    /// # Errors
    /// `NoSuchEntity` when it has none.
    pub async fn login_profile(&self, account: AccountId, id: UserId) -> Result<LoginProfile, Error> {
        let subject = self.known_subject(account, id).await?;
        let profile = profile_of(&subject.user.value, &subject.login());
        profile.ok_or_else(|| Error::no_such("login profile for user", &subject.info.name))
    }

    /// Takes a user's password away; log-ins made with it end at once. The second factor stays.
    ///
    /// # Errors
    /// `NoSuchEntity` when there is none; `NotAllowed` for oneself and for root.
    pub async fn delete_login_profile(&self, by: &Authorized, id: UserId) -> Result<(), LoginError> {
        not_oneself(by, id)?;
        self.change_profile(by, id, |current, now| {
            if current.password().is_none() {
                return Err(Error::no_such("login profile for user", &current.info.name));
            }
            Ok(with_password(current, None, current.info.must_change_password, now))
        })
        .await
    }

    async fn change_profile(
        &self,
        by: &Authorized,
        id: UserId,
        change: impl Fn(&Subject, Timestamp) -> Result<(StoredUser, StoredLogin), Error> + Send + Sync,
    ) -> Result<(), LoginError> {
        let account = by.account();
        self.tried(|| async {
            let current = self.known_subject(account, id).await?;
            if let Err(why) = refuse_fixed(&current) {
                return Ok(Some(Err(why)));
            }
            let (user, login) = change(&current, self.parts.clock.now())?;
            let request = current.write_both(user, &login)?;
            Ok(self
                .settle(request, &[Scope::User(account, id)])
                .await?
                .then_some(Ok(())))
        })
        .await??;
        self.login.throttle.forgive(Target::user(account, id));
        Ok(())
    }

    pub(crate) async fn known_subject(&self, account: AccountId, id: UserId) -> Result<Subject, Error> {
        let found = self.subject(account, id).await?;
        found.ok_or_else(|| Error::no_such("user with id", &id))
    }

    /// Lets one log-in go on beyond a change of the password.
    async fn carry_over(&self, session: &baleen_policy::Session, login_generation: u32) -> Result<Request, Error> {
        let key = StoredSession::key(&session.id);
        let Some(stored) = self.view().await?.get::<StoredSession>(&key).await? else {
            return Ok(Request::new());
        };
        if stored.value.kind != StoredKind::Login {
            return Ok(Request::new());
        }
        let mut next = stored.value.clone();
        next.login_generation = login_generation;
        Ok(stored.unchanged(key.clone()).put(key, encode(&next)?))
    }
}

/// A user with another password, or none: log-ins end, reset tokens are void.
pub(crate) fn with_password(
    current: &Subject,
    phc: Option<String>,
    must_change: bool,
    now: Timestamp,
) -> (StoredUser, StoredLogin) {
    let mut user = current.user.value.clone();
    user.must_change_password = must_change;
    user.login_generation += 1;
    let mut login = current.login();
    login.created_ns = phc.as_ref().and(login.created_ns.or(Some(stamp(now))));
    login.password = phc;
    login.reset = None;
    (user, login)
}

fn profile_of(user: &StoredUser, login: &StoredLogin) -> Option<LoginProfile> {
    login.password.as_ref()?;
    Some(LoginProfile {
        created: Timestamp::from_nanos(login.created_ns.unwrap_or(user.created_ns)),
        must_change_password: user.must_change_password,
    })
}

fn not_oneself(by: &Authorized, id: UserId) -> Result<(), Error> {
    if by.user().is_some_and(|user| user.id == id) {
        return Err(Error::NotAllowed("change your own password with ChangePassword"));
    }
    Ok(())
}

/// Root sets its password itself, and a federated user has none.
fn refuse_fixed(subject: &Subject) -> Result<(), LoginError> {
    if subject.info.role == Role::Root {
        return Err(Error::NotAllowed("the root user sets its own password").into());
    }
    match subject.info.auth {
        AuthMethod::Password => Ok(()),
        AuthMethod::Federated => Err(LoginError::Federated),
    }
}
