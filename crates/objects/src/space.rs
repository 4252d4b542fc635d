//! How much of the disk is for what lives.

use baleen_types::RegionName;

/// What bodies come to in one region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Space {
    /// The region; `None` is home.
    pub region: Option<RegionName>,
    /// The bytes of all live bodies there, without headers, checksums and rounding.
    pub live_bytes: u64,
    /// What the folder takes of the file system; `None` if it is not there, or not as it was left.
    pub allocated_bytes: Option<u64>,
}
