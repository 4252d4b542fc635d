//! RSLogin, and what every proof of a password shares.
//!
//! # The same work for every refusal
//!
//! Whoever tries names must not learn from the answer or from its time which exist. Each try that the throttle lets in
//! compares exactly one password with exactly one hash, whatever is found:
//!
//! | case | compared with | answer |
//! |---|---|---|
//! | unknown customer or user, customer disabled | the hash nobody has | `Denied` |
//! | user federated, or without a password | the hash nobody has | `Denied` |
//! | user held back by the throttle | the hash nobody has | `Denied` |
//! | password longer than a password can be | the hash nobody has | `Denied` |
//! | wrong password | the user's | `Denied` |
//! | right password, wrong code | the user's | `Denied` |
//! | right password, no code though one is needed | the user's | `SecondFactorRequired` |
//! | right | the user's; once more if its cost is outdated | a session |
//!
//! What differs is a few reads from the store before, microseconds against a quarter of a second. A hash of an outdated
//! cost takes another time than today's; it becomes today's at the next log-in, and costs change seldom, see
//! `Argon2Hasher::calibrate`. Refusals before any work (the limits of an address, the full queue) know no names.

use super::password::GivenPassword;
use super::record::{StoredLogin, StoredPepper, Subject, totp_context, totp_id};
use super::recovery::{self, Pepper};
use super::totp::{Code, TotpSecret};
use super::{Admission, Alert, Failure, LoginError, Target, Verdict};
use crate::records::{encode, stamp};
use crate::{AuthMethod, Error, Iam, LoginKind, NewSession, OpenedSession, SessionLength, UserInfo};
use baleen_meta::Request;
use baleen_types::{AccountId, Secret, Timestamp, UserId, UserName};
use std::net::IpAddr;

/// A try to log in. Texts are as they were given.
#[derive(Debug)]
pub struct LogIn<'a> {
    /// The customer's name.
    pub customer: &'a str,
    /// The customer of that name, if there is one.
    pub account: Option<AccountId>,
    /// The user's name.
    pub user: &'a str,
    /// The password.
    pub password: &'a Secret,
    /// A one-time password or a recovery code, if one was given.
    pub code: Option<&'a Secret>,
    /// How long the session is to last.
    pub length: SessionLength,
    /// The address that asks.
    pub source: IpAddr,
}

/// Who logged in.
#[derive(Debug)]
pub struct LoggedIn {
    /// The user.
    pub user: UserInfo,
    /// The session.
    pub session: OpenedSession,
    /// When: the user's last access from now on.
    pub at: Timestamp,
    /// Whether the user has a second factor.
    pub has_second_factor: bool,
}

/// What became of a right password.
enum Proof {
    /// The password was changed meanwhile.
    Overtaken,
    CodeMissing,
    CodeWrong,
    Given {
        with_code: bool,
    },
}

impl Iam {
    /// Opens a session for a password and, if the user has a second factor, a code. A code is used up by it.
    ///
    /// # Errors
    /// `Denied` for whatever is not proven, see the table of this module; `SecondFactorRequired`; `Throttled`.
    ///
    /// # Cancel safety
    /// A try that is given up counts as failed.
    pub async fn log_in(&self, ask: LogIn<'_>) -> Result<LoggedIn, LoginError> {
        let throttle = &self.login.throttle;
        throttle.enter(self.parts.clock.monotonic(), ask.source)?;
        let found = self.find_subject(ask.account, ask.user).await?;
        let target = found
            .as_ref()
            .map_or_else(|| Target::nobody(ask.customer, ask.user), target_of);
        let given = GivenPassword::new(ask.password);
        let (subject, is_outdated) = self.prove_password(found, target, &given, ask.source).await?;
        // A full queue leaves the old hash in place: no reason to refuse who has proven everything.
        let fresh = if is_outdated {
            self.login.hashing.rehash(&given).await.ok()
        } else {
            None
        };
        let code = ask
            .code
            .filter(|code| !code.expose().is_empty())
            .map(|code| Code::parse(code.expose()));
        let now = self.parts.clock.now();
        let proof = self
            .tried(|| async {
                let Some(current) = self.subject(subject.info.account, subject.info.id).await? else {
                    return Ok(Some(Proof::Overtaken));
                };
                if current.password() != subject.password() || current.info.auth != AuthMethod::Password {
                    return Ok(Some(Proof::Overtaken));
                }
                let mut next = current.login();
                let with_code = match (&next.totp, &code) {
                    (None, _) => false,
                    (Some(_), None) => return Ok(Some(Proof::CodeMissing)),
                    (Some(_), Some(code)) => {
                        if !self.spend_code(&current.info, &mut next, code).await? {
                            return Ok(Some(Proof::CodeWrong));
                        }
                        true
                    }
                };
                next.password = fresh.clone().or(next.password);
                next.last_login_ns = Some(stamp(now));
                let done = self.settle(current.write(&next)?, &[]).await?;
                Ok(done.then_some(Proof::Given { with_code }))
            })
            .await?;
        let with_code = match proof {
            Proof::Overtaken => return Err(LoginError::Denied),
            Proof::CodeMissing => {
                throttle.undecided(ask.source, target);
                return Err(LoginError::SecondFactorRequired);
            }
            Proof::CodeWrong => {
                self.note_failure(&subject.info, ask.source, Failure::Code);
                return Err(LoginError::Denied);
            }
            Proof::Given { with_code } => with_code,
        };
        throttle.succeeded(ask.source, target);
        let new = NewSession {
            kind: LoginKind::Password,
            length: ask.length,
            with_second_factor: with_code,
            origin: Some(ask.source),
        };
        // The user as read before the password was compared: had its password changed since, the session is dead at birth.
        let session = self.open_session(&subject.info, new).await?;
        Ok(LoggedIn {
            user: subject.info,
            session,
            at: now,
            has_second_factor: with_code,
        })
    }

    /// Compares a password once, and gives the user whose it is with whether its hash is outdated. The address was let in
    /// already.
    pub(crate) async fn prove_password(
        &self,
        found: Option<Subject>,
        target: Target,
        given: &GivenPassword,
        source: IpAddr,
    ) -> Result<(Subject, bool), LoginError> {
        let throttle = &self.login.throttle;
        let (admission, alert) = throttle.begin(self.parts.clock.monotonic(), target);
        Self::tell(alert, found.as_ref().map(|subject| &subject.info), source);
        let able = found.filter(|s| admission == Admission::Granted && s.info.auth == AuthMethod::Password);
        let phc = able.as_ref().and_then(Subject::password);
        let verdict = match self.login.hashing.verify(given, phc).await {
            Ok(verdict) => verdict,
            Err(busy) => {
                // Nothing was compared, so nothing failed; but a try that was held back was never charged to the user.
                if admission == Admission::Granted {
                    throttle.undecided(source, target);
                }
                return Err(busy.into());
            }
        };
        match (able, verdict) {
            (Some(subject), Verdict::Right { is_outdated }) => Ok((subject, is_outdated)),
            _ => Err(LoginError::Denied),
        }
    }

    /// Charges a wrong code and tells the operator if it is one too many.
    pub(crate) fn note_failure(&self, user: &UserInfo, source: IpAddr, failure: Failure) {
        let now = self.parts.clock.monotonic();
        let alert = self
            .login
            .throttle
            .failed(now, source, Target::user(user.account, user.id), failure);
        Self::tell(alert, Some(user), source);
    }

    /// Names that stand for nobody are not logged: people type passwords into the wrong field.
    fn tell(alert: Alert, user: Option<&UserInfo>, source: IpAddr) {
        if alert == Alert::Guessing {
            metrics::counter!("baleen_login_alerts_total").increment(1);
            let account = user.map(|user| user.account.to_string());
            let user = user.map(|user| user.id.to_string());
            tracing::warn!(account, user, %source, "somebody is guessing a user's password or code");
        }
    }

    /// The user of a name whose customer may act.
    async fn find_subject(&self, account: Option<AccountId>, name: &str) -> Result<Option<Subject>, Error> {
        let (Some(account), Ok(name)) = (account, UserName::parse(name)) else {
            return Ok(None);
        };
        let view = self.view().await?;
        if self.active_customer(account).await?.is_none() {
            return Ok(None);
        }
        match view.user_id(account, &name).await? {
            Some(id) => Subject::read(&view, account, id).await,
            None => Ok(None),
        }
    }

    pub(crate) async fn subject(&self, account: AccountId, id: UserId) -> Result<Option<Subject>, Error> {
        Subject::read(&self.view().await?, account, id).await
    }

    /// Tells whether a code is good, and takes it out of the record: its step, or the recovery code itself.
    pub(crate) async fn spend_code(
        &self,
        user: &UserInfo,
        login: &mut StoredLogin,
        code: &Code,
    ) -> Result<bool, Error> {
        match (code, &mut login.totp) {
            (_, None) | (Code::Neither, _) => Ok(false),
            (Code::OneTime(code), Some(totp)) => {
                let secret = self.open_totp(user, &totp.sealed)?;
                let step = secret.step_of(code.expose(), self.parts.clock.now());
                let Some(step) = step.filter(|step| *step > totp.last_step) else {
                    return Ok(false);
                };
                totp.last_step = step;
                Ok(true)
            }
            (Code::Recovery(code), Some(_)) => {
                let wanted = self.pepper().await?.hash(user.account, user.id, code);
                let Some(index) = recovery::find(&login.recovery, &wanted) else {
                    return Ok(false);
                };
                login.recovery.remove(index);
                Ok(true)
            }
        }
    }

    pub(crate) fn open_totp(&self, user: &UserInfo, sealed: &[u8]) -> Result<TotpSecret, Error> {
        let id = totp_id(user.account, user.id);
        let opened = self.parts.sealer.open(totp_context(&id), sealed);
        let secret = opened.map_err(|_| Error::Damaged("second factor"))?;
        TotpSecret::from_hex(&secret).ok_or(Error::Damaged("second factor"))
    }

    /// The secret part of recovery codes, made when it is first needed.
    pub(crate) async fn pepper(&self) -> Result<Pepper, Error> {
        let key = StoredPepper::key();
        self.tried(|| async {
            if let Some(stored) = self.read::<StoredPepper>(&key).await? {
                let opened = self.parts.sealer.open(StoredPepper::context(), &stored.sealed);
                return Ok(Some(Pepper::new(
                    &opened.map_err(|_| Error::Damaged("recovery pepper"))?,
                )));
            }
            let secret = Secret::new(hex::encode(self.parts.entropy.bytes::<32>()));
            let sealed = self
                .parts
                .sealer
                .seal(StoredPepper::context(), &secret, self.parts.entropy.bytes());
            let request = Request::new()
                .absent(key.clone())
                .put(key.clone(), encode(&StoredPepper { sealed })?);
            self.settle(request, &[]).await?;
            Ok(None)
        })
        .await
    }
}

pub(crate) fn target_of(subject: &Subject) -> Target {
    Target::user(subject.info.account, subject.info.id)
}
