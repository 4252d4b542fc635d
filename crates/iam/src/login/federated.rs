//! Federated log-ins: a proof of the account's identity provider becomes a one-time code, and the code a session.
//!
//! The browser that comes back from the identity provider carries the code through one redirect; a session's keys never stand
//! in an address. A user is looked for only in the account whose connection made the proof: the provider of one customer
//! cannot speak for the users of another.

use super::limits::LOGIN_CODE_KEPT;
use super::record::{StoredTicket, Subject};
use super::{LoggedIn, LoginError};
use crate::records::{account_id, encode, stamp, user_id};
use crate::{AuthMethod, Error, Iam, LoginKind, NewSession, SessionLength};
use baleen_meta::Request;
use baleen_types::{AccountId, Secret, UserName};
use std::net::IpAddr;

impl Iam {
    /// Makes the code for the user whom the account's identity provider named. The proof was checked before.
    ///
    /// # Errors
    /// `Denied` when the account has no federated user of that name, or may not act.
    pub async fn issue_login_code(&self, account: AccountId, name_id: &str) -> Result<Secret, LoginError> {
        let name = UserName::parse(name_id).map_err(|_| LoginError::Denied)?;
        let view = self.view().await?;
        if self.active_customer(account).await?.is_none() {
            return Err(LoginError::Denied);
        }
        let id = view.user_id(account, &name).await?.ok_or(LoginError::Denied)?;
        let found = Subject::read(&view, account, id).await?.ok_or(LoginError::Denied)?;
        if found.info.auth != AuthMethod::Federated {
            return Err(LoginError::Denied);
        }
        let code = Secret::new(hex::encode(self.parts.entropy.bytes::<32>()));
        let row = StoredTicket {
            account: account.as_u64(),
            user: id.as_u64(),
            ends_ns: stamp(self.parts.clock.now().plus(LOGIN_CODE_KEPT)),
            login_generation: found.info.login_generation,
        };
        let key = StoredTicket::code_key(&StoredTicket::digest(&code));
        let made = self
            .settle(Request::new().absent(key.clone()).put(key, encode(&row)?), &[])
            .await?;
        if made {
            Ok(code)
        } else {
            Err(Error::ConcurrentModification.into())
        }
    }

    /// Opens the session of a code, once (contract, RSFederatedLogin).
    ///
    /// # Errors
    /// `BadLoginCode` for a code that is unknown, used, or older than a minute, or whose user is no longer federated.
    pub async fn redeem_login_code(
        &self,
        code: &Secret,
        length: SessionLength,
        source: IpAddr,
    ) -> Result<LoggedIn, LoginError> {
        self.login.throttle.enter(self.parts.clock.monotonic(), source)?;
        let key = StoredTicket::code_key(&StoredTicket::digest(code));
        let found = self.view().await?.get::<StoredTicket>(&key).await?;
        let found = found.ok_or(LoginError::BadLoginCode)?;
        // Whoever takes it away has it; of two at once one comes too late.
        if !self.settle(found.unchanged(key.clone()).delete(key), &[]).await? {
            return Err(LoginError::BadLoginCode);
        }
        let row = found.value;
        let (account, id) = (account_id(row.account)?, user_id(row.user)?);
        let now = self.parts.clock.now();
        let is_active = self.active_customer(account).await?.is_some();
        if stamp(now) >= row.ends_ns || !is_active {
            return Err(LoginError::BadLoginCode);
        }
        let seen = self
            .tried(|| async {
                let Some(current) = self.subject(account, id).await? else {
                    return Ok(Some(None));
                };
                let is_same = current.info.login_generation == row.login_generation;
                if current.info.auth != AuthMethod::Federated || !is_same {
                    return Ok(Some(None));
                }
                let mut next = current.login();
                next.last_login_ns = Some(stamp(now));
                let done = self.settle(current.write(&next)?, &[]).await?;
                Ok(done.then_some(Some(current.info)))
            })
            .await?
            .ok_or(LoginError::BadLoginCode)?;
        self.login.throttle.succeeded(source, super::Target::user(account, id));
        let new = NewSession {
            kind: LoginKind::Federated,
            length,
            with_second_factor: false,
            origin: Some(source),
        };
        let session = self.open_session(&seen, new).await?;
        Ok(LoggedIn {
            user: seen,
            session,
            at: now,
            has_second_factor: false,
        })
    }
}
