//! What everything behind the door works with.

use baleen_audit::Audit;
use baleen_iam::{Iam, PublicUrl};
use baleen_objects::Objects;
use baleen_runtime::Clock;
use baleen_tenancy::Tenancy;
use baleen_types::RegionName;
use std::sync::Arc;

/// What the door is built from.
pub struct Parts {
    /// Users, keys, policies, sessions.
    pub iam: Arc<Iam>,
    /// Customers.
    pub tenancy: Arc<Tenancy>,
    /// What customers have stored, and have used.
    pub objects: Arc<Objects>,
    /// Who did what.
    pub audit: Arc<Audit>,
    /// Where this server is, for whitelists that hold in some regions only.
    pub region: RegionName,
    /// Where browsers reach this server, for federated logins.
    pub public_url: Option<PublicUrl>,
    /// Tells the time that requests are judged at.
    pub clock: Arc<dyn Clock>,
}
