//! Opening sessions: from the credential that asks, or from a proof of who asks.

use crate::limits::{
    ASSUMED_SECS, ASSUMED_SECS_DEFAULT, LOGIN_SECS, LOGIN_SECS_DEFAULT, SESSION_DEPTH_MAX, SESSION_POLICY_ARNS_MAX,
    SESSION_POLICY_BYTES_MAX, SESSION_POLICY_CHARS_MAX,
};
use crate::records::{
    Room, StoredKind, StoredSession, StoredUser, StoredVersion, account_id, encode, sha256, stamp, user_id,
};
use crate::{Error, Iam, PolicyArn, SessionName, UserInfo, ids};
use baleen_meta::Request;
use baleen_policy::{Authorized, Caller, Credential, DocumentKind, Policy};
use baleen_types::{AccessKeyId, AccountId, CustomerName, Invalid, Secret, Timestamp, UserId};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long a session is to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLength(Duration);

impl SessionLength {
    /// Of AssumeRole: 15 minutes to 12 hours, 15 minutes if nothing is said (seed 004, AssumeRole).
    pub fn assumed(secs: Option<u32>) -> Result<Self, Invalid> {
        Self::within(ASSUMED_SECS, secs.unwrap_or(ASSUMED_SECS_DEFAULT))
    }

    /// Of RSLogin and RSAssumeCustomerRole: a minute to 12 hours, an hour if nothing is said.
    pub fn login(secs: Option<u32>) -> Result<Self, Invalid> {
        Self::within(LOGIN_SECS, secs.unwrap_or(LOGIN_SECS_DEFAULT))
    }

    /// The shorter of the two; `None` when nothing is left.
    pub(crate) fn at_most(self, left: Duration) -> Option<Self> {
        (!left.is_zero()).then(|| Self(self.0.min(left)))
    }

    fn within(range: std::ops::RangeInclusive<u32>, secs: u32) -> Result<Self, Invalid> {
        if range.contains(&secs) {
            return Ok(Self(Duration::from_secs(secs.into())));
        }
        let why = format!("{} to {} are expected", range.start(), range.end());
        Err(Invalid::new("DurationSeconds", why))
    }
}

/// A session to be derived from the credential that asks.
#[derive(Clone, Debug)]
pub struct AssumeRole {
    /// Its name.
    pub name: SessionName,
    /// How long it is to last; not longer than what it is derived from.
    pub length: SessionLength,
    /// A policy that it is held to.
    pub policy: Option<String>,
    /// Managed policies that it is held to, as they are now; with `policy`, what any of them allows.
    pub policy_arns: Vec<PolicyArn>,
    /// The address that asks.
    pub origin: Option<IpAddr>,
}

/// A session of a user who has proven to be it.
#[derive(Clone, Copy, Debug)]
pub struct NewSession {
    /// By which proof.
    pub kind: LoginKind,
    /// How long it is to last.
    pub length: SessionLength,
    /// Whether a second factor was given.
    pub with_second_factor: bool,
    /// The address that asks.
    pub origin: Option<IpAddr>,
}

/// How a user has proven to be it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginKind {
    /// With a password.
    Password,
    /// With a proof of the account's identity provider, over the connection of this id; the session ends with it.
    Federated([u8; 16]),
}

/// A session that was just opened.
#[derive(Debug)]
pub struct OpenedSession {
    /// The public half of its key.
    pub id: AccessKeyId,
    /// The secret half, shown once.
    pub secret: Secret,
    /// The token that must come along, if one must.
    pub token: Option<Secret>,
    /// When it ends.
    pub expires: Timestamp,
    /// How much of the room for its policies is used, in percent.
    pub packed_percent: u8,
}

impl Iam {
    /// Derives a session from the credential that asks: the same user, held to what that is held to and to the policies
    /// that are given, for not longer than that.
    ///
    /// # Errors
    /// `MalformedPolicyDocument`, `PackedPolicyTooLarge`, `NoSuchEntity` for a policy; `LimitExceeded` when it would be the
    /// ninth of a chain or the user has too many; `NotAllowed` when what asks cannot have sessions.
    pub async fn assume_role(&self, by: &Authorized, ask: AssumeRole) -> Result<OpenedSession, Error> {
        let from = self.parent_of(by).await?;
        let user = &from.caller.user;
        let bounds = self.session_policies(by.account(), &ask).await?;
        let was = self.view().await?.known_user(user.account, user.id).await?.value;
        let now = self.parts.clock.now();
        let token = ids::session_token(&*self.parts.entropy);
        let draft = StoredSession {
            kind: StoredKind::Derived,
            name: ask.name.as_str().to_owned(),
            bounds,
            token_hash: Some(sha256(token.expose().as_bytes())),
            ..draft(user.account, user.id, &was, now, ask.origin)
        };
        self.open(from.derive(draft, now.plus(ask.length.0)), Some(token), None)
            .await
    }

    /// Opens a session in which a reseller acts as the root of a customer, as long as the customer lets it.
    ///
    /// # Errors
    /// `NoSuchEntity`, also for somebody else's customer; `NotAllowed` when the customer does not let it, or who asks is no
    /// reseller.
    pub async fn assume_customer_role(
        &self,
        by: &Authorized,
        customer: &CustomerName,
        length: SessionLength,
        origin: Option<IpAddr>,
    ) -> Result<OpenedSession, Error> {
        let from = self.parent_of(by).await?;
        let customer = self.parts.tenancy.details(by, customer).await.map_err(Error::Tenancy)?;
        if !self.may_assume(customer.account, Some(&from.caller)).await? {
            return Err(Error::NotAllowed("the customer does not let its reseller act for it"));
        }
        let root = self.root_of(customer.account).await?;
        let now = self.parts.clock.now();
        let was = StoredUser {
            generation: root.generation,
            login_generation: root.login_generation,
            ..StoredUser::tombstone(0)
        };
        let draft = StoredSession {
            kind: StoredKind::Reseller,
            name: from.caller.user.name.to_string(),
            ..draft(customer.account, root.id, &was, now, origin)
        };
        let maker = (from.caller.user.account, from.caller.user.id);
        self.open(from.derive(draft, now.plus(length.0)), None, Some(maker))
            .await
    }

    /// Opens a session of a user who has proven to be it. `seen` is the user as it was read *before* the proof was checked:
    /// if its password changes meanwhile, the session ends before it begins.
    ///
    /// # Errors
    /// `LimitExceeded` when the user has too many.
    pub async fn open_session(&self, seen: &UserInfo, new: NewSession) -> Result<OpenedSession, Error> {
        let now = self.parts.clock.now();
        let was = StoredUser {
            generation: seen.generation,
            login_generation: seen.login_generation,
            ..StoredUser::tombstone(0)
        };
        let (kind, connection) = match new.kind {
            LoginKind::Password => (StoredKind::Login, None),
            LoginKind::Federated(connection) => (StoredKind::Federated, Some(connection)),
        };
        let draft = StoredSession {
            kind,
            connection,
            expires_ns: stamp(now.plus(new.length.0)),
            mfa_ns: new.with_second_factor.then(|| stamp(now)),
            ..draft(seen.account, seen.id, &was, now, new.origin)
        };
        self.open(draft, None, None).await
    }

    /// The credential that asks, as one that a session can be derived from.
    async fn parent_of(&self, by: &Authorized) -> Result<Parent, Error> {
        let caller = by.caller().ok_or(Error::NotAllowed("nobody has no sessions"))?;
        let (id, session) = match &caller.credential {
            Credential::AccessKey(id) => (id, None),
            Credential::Session(session) => (&session.id, Some(session)),
            Credential::ApiToken(_) => return Err(Error::NotAllowed("an API token opens no session")),
        };
        if session.is_some_and(|s| s.must_change_password) {
            return Err(Error::NotAllowed("the password has to be changed first"));
        }
        let depth = if session.is_some() {
            let stored: Option<StoredSession> = self.read(&StoredSession::key(id)).await?;
            stored.ok_or(Error::NotAllowed("the session has ended"))?.depth + 1
        } else {
            1
        };
        if depth > SESSION_DEPTH_MAX {
            return Err(Error::LimitExceeded {
                what: "sessions derived one from another",
                limit: usize::from(SESSION_DEPTH_MAX),
            });
        }
        Ok(Parent {
            id: id.clone(),
            depth,
            caller: Arc::clone(caller),
        })
    }

    /// The documents a session is to be held to; `None`: to none of its own.
    async fn session_policies(&self, account: AccountId, ask: &AssumeRole) -> Result<Option<Vec<String>>, Error> {
        if ask.policy.is_none() && ask.policy_arns.is_empty() {
            return Ok(None);
        }
        if ask.policy_arns.len() > SESSION_POLICY_ARNS_MAX {
            return Err(Error::LimitExceeded {
                what: "policies of one session",
                limit: SESSION_POLICY_ARNS_MAX,
            });
        }
        let mut documents = Vec::new();
        if let Some(policy) = &ask.policy {
            if policy.chars().count() > SESSION_POLICY_CHARS_MAX {
                let why = format!("at most {SESSION_POLICY_CHARS_MAX} characters are expected");
                return Err(Invalid::new("Policy", why).into());
            }
            documents.push(policy.clone());
        }
        if !ask.policy_arns.is_empty() {
            let view = self.view().await?;
            for arn in &ask.policy_arns {
                let policy = view.policy(account, arn).await?.value;
                let key = StoredVersion::key(account, &policy, policy.default_version)?;
                let version = view
                    .get::<StoredVersion>(&key)
                    .await?
                    .ok_or(Error::Damaged("policy version"))?;
                documents.push(version.value.document);
            }
        }
        let bytes = documents.iter().map(String::len).sum();
        if bytes > SESSION_POLICY_BYTES_MAX {
            return Err(Error::PackedPolicyTooLarge { bytes });
        }
        for document in &documents {
            Policy::parse(document, DocumentKind::Session)?;
        }
        Ok(Some(documents))
    }

    /// Makes the secret of a drafted session and stores it.
    /// `maker` is whose room it takes, if it is another's than the session's own user.
    async fn open(
        &self,
        draft: StoredSession,
        token: Option<Secret>,
        maker: Option<(AccountId, UserId)>,
    ) -> Result<OpenedSession, Error> {
        let (account, user) = (account_id(draft.account)?, user_id(draft.user)?);
        let bytes = draft.bounds.iter().flatten().map(String::len).sum::<usize>();
        let packed_percent = u8::try_from((100 * bytes).div_ceil(SESSION_POLICY_BYTES_MAX)).unwrap_or(100);
        let (payer, room) = match &maker {
            Some(maker) => (*maker, Room::Made),
            None => ((account, user), Room::of(draft.kind)),
        };
        self.make_room(payer, room).await?;
        let made = self.tried(|| async {
            let (id, secret) = (
                ids::session_id(&*self.parts.entropy),
                ids::secret_key(&*self.parts.entropy),
            );
            let sealed_secret = {
                let nonce = self.parts.entropy.bytes();
                self.parts.sealer.seal(StoredSession::context(&id), &secret, nonce)
            };
            let stored = StoredSession {
                sealed_secret,
                ..draft.clone()
            };
            let own_row = StoredSession::by_user_key(account, user, &id);
            let mut request = Request::new()
                .absent(StoredSession::key(&id))
                .put(StoredSession::key(&id), encode(&stored)?)
                .put(own_row, Room::of(stored.kind).to_value());
            if let Some((account, user)) = maker {
                let makers_row = StoredSession::by_user_key(account, user, &id);
                request = request.put(makers_row, Room::Made.to_value());
            }
            Ok(self.settle(request, &[]).await?.then_some((id, secret)))
        });
        let (id, secret) = made.await?;
        Ok(OpenedSession {
            id,
            secret,
            token,
            expires: Timestamp::from_nanos(draft.expires_ns),
            packed_percent,
        })
    }
}

/// What a session is derived from.
struct Parent {
    id: AccessKeyId,
    /// How many parents the derived one has.
    depth: u8,
    caller: Arc<Caller>,
}

impl Parent {
    /// The drafted session as one of this parent: it ends with it at the latest.
    fn derive(&self, draft: StoredSession, wanted_end: Timestamp) -> StoredSession {
        let session = self.caller.session();
        StoredSession {
            parent: Some(self.id.to_string()),
            depth: self.depth,
            expires_ns: stamp(session.map_or(wanted_end, |s| wanted_end.min(s.expires))),
            mfa_ns: session.and_then(|s| s.mfa_at).map(stamp),
            ..draft
        }
    }
}

/// A session without what tells it from others.
fn draft(account: AccountId, user: UserId, was: &StoredUser, now: Timestamp, origin: Option<IpAddr>) -> StoredSession {
    StoredSession {
        account: account.as_u64(),
        user: user.as_u64(),
        sealed_secret: Vec::new(),
        token_hash: None,
        kind: StoredKind::Login,
        parent: None,
        depth: 0,
        name: String::new(),
        bounds: None,
        issued_ns: stamp(now),
        expires_ns: stamp(now),
        mfa_ns: None,
        origin: origin.map(|address| address.to_string()).unwrap_or_default(),
        generation: was.generation,
        login_generation: was.login_generation,
        connection: None,
    }
}
