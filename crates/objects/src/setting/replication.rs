//! In which regions the objects of a bucket have to be.

use super::setting;
use baleen_types::{Invalid, RegionName};
use serde::{Deserialize, Serialize};

/// The replication policy of a bucket (seed 004, CreateBucket, `replication-policy`). A bucket without one is in all regions of
/// the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicationPolicy {
    /// The names of the regions, sorted, each once.
    regions: Vec<String>,
}

setting!(ReplicationPolicy, "replication policy", Replication);

impl ReplicationPolicy {
    /// The policy of these regions, in whichever order.
    #[must_use]
    pub fn of(regions: &[RegionName]) -> Self {
        let mut regions: Vec<_> = regions.iter().map(ToString::to_string).collect();
        regions.sort();
        regions.dedup();
        Self { regions }
    }

    /// Whether objects have to be in a region.
    #[must_use]
    pub fn names(&self, region: &RegionName) -> bool {
        self.regions.iter().any(|name| name == region.as_str())
    }

    /// The regions, sorted.
    ///
    /// # Errors
    /// What is stored is damaged.
    pub fn regions(&self) -> Result<Vec<RegionName>, Invalid> {
        self.regions.iter().map(|name| RegionName::parse(name)).collect()
    }
}
