//! The second factor: RSPrepareTFA, RSEnableTFA, RSDisableTFA.

use super::limits::{FRESH_CODE, PENDING_SECRET_KEPT};
use super::record::{StoredLogin, StoredPrepared, StoredTotp, Subject, totp_context, totp_id};
use super::totp::{Code, TotpSecret};
use super::{Admission, Failure, LoginError, Target, qr, recovery};
use crate::change::View;
use crate::records::stamp;
use crate::totals;
use crate::users::login_profile_key;
use crate::{AuthMethod, Error, Iam};
use baleen_meta::Request;
use baleen_policy::{Authorized, Session, SessionKind};
use baleen_types::{AccountId, Secret, UserId};
use std::net::IpAddr;
use std::sync::Arc;

/// What an authenticator shows the account under.
const ISSUER: &str = "Baleen";

/// A secret to be put into an authenticator.
#[derive(Debug)]
pub struct PreparedFactor {
    /// To type.
    pub secret_base32: Secret,
    /// To scan: a picture as a `data:image/svg+xml` URL.
    pub qr_code_url: Secret,
    /// What the picture says, for who draws it otherwise.
    pub otpauth_url: Secret,
}

impl Iam {
    /// Makes a secret for the asking user, good for half an hour; a newer one replaces it. If there is a second factor
    /// already, the session must have been opened with a code a short while ago.
    ///
    /// # Errors
    /// `NotLoggedIn`, `NotFresh`, `Federated`.
    pub async fn prepare_second_factor(&self, by: &Authorized) -> Result<PreparedFactor, LoginError> {
        let session = login_session(by)?;
        let secret = TotpSecret::generate(&*self.parts.entropy);
        let user = by.user().ok_or(LoginError::NotLoggedIn)?;
        let id = totp_id(user.account, user.id);
        let prepared: Result<(), LoginError> = self
            .tried(|| async {
                let current = self.known_subject(user.account, user.id).await?;
                if let Err(why) = refuse_federated(&current) {
                    return Ok(Some(Err(why)));
                }
                let mut next = current.login();
                if next.totp.is_some() && !self.is_fresh(session) {
                    return Ok(Some(Err(LoginError::NotFresh)));
                }
                let nonce = self.parts.entropy.bytes();
                next.prepared = Some(StoredPrepared {
                    sealed: self.parts.sealer.seal(totp_context(&id), &secret.to_hex(), nonce),
                    ends_ns: stamp(self.parts.clock.now().plus(PENDING_SECRET_KEPT)),
                });
                Ok(self.settle(current.write(&next)?, &[]).await?.then_some(Ok(())))
            })
            .await?;
        prepared?;
        let url = secret.otpauth_url(ISSUER, user.name.as_str());
        Ok(PreparedFactor {
            secret_base32: secret.to_base32(),
            qr_code_url: qr::data_url(&url).ok_or(Error::Damaged("user name"))?,
            otpauth_url: url,
        })
    }

    /// Takes the prepared secret into use, since the user's authenticator has it; gives the recovery codes, which are shown
    /// this once. The code cannot be used to log in any more.
    ///
    /// # Errors
    /// `NothingPrepared`, `WrongCode`, `NotLoggedIn`, `Federated`, `Throttled`.
    pub async fn enable_second_factor(
        &self,
        by: &Authorized,
        code: &str,
        source: IpAddr,
    ) -> Result<Vec<Secret>, LoginError> {
        login_session(by)?;
        let user = by.user().ok_or(LoginError::NotLoggedIn)?;
        let target = Target::user(user.account, user.id);
        self.admit_code(target, source)?;
        let codes = recovery::generate(&*self.parts.entropy);
        let pepper = self.pepper().await?;
        let enabled: Result<(), LoginError> = self
            .tried(|| async {
                let current = self.known_subject(user.account, user.id).await?;
                if let Err(why) = refuse_federated(&current) {
                    return Ok(Some(Err(why)));
                }
                let mut next = current.login();
                let now = self.parts.clock.now();
                let Some(prepared) = next.prepared.take().filter(|p| stamp(now) < p.ends_ns) else {
                    return Ok(Some(Err(LoginError::NothingPrepared)));
                };
                let secret = self.open_totp(&current.info, &prepared.sealed)?;
                let step = match Code::parse(code) {
                    Code::OneTime(code) => secret.step_of(code.expose(), now),
                    Code::Recovery(_) | Code::Neither => None,
                };
                let Some(last_step) = step else {
                    self.note_failure(&current.info, source, Failure::Code);
                    return Ok(Some(Err(LoginError::WrongCode)));
                };
                next.totp = Some(StoredTotp {
                    sealed: prepared.sealed,
                    last_step,
                });
                next.recovery = codes
                    .iter()
                    .map(|code| pepper.hash(user.account, user.id, code))
                    .collect();
                Ok(self.settle(current.write(&next)?, &[]).await?.then_some(Ok(())))
            })
            .await?;
        match enabled {
            Ok(()) => self.login.throttle.succeeded(source, target),
            Err(LoginError::WrongCode) => {}
            // No code was looked at, so none was right: failures that were forgotten here would make guessing free.
            Err(_) => self.login.throttle.undecided(source, target),
        }
        enabled.map(|()| codes)
    }

    /// Takes the second factor away, with its recovery codes: with a code, or in a session that was opened with one a short
    /// while ago. Without a second factor, nothing is to be done.
    ///
    /// # Errors
    /// `Denied` for a wrong code, `NotFresh`, `NotLoggedIn`, `Throttled`.
    pub async fn disable_second_factor(
        &self,
        by: &Authorized,
        code: Option<&Secret>,
        source: IpAddr,
    ) -> Result<(), LoginError> {
        let session = login_session(by)?;
        let user = by.user().ok_or(LoginError::NotLoggedIn)?;
        let target = Target::user(user.account, user.id);
        let code = code
            .filter(|code| !code.expose().is_empty())
            .map(|code| Code::parse(code.expose()));
        if code.is_some() {
            self.admit_code(target, source)?;
        }
        let disabled: Result<bool, LoginError> = self
            .tried(|| async {
                let current = self.known_subject(user.account, user.id).await?;
                let mut next = current.login();
                let had_one = next.totp.is_some();
                if had_one {
                    match &code {
                        None if self.is_fresh(session) => {}
                        None => return Ok(Some(Err(LoginError::NotFresh))),
                        Some(code) => {
                            if !self.spend_code(&current.info, &mut next, code).await? {
                                self.note_failure(&current.info, source, Failure::Code);
                                return Ok(Some(Err(LoginError::Denied)));
                            }
                        }
                    }
                }
                next.drop_second_factor();
                Ok(self.settle(current.write(&next)?, &[]).await?.then_some(Ok(had_one)))
            })
            .await?;
        match disabled {
            Ok(true) if code.is_some() => self.login.throttle.succeeded(source, target),
            // Whatever code was sent, there was nothing to hold it against.
            Ok(false) if code.is_some() => self.login.throttle.undecided(source, target),
            _ => {}
        }
        disabled.map(drop)
    }

    /// Lets a try of a code in, charged to the address and the user until it succeeds.
    fn admit_code(&self, target: Target, source: IpAddr) -> Result<(), LoginError> {
        let now = self.parts.clock.monotonic();
        self.login.throttle.enter(now, source)?;
        match self.login.throttle.begin(now, target) {
            (Admission::Granted, _) => Ok(()),
            (Admission::Delayed, _) => Err(LoginError::Denied),
        }
    }

    fn is_fresh(&self, session: &Session) -> bool {
        let now = self.parts.clock.now();
        session.mfa_at.is_some_and(|at| now.since(at) < FRESH_CODE && at <= now)
    }
}

/// Takes the second factor of a user away, if there is one: part of a change of the user.
pub(crate) async fn without_second_factor(view: &View, account: AccountId, id: UserId) -> Result<Request, Error> {
    let key = login_profile_key(account, id);
    let Some(stored) = view.get::<StoredLogin>(&key).await? else {
        return Ok(Request::new());
    };
    let mut next = stored.value.clone();
    next.drop_second_factor();
    let totals = totals::login_moved(account, Some(&stored.value), &next)?;
    Ok(stored.replace(key, &next)?.and(totals))
}

/// The log-in session that asks. Keys, tokens and derived sessions are not enough (contract, "Session kinds").
pub(crate) fn login_session(by: &Authorized) -> Result<&Arc<Session>, LoginError> {
    let session = by.caller().and_then(|caller| caller.session());
    let is_login = |s: &&Arc<Session>| matches!(s.kind, SessionKind::Login | SessionKind::Federated);
    session.filter(is_login).ok_or(LoginError::NotLoggedIn)
}

fn refuse_federated(subject: &Subject) -> Result<(), LoginError> {
    match subject.info.auth {
        AuthMethod::Password => Ok(()),
        AuthMethod::Federated => Err(LoginError::Federated),
    }
}
