//! A federated login: begun, proven, exchanged for a session.

use super::provider::{PublicUrl, SamlProvider};
use super::sealed::{Asked, Proven};
use crate::change::{Stored, View};
use crate::login::{Approach, LoginError};
use crate::records::{StoredAuth, StoredOnce, account_id, encode, sha256, stamp, user_id};
use crate::{Error, FederatedRefusal, Iam, LoginKind, NewSession, OpenedSession, SessionLength, UserInfo};
use baleen_meta::Request;
use baleen_saml::{Answer, Expected, LoginRequest, RequestId};
use baleen_types::{AccountId, Secret, Timestamp, UserName};
use std::net::IpAddr;
use std::time::Duration;

/// How long a login may take at the identity provider: somebody may have to look for a second factor.
pub const LOGIN_REQUEST_LIFE: Duration = Duration::from_secs(600);

/// How long a code is good: a browser exchanges it at once.
pub const LOGIN_CODE_LIFE: Duration = Duration::from_secs(60);

/// A login that was begun.
#[derive(Debug)]
pub struct FederatedStart {
    /// Where to send the browser.
    pub redirect_url: String,
    /// What the browser keeps until it comes back: it binds the answer to this browser.
    pub cookie: Secret,
}

/// What a browser brings back from the identity provider.
#[derive(Clone, Copy)]
pub struct FederatedAnswer<'a> {
    /// What it was given to keep, if it still has it.
    pub cookie: Option<&'a str>,
    /// The form field `RelayState`.
    pub relay_state: &'a str,
    /// The form field `SAMLResponse`.
    pub response: &'a str,
}

impl std::fmt::Debug for FederatedAnswer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FederatedAnswer(hidden)")
    }
}

impl Iam {
    /// Begins a login through a connection.
    ///
    /// # Errors
    /// `NoSuchEntity` when there is no such connection; `Throttled`.
    pub async fn begin_federated_login(
        &self,
        provider: &SamlProvider,
        at: &PublicUrl,
        from: Approach<'_>,
    ) -> Result<FederatedStart, LoginError> {
        self.counted(from.source, self.begin(provider, at, from)).await
    }

    async fn begin(
        &self,
        provider: &SamlProvider,
        at: &PublicUrl,
        from: Approach<'_>,
    ) -> Result<FederatedStart, Error> {
        let stored = self.connection_for(provider, from).await?;
        let key = self.saml_key(provider.account(), &stored)?;
        let now = self.parts.clock.now();
        let id = RequestId::new(self.parts.entropy.bytes());
        let relay_state = hex::encode(self.parts.entropy.bytes::<20>());
        let login = LoginRequest {
            service: &at.service(&stored.provider),
            provider: &stored.described()?,
            id: &id,
            relay_state: &relay_state,
        };
        let redirect_url = login.redirect_url(&key, now)?;
        let cookie = self.hand_out(&Asked {
            connection: stored.id,
            request: id.as_str().to_owned(),
            relay_state,
            until_ns: stamp(now.plus(LOGIN_REQUEST_LIFE)),
        });
        Ok(FederatedStart { redirect_url, cookie })
    }

    /// Checks what a browser brought back, and gives the code that the login is exchanged for, with whose login it is.
    ///
    /// # Errors
    /// `FederatedLogin`, one text for all reasons; the reason itself is its source, for the log. `Throttled`, before any work.
    pub async fn prove_federated_login(
        &self,
        provider: &SamlProvider,
        at: &PublicUrl,
        brought: &FederatedAnswer<'_>,
        from: Approach<'_>,
    ) -> Result<(Secret, UserInfo), LoginError> {
        self.counted(from.source, self.prove(provider, at, brought, from)).await
    }

    async fn prove(
        &self,
        provider: &SamlProvider,
        at: &PublicUrl,
        brought: &FederatedAnswer<'_>,
        from: Approach<'_>,
    ) -> Result<(Secret, UserInfo), Error> {
        let now = self.parts.clock.now();
        // The cookie first: without one, nothing of what a stranger sends is parsed.
        let asked = brought.cookie.and_then(|cookie| self.take_back::<Asked>(cookie, now));
        let asked = asked.filter(|asked| same(&asked.relay_state, brought.relay_state));
        let asked = asked.ok_or(FederatedRefusal::OtherBrowser)?;
        let view = self.view().await?;
        let stored = view.connection_named(provider).await.map_err(unnamed)?;
        if stored.id != asked.connection {
            return Err(FederatedRefusal::OtherConnection.into());
        }
        if !self.admits(provider.account(), from).await? {
            return Err(FederatedRefusal::NotListed.into());
        }
        let expected = Expected {
            service: &at.service(&stored.provider),
            provider: &stored.described()?,
            request: &RequestId::from_text(&asked.request).ok_or(FederatedRefusal::OtherBrowser)?,
            now,
        };
        let answer = Answer::verify(brought.response, &expected).map_err(FederatedRefusal::Answer)?;
        // Of one issuer the ids are unique; our requests are ours.
        let assertion = (
            ["assertion", &stored.entity_id, &answer.assertion_id],
            answer.remember_until,
        );
        let request = (["request", "", &asked.request], Timestamp::from_nanos(asked.until_ns));
        let is_first = self.count_once(&[assertion, request]).await?;
        let login = answer.first_use(is_first).map_err(FederatedRefusal::Answer)?;

        let user = federated_user(&view, provider.account(), &login.name_id).await?;
        let user = self.get_user(provider.account(), user).await?;
        let code = self.hand_out(&Proven {
            account: user.account.as_u64(),
            user: user.id.as_u64(),
            connection: stored.id,
            generation: user.generation,
            login_generation: user.login_generation,
            session_end_ns: login.session_not_on_or_after.map(stamp),
            until_ns: stamp(now.plus(LOGIN_CODE_LIFE)),
        });
        Ok((code, user))
    }

    /// Exchanges a code for a session, once. It does not last longer than the identity provider allows.
    ///
    /// # Errors
    /// `FederatedLogin`, as above; `LimitExceeded` when the user has too many sessions; `Throttled`.
    pub async fn exchange_federated_login(
        &self,
        code: &str,
        length: SessionLength,
        from: Approach<'_>,
    ) -> Result<(UserInfo, OpenedSession), LoginError> {
        self.counted(from.source, self.exchange(code, length, from)).await
    }

    async fn exchange(
        &self,
        code: &str,
        length: SessionLength,
        from: Approach<'_>,
    ) -> Result<(UserInfo, OpenedSession), Error> {
        let now = self.parts.clock.now();
        let proven = self.take_back::<Proven>(code, now).ok_or(FederatedRefusal::Code)?;
        let (account, id) = (account_id(proven.account)?, user_id(proven.user)?);
        if !self.admits(account, from).await? {
            return Err(FederatedRefusal::NotListed.into());
        }
        let until = Timestamp::from_nanos(proven.until_ns);
        if !self.count_once(&[(["code", "", code], until)]).await? {
            return Err(FederatedRefusal::Code.into());
        }
        let left = match proven.session_end_ns {
            None => length,
            Some(end) => length
                .at_most(Timestamp::from_nanos(end).since(now))
                .ok_or(FederatedRefusal::Code)?,
        };
        // Whatever ends after it was read here ends the session as well, which names user and connection as they were.
        let user = self
            .tried(|| async {
                let Some(subject) = self.subject(account, id).await? else {
                    return Ok(Some(None));
                };
                let user = &subject.info;
                let is_same = user.generation == proven.generation && user.login_generation == proven.login_generation;
                let is_open = self.view().await?.open_connection(account).await? == Some(proven.connection);
                if !is_same || !is_open || self.in_force(account, id).await?.is_none() {
                    return Ok(Some(None));
                }
                let mut login = subject.login();
                login.last_login_ns = Some(stamp(now));
                let noted = self.settle(subject.write(&login)?, &[]).await?;
                Ok(noted.then_some(Some(subject.info)))
            })
            .await?
            .ok_or(FederatedRefusal::Code)?;
        let new = NewSession {
            kind: LoginKind::Federated(proven.connection),
            length: left,
            with_second_factor: false,
            origin: Some(from.source),
        };
        let opened = self.open_session(&user, new).await?;
        Ok((user, opened))
    }

    /// Lets an address in to a step of a login, unless too much from there failed lately: what fails stays charged to it, as a
    /// wrong password does. No user is held back, since what is proven here is no secret of a user's.
    pub(super) async fn counted<T>(
        &self,
        source: IpAddr,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, LoginError> {
        let throttle = &self.login.throttle;
        throttle.enter(self.parts.clock.monotonic(), source)?;
        let done = step.await;
        if !matches!(&done, Err(Error::FederatedLogin(_) | Error::NoSuchEntity { .. })) {
            throttle.not_charged(source);
        }
        Ok(done?)
    }

    /// Forgets what was used once and is refused by its time meanwhile; for a background task.
    ///
    /// # Errors
    /// `Unavailable` when the store refuses; the next pass goes on.
    pub async fn sweep_used_assertions(&self) -> Result<(), Error> {
        let over = |key: &[u8], once: Stored<StoredOnce>| {
            let is_over = Timestamp::from_nanos(once.value.until_ns) <= self.parts.clock.now();
            Ok(is_over.then(|| once.unchanged(key.to_vec()).delete(key)))
        };
        self.sweep(&StoredOnce::prefix(), over).await.map(drop)
    }

    /// Notes that things are used, all of them or none; false when one has been used before.
    async fn count_once(&self, things: &[([&str; 3], Timestamp)]) -> Result<bool, Error> {
        let mut request = Request::new();
        for (words, until) in things {
            // The lengths keep one name from being cut in another place.
            let named: String = words
                .iter()
                .map(|word| format!("{}:{word}", word.len()))
                .collect::<Vec<_>>()
                .concat();
            let row = StoredOnce::key(&sha256(named.as_bytes()));
            let used = StoredOnce {
                until_ns: stamp(*until),
            };
            request = request.absent(row.clone()).put(row, encode(&used)?);
        }
        self.settle(request, &[]).await
    }
}

/// The user that an identity provider speaks of: of its account, and one who logs in through it.
async fn federated_user(view: &View, account: AccountId, name: &str) -> Result<baleen_types::UserId, Error> {
    let name = UserName::parse(name).map_err(|_| FederatedRefusal::NoSuchUser)?;
    let id = view
        .user_id(account, &name)
        .await?
        .ok_or(FederatedRefusal::NoSuchUser)?;
    let user = view.user(account, id).await?.ok_or(FederatedRefusal::NoSuchUser)?;
    if user.value.auth == StoredAuth::Federated {
        Ok(id)
    } else {
        Err(FederatedRefusal::NoSuchUser.into())
    }
}

/// What is not there is not told to strangers.
fn unnamed(error: Error) -> Error {
    match error {
        Error::NoSuchEntity { .. } => FederatedRefusal::OtherConnection.into(),
        other => other,
    }
}

/// Compares in a time that does not depend on where they differ.
fn same(a: &str, b: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}
