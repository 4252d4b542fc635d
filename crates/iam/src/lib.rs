//! Users, access keys, sessions, policies and API tokens; secrets sealed at rest.
//!
//! Doors turn credentials into a `policy::Principal` through [`Iam::credential`] and [`Iam::token`]; `server` wires
//! them. What changes something takes the `Authorized` of who asks, and acts on the account of it. There are no default
//! credentials: the first start makes an account with its root user, see [`root`].
//!
//! A change is felt by every request that arrives after its answer, see `epochs`. This holds for one process over one
//! store; further processes over the same store would need to hear of changes.

mod accounts;
mod attachments;
mod cache;
mod change;
mod details;
mod epochs;
mod error;
mod federation;
mod force;
mod ids;
mod inline;
mod keys;
mod last_used;
pub mod limits;
pub mod login;
mod lookup;
mod owner;
mod paging;
mod policies;
mod purge;
mod records;
pub mod root;
mod sealed;
mod sessions;
mod sweep;
mod tags;
mod tokens;
mod totals;
mod users;
mod values;
mod versions;

pub use accounts::MadeCustomer;
pub use attachments::{AttachedPolicy, PolicyUser};
pub use details::{AccountCounts, Detail, DetailFilter, PolicyDetail, UserDetail};
pub use error::{DeleteConflict, Error, FederatedRefusal};
pub use federation::{
    FederatedAnswer, FederatedStart, LOGIN_CODE_LIFE, LOGIN_REQUEST_LIFE, PublicUrl, SAML_ANSWER_BYTES_MAX,
    SamlConnection, SamlProvider,
};
pub use keys::{AccessKeyInfo, LastUse, NewAccessKey};
pub use login::{
    Hashing, LogIn, LoggedIn, LoginCounts, LoginError, LoginProfile, LoginState, NewPassword, PolicyViolation,
    PreparedFactor,
};
pub use lookup::{Known, Lookup};
pub use paging::{Page, PageRequest};
pub use policies::{NewPolicy, PolicyFilter, PolicyInfo};
pub use root::{RootCredentials, RootOverrides, RootReset, RootStart};
pub use sealed::SEALED;
pub use sessions::{AssumeRole, LoginKind, NewSession, OpenedSession, SessionBeginning, SessionInfo, SessionLength};
pub use tokens::{
    CreatedToken, KnownToken, Method, Methods, TokenChange, TokenInfo, TokenLookup, TokenOptions, TokenSettings,
    TokenSettingsChange,
};
pub use users::{AuthMethod, NewUser, UserChange, UserCounts, UserInfo};
pub use values::{Description, Path, PathPrefix, PersonName, PolicyArn, PolicyName, SessionName, Tags};
pub use versions::{VersionInfo, VersionNumber};

use baleen_meta::Meta;
use baleen_policy::Policy;
use baleen_runtime::{Clock, Entropy};
use baleen_sealing::Sealer;
use baleen_tenancy::Tenancy;
use baleen_types::{AccessKeyId, AccountId, UserId};
use cache::Cache;
use epochs::Epochs;
use std::sync::Arc;

/// The identity service.
pub struct Iam {
    parts: Parts,
    epochs: Arc<Epochs>,
    credentials: Cache<AccessKeyId, Known>,
    users: Cache<(AccountId, UserId), force::InForce>,
    compiled: Cache<String, Policy>,
    uses: last_used::Uses,
    login: login::Login,
    tokens: tokens::Tokens,
}

/// What the service is built from.
pub struct Parts {
    /// Where the records are.
    pub meta: Meta,
    /// Knows the customers whose users these are.
    pub tenancy: Arc<Tenancy>,
    /// Seals secret keys under the master key.
    pub sealer: Arc<Sealer>,
    /// Tells when a thing was made.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and secrets.
    pub entropy: Arc<dyn Entropy>,
}

impl Iam {
    /// Builds the service; reads nothing yet.
    ///
    /// Passwords are hashed at the floor of the allowed cost; see [`Iam::with_hashing`].
    pub fn new(parts: Parts) -> Arc<Self> {
        let login = login::Login::uncalibrated(&parts.entropy);
        Self::build(parts, login)
    }

    /// Builds the service with a gate to the password hasher that was calibrated to the machine.
    pub fn with_hashing(parts: Parts, hashing: Arc<login::Hashing>) -> Arc<Self> {
        Self::build(parts, login::Login::new(hashing))
    }

    fn build(parts: Parts, login: login::Login) -> Arc<Self> {
        let tenancy = Arc::clone(&parts.tenancy);
        Arc::new(Self {
            login,
            tokens: tokens::Tokens::default(),
            parts,
            epochs: Arc::new(Epochs::new(move || tenancy.generation())),
            credentials: Cache::new(limits::CACHED_CREDENTIALS_MAX),
            users: Cache::new(limits::CACHED_USERS_MAX),
            compiled: Cache::new(limits::CACHED_POLICIES_MAX),
            uses: last_used::Uses::default(),
        })
    }
}
