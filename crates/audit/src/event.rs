//! What the edge tells the log, and what a door tells the edge.

use async_trait::async_trait;
use baleen_policy::{Origin, Principal};
use baleen_types::{AccountId, RequestId, Timestamp};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What a request was about, as its door knows it: an extension of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// How much it matters that this is recorded.
    pub weight: Weight,
    /// The permission that was asked for, as policies name it (`iam:CreateUser`).
    pub action: &'static str,
    /// What it was to act on, as policies name it. Never a query string.
    pub resource: String,
    /// What the policy said.
    pub verdict: Verdict,
    /// The id of the statement that decided, when it has one.
    pub statement: Option<String>,
    /// Whose log it belongs to, when that is not the log of who asked: for nobody's requests, the owner of the thing.
    pub account: Option<AccountId>,
}

impl Deed {
    /// A deed that was allowed, in the log of who asked.
    #[must_use]
    pub fn allowed(weight: Weight, action: &'static str, resource: impl Into<String>) -> Self {
        Self {
            weight,
            action,
            resource: resource.into(),
            verdict: Verdict::Allowed,
            statement: None,
            account: None,
        }
    }

    /// A deed that was denied, in the log of who asked.
    #[must_use]
    pub fn denied(weight: Weight, action: &'static str, resource: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Denied,
            ..Self::allowed(weight, action, resource)
        }
    }
}

/// How much it matters that a deed is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Weight {
    /// It changes who may do what, or whose something is: identity, ownership, tokens, policies and settings of buckets,
    /// captures. In the log before it is answered.
    Change,
    /// It looks at such things. In the log soon.
    Look,
    /// It reads or writes objects. In the log when the operator wants it.
    Data,
}

/// What the policy said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Yes. What came of it is in the status.
    Allowed,
    /// No.
    Denied,
}

/// A request that is over, but for its answer.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it came.
    pub at: Timestamp,
    /// Its id.
    pub request: RequestId,
    /// Who asked; or, when `refusal` says why it was not believed, who was claimed to.
    pub principal: Principal,
    /// From where.
    pub origin: Origin,
    /// Which door it came by.
    pub door: &'static str,
    /// The operation it turned out to be.
    pub operation: &'static str,
    /// What the door says of it.
    pub deed: Option<Deed>,
    /// Why the edge did not let it in: a word of ours.
    pub refusal: Option<&'static str>,
    /// The status of the answer.
    pub status: u16,
}

impl Event {
    /// What the server did by itself, or its operator on its machine: nobody asked for it through a door.
    #[must_use]
    pub fn of_server(at: Timestamp, operation: &'static str, deed: Deed) -> Self {
        let nowhere = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        Self {
            at,
            request: RequestId::from_bytes([0; RequestId::BYTES]),
            principal: Principal::Nobody,
            origin: Origin {
                source: nowhere.ip(),
                peer: nowhere,
                is_secure: false,
            },
            door: "server",
            operation,
            deed: Some(deed),
            refusal: None,
            status: 0,
        }
    }

    /// Whose log it belongs to; nobody's, when nobody asked for what belongs to nobody.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        let named = self.deed.as_ref().and_then(|deed| deed.account);
        named.or_else(|| self.principal.user().map(|user| user.account))
    }

    /// Whether it was turned away, by the edge or by the policy.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refusal.is_some()
            || match &self.deed {
                Some(deed) => deed.verdict == Verdict::Denied,
                // A door that says nothing of what it did still says that it did nothing.
                None => matches!(self.status, 401 | 403),
            }
    }
}

/// Takes events; the log itself, or a stand-in of a test.
#[async_trait]
pub trait Recorder: Send + Sync + 'static {
    /// Records an event. Resolves at once, but for a [`Weight::Change`], when it is durable.
    ///
    /// # Errors
    /// When that could not be recorded; whoever says so has told the operator why.
    async fn record(&self, event: Event) -> Result<(), Unrecorded>;
}

/// A change that is not in the log, and so must not be answered as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unrecorded;

/// Records nothing: for doors that act for no account, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

#[async_trait]
impl Recorder for Silent {
    async fn record(&self, _event: Event) -> Result<(), Unrecorded> {
        Ok(())
    }
}
