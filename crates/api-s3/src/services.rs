//! What the operations work with.

use std::sync::Arc;

use baleen_http::Gate;
use baleen_objects::Objects;
use baleen_runtime::Clock;
use baleen_types::RegionName;

use crate::logging::Logs;
use crate::rules::BucketPolicies;

/// The services behind the door.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) objects: Arc<Objects>,
    /// What buckets say of who may.
    pub(crate) policies: Arc<BucketPolicies>,
    /// Holds who has no credentials to the networks of a bucket's owner.
    pub(crate) gate: Arc<dyn Gate>,
    /// The logs of buckets.
    pub(crate) logs: Arc<Logs>,
    pub(crate) region: RegionName,
    /// Tells the time that policies are judged at.
    pub(crate) clock: Arc<dyn Clock>,
}

impl Services {
    /// The regions of the store; home is the first.
    pub(crate) fn regions(&self) -> Vec<RegionName> {
        let home = std::iter::once(&self.region);
        home.chain(self.objects.regions()).cloned().collect()
    }
}
