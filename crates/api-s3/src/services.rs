//! What the operations work with.

use std::sync::Arc;

use baleen_objects::Objects;
use baleen_runtime::Clock;
use baleen_types::RegionName;

/// The services behind the door.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) objects: Arc<Objects>,
    pub(crate) region: RegionName,
    /// Tells the time that policies are judged at.
    pub(crate) clock: Arc<dyn Clock>,
}
