//! Accounts, users, access keys and API tokens; secrets sealed at rest.
//!
//! Doors turn credentials into a `policy::User` through [`Iam::access_key`] and [`Iam::api_token`]; `server` wires them.
//! There are no default credentials: the first start makes an account with its root user, see [`root`].
//!
//! Left out, for now: further customers and users, sessions, attached policies, passwords.

mod error;
pub mod login;
mod lookup;
mod master_key;
mod records;
pub mod root;

pub use error::Error;
pub use login::{NewPassword, PolicyViolation};
pub use lookup::AccessKey;
pub use master_key::load_or_create_master_key;
pub use root::{RootCredentials, RootOverrides, RootStart};

use baleen_meta::Meta;
use baleen_runtime::{Clock, Entropy};
use baleen_sealing::Sealer;
use std::sync::Arc;

/// The identity service.
pub struct Iam {
    parts: Parts,
    keys: lookup::Cache,
}

/// What the service is built from.
pub struct Parts {
    /// Where the records are.
    pub meta: Meta,
    /// Seals secret keys under the master key.
    pub sealer: Arc<Sealer>,
    /// Tells when a thing was made.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and secrets.
    pub entropy: Arc<dyn Entropy>,
}

impl Iam {
    /// Builds the service; reads nothing yet.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            parts,
            keys: lookup::Cache::default(),
        })
    }
}
