//! The gate: whether a principal may come from where it comes from.

use async_trait::async_trait;
use baleen_policy::{Origin, Principal};
use baleen_types::{AccountId, RegionName};

/// Holds principals to the networks their account allows; implemented over the whitelists of `tenancy`, wired by `server`.
///
/// The edge asks once for each request, after it knows who asks and before a door or a body is looked at. So it is asked for
/// keys, sessions, presigned links and tokens alike.
#[async_trait]
pub trait Gate: Send + Sync + 'static {
    /// Lets `principal` in to the door of a name ([`crate::Door::name`]), or not. Nobody has no account, so that the edge lets it in; see [`Gate::admit_to`].
    async fn admit(&self, door: &str, principal: &Principal, origin: &Origin) -> Result<(), Barred>;

    /// Lets anybody at all in to what belongs to `account` behind the door of a name: that door asks it for a request without
    /// credentials, and for one of another account, once it knows the owner of what the request is about (identity contract,
    /// section 5).
    async fn admit_to(&self, door: &str, account: AccountId, origin: &Origin) -> Result<(), Barred>;

    /// Tells where `account` may keep data: a door asks it before something is made that will hold data.
    async fn regions_of(&self, account: AccountId) -> Result<AccountRegions, Barred>;
}

/// Where an account may keep data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountRegions {
    /// In any region.
    Any,
    /// In these.
    These {
        /// The regions.
        regions: Vec<RegionName>,
        /// Whether what it makes has to be in all of them (seed 004, RSAvailableRegions, `ReplicationEnforcement`).
        is_enforced: bool,
    },
}

impl AccountRegions {
    /// Whether data may be in a region.
    #[must_use]
    pub fn allow(&self, region: &RegionName) -> bool {
        match self {
            Self::Any => true,
            Self::These { regions, .. } => regions.contains(region),
        }
    }
}

/// The gate is closed. Doors render it as their "access denied", without a word on why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Barred {
    /// The account has a list, and the address is not on it.
    NotListed,
    /// The account may not use what is behind the door, or not in the region.
    Withheld,
    /// Nobody can tell now, which lets nobody in. Whoever says so has told the operator why.
    Unavailable,
}

/// A gate that stands open, for a server without whitelists and for tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenGate;

#[async_trait]
impl Gate for OpenGate {
    async fn admit(&self, _door: &str, _principal: &Principal, _origin: &Origin) -> Result<(), Barred> {
        Ok(())
    }

    async fn admit_to(&self, _door: &str, _account: AccountId, _origin: &Origin) -> Result<(), Barred> {
        Ok(())
    }

    async fn regions_of(&self, _account: AccountId) -> Result<AccountRegions, Barred> {
        Ok(AccountRegions::Any)
    }
}
