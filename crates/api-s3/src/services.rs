//! What the operations work with.

use std::sync::Arc;

use baleen_objects::Objects;
use baleen_types::RegionName;

/// The services behind the door.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) objects: Arc<Objects>,
    pub(crate) region: RegionName,
}
